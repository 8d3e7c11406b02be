#include "jwt.h"

#include "json.h"

#include <inttypes.h>
#include <string.h>

const char *du_jwt_refusal_text(enum du_jwt_refusal refusal) {
    switch (refusal) {
    case DU_JWT_FINE:
        return "the token is fine";
#define DU_JWT_REFUSAL(constant, text)                                                             \
    case DU_JWT_##constant:                                                                        \
        return text;
#include "jwt_refusal.def"
#undef DU_JWT_REFUSAL
    }
    return "";
}

/* Minting ----------------------------------------------------------------------------------- */

static void add_name(struct du_bytes *out, const char *name) {
    du_bytes_format(out, "%s\"%s\":", out->data[out->size - 1] == '{' ? "" : ",", name);
}

static void add_text(struct du_bytes *out, const char *name, const char *text) {
    if (text == NULL)
        return;
    add_name(out, name);
    du_bytes_json(out, text, strlen(text));
}

static void add_time(struct du_bytes *out, const char *name, int64_t seconds) {
    if (seconds == 0)
        return;
    add_name(out, name);
    du_bytes_format(out, "%" PRId64, seconds);
}

/* The members of an object, without its braces. */
static struct du_slice inside(const char *object) {
    const char *from = strchr(object, '{') + 1, *to = strrchr(object, '}');
    while (from < to && strchr(" \t\r\n", *from) != NULL)
        from++;
    return (struct du_slice){from, (size_t)(to - from)};
}

static enum du_error_kind write_payload(const struct du_jwt_claims *claims, struct du_bytes *out,
                                        struct du_error *error) {
    if (claims->extra != NULL && !du_json_object(claims->extra, strlen(claims->extra)))
        return du_error_set(error, DU_SCRIPT, "a token's extra claims are no JSON object");
    du_bytes_text(out, "{");
    if (du_bytes_check(out) != DU_OK)
        return du_error_set(error, DU_MEMORY, "mint a token");
    add_text(out, "iss", claims->issuer);
    add_text(out, "sub", claims->subject);
    add_text(out, "aud", claims->audience);
    add_text(out, "jti", claims->id);
    add_time(out, "iat", claims->issued_at);
    add_time(out, "nbf", claims->not_before);
    add_time(out, "exp", claims->expires_at);
    struct du_slice extra = claims->extra != NULL ? inside(claims->extra) : DU_SLICE("");
    if (extra.size > 0 && out->size > 1)
        du_bytes_text(out, ",");
    du_bytes_add(out, extra.data, extra.size);
    du_bytes_text(out, "}");
    if (du_bytes_check(out) != DU_OK)
        return du_error_set(error, DU_MEMORY, "mint a token");
    if (!du_json_object(out->data, out->size))
        return du_error_set(error, DU_SCRIPT, "a token's extra claims repeat one of its own");
    return DU_OK;
}

static enum du_error_kind sign(const struct du_key *key, const char *type,
                               const struct du_bytes *payload, struct du_bytes *token) {
    unsigned char signature[DU_KEY_SIGNATURE];
    struct du_bytes header;
    du_bytes_init(&header);
    du_bytes_text(&header, "{\"alg\":\"EdDSA\",\"typ\":");
    du_bytes_json(&header, type, strlen(type));
    du_bytes_format(&header, ",\"kid\":\"%s\"}", key->kid);
    enum du_error_kind kind = du_bytes_check(&header);
    if (kind == DU_OK) {
        du_bytes_base64url(token, header.data, header.size);
        du_bytes_text(token, ".");
        du_bytes_base64url(token, payload->data, payload->size);
        kind = du_bytes_check(token);
    }
    if (kind == DU_OK)
        kind = du_key_sign(key, token->data, token->size, signature);
    if (kind == DU_OK) {
        du_bytes_text(token, ".");
        du_bytes_base64url(token, signature, sizeof signature);
        kind = du_bytes_check(token);
    }
    du_bytes_deinit(&header);
    return kind;
}

enum du_error_kind du_jwt_mint(const struct du_key_set *set, const char *type,
                               const struct du_jwt_claims *claims, struct du_bytes *out,
                               struct du_error *error) {
    struct du_bytes payload, token;
    if (set->active == NULL)
        return du_error_set(error, DU_STORE,
                            "there is no key to sign with: make one with dunite keys new");
    du_bytes_init(&payload);
    du_bytes_init(&token);
    enum du_error_kind kind = write_payload(claims, &payload, error);
    if (kind == DU_OK && (kind = sign(set->active, type, &payload, &token)) != DU_OK)
        du_error_set(error, kind, "mint a token");
    if (kind == DU_OK && token.size > DU_JWT_MOST)
        kind = du_error_set(error, DU_STORE, "a token of %zu bytes is too long", token.size);
    if (kind == DU_OK) {
        du_bytes_add(out, token.data, token.size);
        kind = du_bytes_check(out);
    }
    du_bytes_deinit(&token);
    du_bytes_deinit(&payload);
    return kind;
}

/* Reading ----------------------------------------------------------------------------------- */

struct parts {
    struct du_slice header, payload, signature, signed_part;
};

static bool part(const char *token, size_t size, struct parts *parts) {
    const char *end = token + size;
    const char *first = memchr(token, '.', size);
    const char *second = first != NULL ? memchr(first + 1, '.', (size_t)(end - first) - 1) : NULL;
    if (second == NULL || memchr(second + 1, '.', (size_t)(end - second) - 1) != NULL)
        return false;
    parts->header = (struct du_slice){token, (size_t)(first - token)};
    parts->payload = (struct du_slice){first + 1, (size_t)(second - first) - 1};
    parts->signature = (struct du_slice){second + 1, (size_t)(end - second) - 1};
    parts->signed_part = (struct du_slice){token, (size_t)(second - token)};
    return true;
}

/* base64url in its one spelling: without padding, and not in the other alphabet. */
static bool decode(struct du_slice text, struct du_bytes *out) {
    size_t size;
    if (text.size == 0 || memchr(text.data, '=', text.size) != NULL ||
        memchr(text.data, '+', text.size) != NULL || memchr(text.data, '/', text.size) != NULL)
        return false;
    char *room = du_bytes_reserve(out, text.size * 3 / 4 + 3);
    if (room == NULL || !du_bytes_unbase64(text.data, text.size, (unsigned char *)room, &size))
        return false;
    du_bytes_grew(out, size);
    return true;
}

/* A string of the object, unescaped; empty when there is none. False: it is no string. */
static bool text_of(const struct du_bytes *json, const char *name, struct du_bytes *out) {
    struct du_slice value;
    enum du_json_type type;
    du_bytes_init(out);
    du_bytes_add(out, "", 0);
    if (!du_json_find(json->data, json->size, name, &value, &type))
        return true;
    return type == DU_JSON_STRING && du_json_string(value, out);
}

static bool is(const struct du_bytes *text, const char *wanted) {
    return text->data != NULL && text->size == strlen(wanted) &&
           memcmp(text->data, wanted, text->size) == 0;
}

static bool is_type(const struct du_bytes *text, const char *wanted) {
    static const struct du_slice prefix = {"application/", 12};
    struct du_slice type = {text->data, text->size};
    if (type.size > prefix.size &&
        du_slice_equal_fold((struct du_slice){type.data, prefix.size}, prefix))
        type = (struct du_slice){type.data + prefix.size, type.size - prefix.size};
    return type.data != NULL && du_slice_equal_fold(type, du_slice_of(wanted));
}

/* Verifying --------------------------------------------------------------------------------- */

struct header {
    struct du_bytes json, algorithm, type, kid;
};

static void header_deinit(struct header *header) {
    du_bytes_deinit(&header->json);
    du_bytes_deinit(&header->algorithm);
    du_bytes_deinit(&header->type);
    du_bytes_deinit(&header->kid);
}

/* "crit" names what a reader must understand, and we understand none of it (RFC 7515 section
 * 4.1.11). */
static bool has_crit(const struct du_bytes *json) {
    struct du_slice value;
    enum du_json_type type;
    return du_json_find(json->data, json->size, "crit", &value, &type);
}

static enum du_jwt_refusal check_header(const struct du_key_set *set, struct du_slice text,
                                        const struct du_jwt_wanted *wanted, struct header *header,
                                        const struct du_key **key) {
    if (!decode(text, &header->json) || !du_json_object(header->json.data, header->json.size) ||
        has_crit(&header->json) || !text_of(&header->json, "alg", &header->algorithm) ||
        !text_of(&header->json, "typ", &header->type) ||
        !text_of(&header->json, "kid", &header->kid))
        return DU_JWT_MALFORMED;
    if (!is(&header->algorithm, "EdDSA"))
        return DU_JWT_ALGORITHM;
    if (!is_type(&header->type, wanted->type))
        return DU_JWT_TYPE;
    *key = header->kid.data != NULL ? du_key_set_find(set, header->kid.data) : NULL;
    return *key != NULL ? DU_JWT_FINE : DU_JWT_KEY;
}

static enum du_jwt_refusal find_key(const struct du_key_set *set, struct du_slice text,
                                    const struct du_jwt_wanted *wanted, const struct du_key **key) {
    struct header header;
    memset(&header, 0, sizeof header);
    enum du_jwt_refusal refusal = check_header(set, text, wanted, &header, key);
    if (header.json.failed || header.algorithm.failed || header.type.failed || header.kid.failed)
        refusal = DU_JWT_NO_MEMORY;
    header_deinit(&header);
    return refusal;
}

static enum du_jwt_refusal check_signature(const struct du_key *key, const struct parts *parts) {
    struct du_bytes signature;
    du_bytes_init(&signature);
    bool good = decode(parts->signature, &signature) &&
                du_key_verify(key, parts->signed_part.data, parts->signed_part.size,
                              (const unsigned char *)signature.data, signature.size);
    enum du_jwt_refusal refusal = signature.failed ? DU_JWT_NO_MEMORY : DU_JWT_SIGNATURE;
    du_bytes_deinit(&signature);
    return good ? DU_JWT_FINE : refusal;
}

/* A time, 0 when there is none. False: it is no whole number above zero. */
static bool time_of(const struct du_bytes *json, const char *name, int64_t *seconds) {
    struct du_slice value;
    enum du_json_type type;
    *seconds = 0;
    if (!du_json_find(json->data, json->size, name, &value, &type))
        return true;
    return du_json_integer(value, seconds) && *seconds > 0;
}

static bool is_string(struct du_slice value, const char *wanted) {
    struct du_bytes text;
    du_bytes_init(&text);
    bool same = du_json_string(value, &text) && is(&text, wanted);
    du_bytes_deinit(&text);
    return same;
}

/* One string, or an array that holds it (RFC 7519 section 4.1.3). */
static bool has_audience(const struct du_bytes *json, const char *wanted) {
    struct du_slice value, element;
    enum du_json_type type;
    if (!du_json_find(json->data, json->size, "aud", &value, &type))
        return false;
    if (type == DU_JSON_STRING)
        return is_string(value, wanted);
    if (type != DU_JSON_ARRAY)
        return false;
    while (du_json_next(&value, &element, &type))
        if (type == DU_JSON_STRING && is_string(element, wanted))
            return true;
    return false;
}

static bool has_issuer(const struct du_bytes *json, const char *wanted) {
    struct du_slice value;
    enum du_json_type type;
    return du_json_find(json->data, json->size, "iss", &value, &type) && type == DU_JSON_STRING &&
           is_string(value, wanted);
}

enum du_jwt_refusal du_jwt_timely(const struct du_jwt *jwt, int64_t now_s) {
    if (now_s - DU_JWT_LEEWAY_S >= jwt->expires_at)
        return DU_JWT_EXPIRED;
    int64_t latest = now_s + DU_JWT_LEEWAY_S;
    return jwt->not_before > latest || jwt->issued_at > latest ? DU_JWT_NOT_YET : DU_JWT_FINE;
}

static enum du_jwt_refusal check_claims(const struct du_jwt_wanted *wanted, struct du_jwt *jwt) {
    const struct du_bytes *json = &jwt->payload;
    if (!du_json_object(json->data, json->size) || !text_of(json, "sub", &jwt->subject) ||
        !text_of(json, "jti", &jwt->id) || !time_of(json, "iat", &jwt->issued_at) ||
        !time_of(json, "nbf", &jwt->not_before) || !time_of(json, "exp", &jwt->expires_at) ||
        jwt->expires_at == 0)
        return DU_JWT_CLAIMS;
    if (!has_issuer(json, wanted->issuer))
        return DU_JWT_ISSUER;
    if (!has_audience(json, wanted->audience))
        return DU_JWT_AUDIENCE;
    return du_jwt_timely(jwt, wanted->now_s);
}

enum du_jwt_refusal du_jwt_verify(const struct du_key_set *set, const char *token, size_t size,
                                  const struct du_jwt_wanted *wanted, struct du_jwt *jwt) {
    struct parts parts;
    const struct du_key *key;
    if (size > DU_JWT_MOST)
        return DU_JWT_TOO_LONG;
    if (!part(token, size, &parts))
        return DU_JWT_MALFORMED;
    enum du_jwt_refusal refusal = find_key(set, parts.header, wanted, &key);
    if (refusal == DU_JWT_FINE)
        refusal = check_signature(key, &parts);
    if (refusal != DU_JWT_FINE)
        return refusal;
    memset(jwt, 0, sizeof *jwt);
    refusal = decode(parts.payload, &jwt->payload) ? check_claims(wanted, jwt) : DU_JWT_MALFORMED;
    if (jwt->payload.failed || jwt->subject.failed || jwt->id.failed)
        refusal = DU_JWT_NO_MEMORY;
    if (refusal != DU_JWT_FINE)
        du_jwt_deinit(jwt);
    return refusal;
}

void du_jwt_deinit(struct du_jwt *jwt) {
    du_bytes_deinit(&jwt->payload);
    du_bytes_deinit(&jwt->subject);
    du_bytes_deinit(&jwt->id);
}
