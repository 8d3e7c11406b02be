#ifndef DU_TEST_STORE_ISSUING_H
#define DU_TEST_STORE_ISSUING_H

/* What the tests of tokens share: an issuer with one key, tokens that it mints, and tokens of any
 * text that it signs. */

#include "fixture.h"
#include "jwt.h"

enum { NOW = FIXTURE_WALL_S };

struct issuer {
    struct du_keys *keys;
    struct du_key_set *set;
};

static inline struct issuer open_issuer(struct fixture *fixture) {
    char path[FIXTURE_PATH], kid[DU_KEY_ID];
    struct issuer issuer;
    assert_int_equal(
        du_keys_open(&issuer.keys, &fixture->base, fixture_path(fixture, "keys", path), NULL),
        DU_OK);
    assert_int_equal(du_keys_make(issuer.keys, kid, NULL), DU_OK);
    issuer.set = du_keys_set(issuer.keys);
    return issuer;
}

static inline void close_issuer(struct issuer *issuer) {
    du_key_set_unref(&issuer->set);
    du_keys_close(&issuer->keys);
}

static inline struct du_jwt_claims claims(void) {
    return (struct du_jwt_claims){.issuer = "https://gate",
                                  .subject = "ada",
                                  .audience = "registry",
                                  .id = "7",
                                  .issued_at = NOW,
                                  .not_before = NOW,
                                  .expires_at = NOW + 900};
}

static inline struct du_jwt_wanted wanted_at(int64_t now) {
    return (struct du_jwt_wanted){
        .type = "at+jwt", .issuer = "https://gate", .audience = "registry", .now_s = now};
}

static inline enum du_jwt_refusal verify_at(struct issuer *issuer, const char *token, size_t size,
                                            int64_t now) {
    struct du_jwt jwt;
    struct du_jwt_wanted wanted = wanted_at(now);
    enum du_jwt_refusal refusal = du_jwt_verify(issuer->set, token, size, &wanted, &jwt);
    if (refusal == DU_JWT_FINE)
        du_jwt_deinit(&jwt);
    return refusal;
}

static inline void assert_verdict(struct issuer *issuer, const char *token,
                                  enum du_jwt_refusal expected) {
    enum du_jwt_refusal refusal = verify_at(issuer, token, strlen(token), NOW);
    if (refusal != expected)
        fail_msg("%s: %s", du_jwt_refusal_text(refusal), token);
}

/* A token of these very texts, rightly signed by the active key; size is what was written. */
static inline char *craft(struct issuer *issuer, const char *header, const char *payload) {
    static char text[3 * DU_JWT_MOST];
    unsigned char signature[DU_KEY_SIGNATURE];
    struct du_bytes token;
    du_bytes_init(&token);
    du_bytes_base64url(&token, header, strlen(header));
    du_bytes_text(&token, ".");
    du_bytes_base64url(&token, payload, strlen(payload));
    assert_int_equal(du_key_sign(issuer->set->active, token.data, token.size, signature), DU_OK);
    du_bytes_text(&token, ".");
    du_bytes_base64url(&token, signature, sizeof signature);
    snprintf(text, sizeof text, "%s", token.data);
    du_bytes_deinit(&token);
    return text;
}

static inline char *with_header(struct issuer *issuer, const char *format) {
    char header[512], payload[256];
    snprintf(header, sizeof header, format, issuer->set->active->kid);
    snprintf(payload, sizeof payload,
             "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":%lld}", NOW + 900LL);
    return craft(issuer, header, payload);
}

static inline char *with_payload(struct issuer *issuer, const char *payload) {
    char header[128];
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
             issuer->set->active->kid);
    return craft(issuer, header, payload);
}

static inline char *mint(struct issuer *issuer, struct du_jwt_claims what) {
    static char text[DU_JWT_MOST + 1];
    struct du_bytes token;
    struct du_error error;
    du_bytes_init(&token);
    if (du_jwt_mint(issuer->set, "at+jwt", &what, &token, &error) != DU_OK)
        fail_msg("%s", error.message);
    snprintf(text, sizeof text, "%s", token.data);
    du_bytes_deinit(&token);
    return text;
}

#endif
