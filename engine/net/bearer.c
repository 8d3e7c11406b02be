#include "bearer.h"

#include "json.h"
#include "list.h"
#include "mem.h"

#include <string.h>

enum { DEFAULT_SECONDS = 60, MARGIN_MS = 30000, MARGIN_SHARE = 10 };

/* More seconds than any token lives; keeps sums of milliseconds far from overflowing. */
static const int64_t most_seconds = INT64_C(100) * 366 * 86400;

static void free_token(struct du_value *value) {
    struct du_bearer *token = du_container_of(value, struct du_bearer, value);
    explicit_bzero(token->text, strlen(token->text));
    du_free(token);
}

static const struct du_value_type token_type = {"token", free_token};

struct du_bearer *du_bearer_ref(struct du_bearer *token) {
    du_value_ref(&token->value);
    return token;
}

void du_bearer_unref(struct du_bearer **token) {
    struct du_value *value = *token != NULL ? &(*token)->value : NULL;
    *token = NULL;
    du_value_unref(&value);
}

static bool find_integer(const char *text, size_t size, const char *key, int64_t *integer) {
    struct du_slice value;
    enum du_json_type type;
    return du_json_find(text, size, key, &value, &type) && type == DU_JSON_NUMBER &&
           du_json_integer(value, integer);
}

/* The `exp` of a JWT, read without a look at its signature: it is not us whom the token must
 * convince. */
static bool find_exp(const char *token, int64_t *seconds) {
    const char *from = strchr(token, '.');
    const char *to = from != NULL ? strchr(from + 1, '.') : NULL;
    if (to == NULL)
        return false;
    size_t size = (size_t)(to - from - 1), decoded_size;
    unsigned char *decoded = du_malloc(size * 3 / 4 + 3);
    bool found = decoded != NULL && du_bytes_unbase64(from + 1, size, decoded, &decoded_size) &&
                 find_integer((const char *)decoded, decoded_size, "exp", seconds);
    du_free(decoded);
    return found;
}

static int64_t bounded(int64_t seconds) {
    return seconds < 0 ? 0 : seconds < most_seconds ? seconds : most_seconds;
}

static int64_t good_until_ms(const char *token, struct du_slice answer, int64_t wall_ms) {
    int64_t seconds = DEFAULT_SECONDS, left_ms;
    if (find_exp(token, &seconds)) {
        left_ms = bounded(seconds) * 1000 - wall_ms;
    } else {
        if (!find_integer(answer.data, answer.size, "expires_in", &seconds) || seconds <= 0)
            seconds = DEFAULT_SECONDS;
        left_ms = bounded(seconds) * 1000;
    }
    int64_t margin = left_ms / MARGIN_SHARE;
    return wall_ms + left_ms - (margin < MARGIN_MS ? margin : MARGIN_MS);
}

/* Some answer with one name, some with the other, some with both (then they are the same). */
static bool find_text(struct du_slice answer, struct du_bytes *text) {
    static const char *const keys[] = {"token", "access_token"};
    struct du_slice value;
    enum du_json_type type;
    if (!du_json_object(answer.data, answer.size))
        return false;
    for (size_t i = 0; text->size == 0 && i < sizeof keys / sizeof *keys; i++) {
        if (du_json_find(answer.data, answer.size, keys[i], &value, &type) &&
            type == DU_JSON_STRING && !du_json_string(value, text))
            return false;
    }
    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] <= ' ' || text->data[i] == 0x7f)
            return false;
    }
    return text->size > 0 || text->failed;
}

enum du_error_kind du_bearer_read(struct du_slice answer, int64_t wall_ms, struct du_bearer **read,
                                  struct du_error *error) {
    struct du_bytes text = {0};
    struct du_bearer *token = NULL;
    enum du_error_kind kind = DU_OK;
    if (!find_text(answer, &text))
        kind = du_error_set(error, DU_UPSTREAM, "the token server's answer holds no token");
    else if (!text.failed)
        token = du_calloc(1, sizeof *token + text.size + 1);
    if (token != NULL) {
        du_value_init(&token->value, &token_type);
        memcpy(token->text, text.data, text.size + 1);
        token->good_until_ms = good_until_ms(token->text, answer, wall_ms);
        *read = token;
    } else if (kind == DU_OK) {
        kind = du_error_set(error, DU_MEMORY, "no memory for a token");
    }
    if (text.data != NULL)
        explicit_bzero(text.data, text.size);
    du_bytes_deinit(&text);
    return kind;
}
