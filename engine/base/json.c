#include "json.h"

#include <string.h>

enum { DEPTH = 64, MEMBERS = 128, MALFORMED = -1, CLOSED = -2 };

/* What is left to read. */
struct scan {
    const char *at, *end;
};

static bool value(struct scan *scan, int depth, enum du_json_type *type);

static bool take(struct scan *scan, char wanted) {
    if (scan->at == scan->end || *scan->at != wanted)
        return false;
    scan->at++;
    return true;
}

static void space(struct scan *scan) {
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

/* Strings ----------------------------------------------------------------------------------- */

static int32_t hex4(struct scan *scan) {
    int32_t code = 0;
    if (scan->end - scan->at < 4)
        return MALFORMED;
    for (int i = 0; i < 4; i++, scan->at++) {
        char digit = *scan->at;
        if (digit >= '0' && digit <= '9')
            code = code * 16 + digit - '0';
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
            code = code * 16 + (digit | 32) - 'a' + 10;
        else
            return MALFORMED;
    }
    return code;
}

/* After "\u"; a surrogate only as a pair. */
static int32_t unicode_escape(struct scan *scan) {
    int32_t high = hex4(scan);
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || !take(scan, '\\') || !take(scan, 'u'))
        return MALFORMED;
    int32_t low = hex4(scan);
    if (low < 0xdc00 || low > 0xdfff)
        return MALFORMED;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static int32_t escape(struct scan *scan) {
    static const char names[] = "\"\\/bfnrt", codes[] = "\"\\/\b\f\n\r\t";
    if (take(scan, 'u'))
        return unicode_escape(scan);
    if (scan->at == scan->end)
        return MALFORMED;
    const char *name = memchr(names, *scan->at++, sizeof names - 1);
    return name != NULL ? codes[name - names] : MALFORMED;
}

/* The rest of a UTF-8 sequence (RFC 3629): shortest form, no surrogates, up to U+10FFFF. */
static int32_t sequence(struct scan *scan, unsigned char first) {
    int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (first < 0xc2 || first > 0xf4 || scan->end - scan->at < more)
        return MALFORMED;
    int32_t code = first & (0x3f >> more);
    for (int i = 0; i < more; i++, scan->at++) {
        unsigned char byte = (unsigned char)*scan->at;
        if ((byte & 0xc0) != 0x80)
            return MALFORMED;
        code = code << 6 | (byte & 0x3f);
    }
    bool good = code >= least[more] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return good ? code : MALFORMED;
}

/* The next character of a string whose opening quote was taken. */
static int32_t character(struct scan *scan) {
    if (scan->at == scan->end)
        return MALFORMED;
    unsigned char byte = (unsigned char)*scan->at++;
    if (byte == '"')
        return CLOSED;
    if (byte == '\\')
        return escape(scan);
    if (byte < 0x20)
        return MALFORMED;
    return byte < 0x80 ? byte : sequence(scan, byte);
}

static bool string(struct scan *scan) {
    int32_t code = take(scan, '"') ? 0 : MALFORMED;
    while (code >= 0)
        code = character(scan);
    return code == CLOSED;
}

/* Compares two strings that were scanned well, from their opening quotes. */
static bool same_string(struct scan a, struct scan b) {
    int32_t left, right;
    a.at++, b.at++;
    do {
        left = character(&a);
        right = character(&b);
    } while (left == right && left >= 0);
    return left == right;
}

static bool same_text(struct scan a, const char *text) {
    struct scan plain = {text, text + strlen(text)};
    a.at++;
    while (plain.at < plain.end) {
        unsigned char byte = (unsigned char)*plain.at++;
        int32_t wanted = byte < 0x80 ? byte : sequence(&plain, byte);
        if (wanted < 0 || character(&a) != wanted)
            return false;
    }
    return character(&a) == CLOSED;
}

static void add_utf8(struct du_bytes *out, int32_t code) {
    char bytes[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(lead[size] | code);
    du_bytes_add(out, bytes, size);
}

bool du_json_string(struct du_slice text, struct du_bytes *out) {
    struct scan scan = {text.data, text.data + text.size};
    if (!take(&scan, '"'))
        return false;
    du_bytes_add(out, "", 0);
    int32_t code;
    while ((code = character(&scan)) > 0)
        add_utf8(out, code);
    return code == CLOSED && scan.at == scan.end;
}

/* Numbers ----------------------------------------------------------------------------------- */

static bool digits(struct scan *scan) {
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > from;
}

static bool whole_number(struct scan *scan) {
    take(scan, '-');
    return take(scan, '0') || digits(scan);
}

static bool number(struct scan *scan) {
    if (!whole_number(scan) || (take(scan, '.') && !digits(scan)))
        return false;
    if (!take(scan, 'e') && !take(scan, 'E'))
        return true;
    if (!take(scan, '+'))
        take(scan, '-');
    return digits(scan);
}

bool du_json_integer(struct du_slice text, int64_t *integer) {
    struct scan scan = {text.data, text.data + text.size};
    if (!whole_number(&scan) || scan.at != scan.end)
        return false;
    bool negative = *text.data == '-';
    int64_t sum = 0;
    for (const char *at = text.data + negative; at < scan.end; at++) {
        int digit = negative ? '0' - *at : *at - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *integer = sum;
    return true;
}

/* Values ------------------------------------------------------------------------------------ */

static bool word(struct scan *scan, const char *wanted) {
    size_t size = strlen(wanted);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, wanted, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static bool array(struct scan *scan, int depth) {
    enum du_json_type type;
    scan->at++;
    space(scan);
    if (take(scan, ']'))
        return true;
    do {
        if (!value(scan, depth, &type))
            return false;
    } while (take(scan, ','));
    return take(scan, ']');
}

/* A member up to its value: space, key, space, colon. */
static bool key_of(struct scan *scan, struct scan *key) {
    space(scan);
    key->at = scan->at;
    if (!string(scan))
        return false;
    key->end = scan->at;
    space(scan);
    return take(scan, ':');
}

static bool object(struct scan *scan, int depth) {
    enum du_json_type type;
    struct scan key;
    scan->at++;
    space(scan);
    if (take(scan, '}'))
        return true;
    do {
        if (!key_of(scan, &key) || !value(scan, depth, &type))
            return false;
    } while (take(scan, ','));
    return take(scan, '}');
}

static bool bare(struct scan *scan, int depth, enum du_json_type *type) {
    switch (*scan->at) {
    case '{':
        *type = DU_JSON_OBJECT;
        return object(scan, depth + 1);
    case '[':
        *type = DU_JSON_ARRAY;
        return array(scan, depth + 1);
    case '"':
        *type = DU_JSON_STRING;
        return string(scan);
    case 't':
    case 'f':
        *type = DU_JSON_BOOLEAN;
        return word(scan, "true") || word(scan, "false");
    case 'n':
        *type = DU_JSON_NULL;
        return word(scan, "null");
    }
    *type = DU_JSON_NUMBER;
    return number(scan);
}

/* One value with the space around it. */
static bool value(struct scan *scan, int depth, enum du_json_type *type) {
    space(scan);
    if (scan->at == scan->end || depth >= DEPTH || !bare(scan, depth, type))
        return false;
    space(scan);
    return true;
}

/* A value without the space around it. */
static bool bare_value(struct scan *scan, struct du_slice *text, enum du_json_type *type) {
    space(scan);
    const char *from = scan->at;
    if (!value(scan, 1, type))
        return false;
    const char *to = scan->at;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\n' || to[-1] == '\r'))
        to--;
    *text = (struct du_slice){from, (size_t)(to - from)};
    return true;
}

static bool open_object(struct scan *scan) {
    space(scan);
    return take(scan, '{');
}

static bool seen(const struct scan *keys, size_t count, struct scan key) {
    for (size_t i = 0; i < count; i++)
        if (same_string(keys[i], key))
            return true;
    return false;
}

bool du_json_object(const char *text, size_t size) {
    struct scan scan = {text, text + size}, keys[MEMBERS];
    size_t count = 0;
    enum du_json_type type;
    if (!open_object(&scan))
        return false;
    space(&scan);
    bool good = take(&scan, '}');
    if (!good) {
        do {
            if (count == MEMBERS || !key_of(&scan, &keys[count]) ||
                seen(keys, count, keys[count]) || !value(&scan, 1, &type))
                return false;
            count++;
        } while (take(&scan, ','));
        good = take(&scan, '}');
    }
    space(&scan);
    return good && scan.at == scan.end;
}

bool du_json_find(const char *text, size_t size, const char *key, struct du_slice *found,
                  enum du_json_type *type) {
    struct scan scan = {text, text + size}, name;
    if (!open_object(&scan))
        return false;
    do {
        if (!key_of(&scan, &name) || !bare_value(&scan, found, type))
            return false;
        if (same_text(name, key))
            return true;
    } while (take(&scan, ','));
    return false;
}

bool du_json_next(struct du_slice *rest, struct du_slice *found, enum du_json_type *type) {
    struct scan scan = {rest->data, rest->data + rest->size};
    space(&scan);
    if ((!take(&scan, '[') && !take(&scan, ',')) || !bare_value(&scan, found, type))
        return false;
    *rest = (struct du_slice){scan.at, (size_t)(scan.end - scan.at)};
    return true;
}
