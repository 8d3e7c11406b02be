#include "want.h"

#include "mem.h"
#include "url.h"

#include <stdio.h>
#include <string.h>

static void free_want(struct du_value *value) {
    struct du_want *want = du_container_of(value, struct du_want, value);
    du_origin_unref(&want->origin);
    du_free(want);
}

static const struct du_value_type want_type = {"want", free_want};

/* All texts stand behind the struct, in one block. ------------------------------------------- */

static size_t room_for(const char *text) {
    return text != NULL ? strlen(text) + 1 : 0;
}

static const char *put(char **room, const char *text) {
    size_t size = room_for(text);
    char *copy = *room;
    if (size == 0)
        return NULL;
    memcpy(copy, text, size);
    *room += size;
    return copy;
}

static size_t header_count(const char *const *headers) {
    size_t count = 0;
    while (headers != NULL && headers[count] != NULL)
        count++;
    return count;
}

static size_t room_for_all(const struct du_cache_options *options, size_t headers) {
    size_t room = 1 + sizeof options->digest->sha256;                   /* the key of a digest */
    room += 2 * (room_for(options->name) + room_for(options->version)); /* the key has them again */
    room += room_for(options->source) + room_for(options->member) + room_for(options->url) +
            room_for(options->scope);
    for (size_t i = 0; i < headers; i++)
        room += room_for(options->headers[i]);
    return room;
}

/* A letter for the sort, then the digest's bytes, or name and version, each with its NUL. */
static void put_key(struct du_want *want, char **room) {
    char *start = *room;
    want->key = start;
    *(*room)++ = want->by_digest ? 'd' : 'n';
    if (want->by_digest) {
        memcpy(*room, want->digest.sha256, sizeof want->digest.sha256);
        *room += sizeof want->digest.sha256;
    } else {
        put(room, want->name);
        put(room, want->version);
    }
    want->key_size = (size_t)(*room - start);
}

struct du_want *du_want_new(const struct du_cache_options *options) {
    size_t headers = header_count(options->headers);
    size_t table = (headers + 1) * sizeof(char *);
    struct du_want *want = du_calloc(1, sizeof *want + table + room_for_all(options, headers));
    if (want == NULL)
        return NULL;
    const char **copies = (const char **)(want + 1);
    char *room = (char *)(copies + headers + 1);
    du_value_init(&want->value, &want_type);
    want->by_digest = options->digest != NULL;
    if (want->by_digest)
        want->digest = *options->digest;
    want->name = put(&room, options->name);
    want->version = put(&room, options->version);
    want->size = options->size;
    want->source = put(&room, options->source);
    want->member = put(&room, options->member);
    want->origin = options->origin != NULL ? du_origin_ref(options->origin) : NULL;
    want->url = put(&room, options->url);
    want->scope = put(&room, options->scope);
    for (size_t i = 0; i < headers; i++)
        copies[i] = put(&room, options->headers[i]);
    want->headers = copies;
    want->foreign = options->foreign;
    want->cancel_when_abandoned = options->cancel_when_abandoned;
    put_key(want, &room);
    return want;
}

struct du_want *du_want_ref(struct du_want *want) {
    du_value_ref(&want->value);
    return want;
}

void du_want_unref(struct du_want **want) {
    struct du_value *value = *want != NULL ? &(*want)->value : NULL;
    *want = NULL;
    du_value_unref(&value);
}

const struct du_want *du_want_of(const struct du_value *value) {
    return value != NULL && value->type == &want_type ? (const struct du_want *)value : NULL;
}

bool du_want_same_source(const struct du_want *a, const struct du_want *b) {
    return strcmp(a->source != NULL ? a->source : "", b->source != NULL ? b->source : "") == 0;
}

enum du_error_kind du_want_check_url(const struct du_want *want, struct du_error *error) {
    struct du_url origin = {0}, url = {0};
    if (want->foreign || want->url[0] == '/')
        return DU_OK;
    enum du_error_kind kind = du_url_parse(want->url, &url, error);
    if (kind == DU_OK)
        kind = du_url_parse(du_origin_url(want->origin), &origin, error);
    if (kind == DU_OK && !du_url_same_origin(&origin, &url))
        kind = du_error_set(error, DU_INVALID_URL, "%s is not of %s", want->url,
                            du_origin_name(want->origin));
    du_url_deinit(&origin);
    du_url_deinit(&url);
    return kind;
}

const char *du_want_text(const struct du_want *want, char text[DU_WANT_TEXT]) {
    if (want->by_digest)
        return du_digest_format(&want->digest, text);
    snprintf(text, DU_WANT_TEXT, "%s %s", want->name, want->version != NULL ? want->version : "");
    return text;
}
