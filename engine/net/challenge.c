#include "challenge.h"

#include <string.h>

struct reader {
    const char *at, *end;
};

static const struct du_slice names[] = {DU_SLICE("realm"), DU_SLICE("service"), DU_SLICE("scope")};

void du_challenge_init(struct du_challenge *challenge) {
    *challenge = (struct du_challenge){.scheme = DU_CHALLENGE_NONE};
}

void du_challenge_deinit(struct du_challenge *challenge) {
    du_bytes_deinit(&challenge->realm);
    du_bytes_deinit(&challenge->service);
    du_bytes_deinit(&challenge->scope);
    challenge->scheme = DU_CHALLENGE_NONE;
}

static bool is_token(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static void skip(struct reader *reader, const char *set) {
    while (reader->at < reader->end && *reader->at != '\0' && strchr(set, *reader->at) != NULL)
        reader->at++;
}

static bool next_is(const struct reader *reader, char c) {
    return reader->at < reader->end && *reader->at == c;
}

static struct du_slice read_token(struct reader *reader) {
    const char *from = reader->at;
    while (reader->at < reader->end && is_token(*reader->at))
        reader->at++;
    return (struct du_slice){from, (size_t)(reader->at - from)};
}

/* RFC 9110 section 5.6.4; the opening quote has been seen. */
static bool read_quoted(struct reader *reader, struct du_bytes *value) {
    for (reader->at++; reader->at < reader->end && *reader->at != '"'; reader->at++) {
        if (*reader->at == '\\' && ++reader->at == reader->end)
            return false;
        if (is_control(*reader->at))
            return false;
        du_bytes_add(value, reader->at, 1);
    }
    if (!next_is(reader, '"'))
        return false;
    reader->at++;
    return true;
}

/* A token by the grammar; some servers forget the quotes around a URL, so anything up to the comma.
 */
static bool read_bare(struct reader *reader, struct du_bytes *value) {
    const char *from = reader->at;
    while (reader->at < reader->end && *reader->at != ',' && *reader->at != ' ' &&
           *reader->at != '\t') {
        if (is_control(*reader->at++))
            return false;
    }
    du_bytes_add(value, from, (size_t)(reader->at - from));
    return true;
}

/* The name of a parameter, if that is what comes: else the reader stays where it is, for what comes
 * is the scheme of the next challenge. */
static bool read_name(struct reader *reader, struct du_slice *name) {
    struct reader ahead = *reader;
    *name = read_token(&ahead);
    skip(&ahead, " \t");
    if (name->size == 0 || !next_is(&ahead, '='))
        return false;
    ahead.at++;
    skip(&ahead, " \t");
    *reader = ahead;
    return true;
}

static struct du_bytes *place_of(struct du_challenge *challenge, struct du_slice name) {
    struct du_bytes *places[] = {&challenge->realm, &challenge->service, &challenge->scope};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (du_slice_equal_fold(name, names[i]))
            return places[i];
    }
    return NULL;
}

static bool read_parameters(struct reader *reader, struct du_challenge *challenge) {
    struct du_slice name;
    struct reader before;
    for (before = *reader; read_name(reader, &name); before = *reader, skip(reader, " \t,")) {
        struct du_bytes ignored = {0};
        struct du_bytes *place = place_of(challenge, name);
        bool wanted = place != NULL && place->size == 0;
        bool good = next_is(reader, '"') ? read_quoted(reader, wanted ? place : &ignored)
                                         : read_bare(reader, wanted ? place : &ignored);
        du_bytes_deinit(&ignored);
        if (!good)
            return false;
    }
    *reader = before;
    return true;
}

/* Credentials in one piece, as Negotiate has them (RFC 9110 section 11.2); we only step over it. */
static void skip_token68(struct reader *reader) {
    struct reader ahead = *reader;
    while (ahead.at < ahead.end && (is_token(*ahead.at) || *ahead.at == '/'))
        ahead.at++;
    skip(&ahead, "=");
    skip(&ahead, " \t");
    if (ahead.at == ahead.end || *ahead.at == ',')
        *reader = ahead;
}

static enum du_error_kind read_one(struct reader *reader, struct du_challenge *one) {
    struct du_slice scheme = read_token(reader);
    if (scheme.size == 0)
        return DU_UPSTREAM;
    bool bare = !next_is(reader, ' ') && !next_is(reader, '\t');
    skip(reader, " \t");
    if (!bare)
        skip_token68(reader);
    if (!bare && !read_parameters(reader, one))
        return DU_UPSTREAM;
    skip(reader, " \t");
    if (reader->at < reader->end && *reader->at != ',')
        return DU_UPSTREAM;
    if (one->realm.failed || one->service.failed || one->scope.failed)
        return DU_MEMORY;
    if (du_slice_equal_fold(scheme, DU_SLICE("Bearer")) && one->realm.size > 0)
        one->scheme = DU_CHALLENGE_BEARER;
    else if (du_slice_equal_fold(scheme, DU_SLICE("Basic")))
        one->scheme = DU_CHALLENGE_BASIC;
    return DU_OK;
}

enum du_error_kind du_challenge_read(struct du_challenge *challenge, struct du_slice value) {
    struct reader reader = {value.data, value.data + value.size};
    struct du_challenge best;
    enum du_error_kind kind = DU_OK;
    du_challenge_init(&best);
    for (skip(&reader, " \t,"); kind == DU_OK && reader.at < reader.end; skip(&reader, " \t,")) {
        struct du_challenge one;
        du_challenge_init(&one);
        kind = read_one(&reader, &one);
        struct du_challenge *worse = one.scheme > best.scheme ? &best : &one;
        du_challenge_deinit(worse);
        if (worse == &best)
            best = one;
    }
    if (kind == DU_OK && best.scheme > challenge->scheme) {
        du_challenge_deinit(challenge);
        *challenge = best;
    } else {
        du_challenge_deinit(&best);
    }
    return kind;
}
