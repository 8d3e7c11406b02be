#include "bytes.h"

#include "mem.h"

#include <stdio.h>
#include <string.h>

enum { LEAST_ROOM = 64 };

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD in UTF-8 */

void du_bytes_init(struct du_bytes *bytes) {
    *bytes = (struct du_bytes){0};
}

void du_bytes_deinit(struct du_bytes *bytes) {
    du_free(bytes->data);
    du_bytes_init(bytes);
}

void du_bytes_clear(struct du_bytes *bytes) {
    bytes->size = 0;
    bytes->failed = false;
    if (bytes->data != NULL)
        bytes->data[0] = '\0';
}

char *du_bytes_reserve(struct du_bytes *bytes, size_t size) {
    if (bytes->failed || size >= SIZE_MAX / 2 - bytes->size) {
        bytes->failed = true;
        return NULL;
    }
    size_t needed = bytes->size + size + 1;
    if (needed > bytes->room) {
        size_t room = bytes->room * 2 > LEAST_ROOM ? bytes->room * 2 : LEAST_ROOM;
        room = room > needed ? room : needed;
        char *data = du_realloc(bytes->data, room);
        if (data == NULL) {
            bytes->failed = true;
            return NULL;
        }
        bytes->data = data;
        bytes->room = room;
    }
    return bytes->data + bytes->size;
}

void du_bytes_grew(struct du_bytes *bytes, size_t size) {
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

void du_bytes_add(struct du_bytes *bytes, const void *data, size_t size) {
    char *to = du_bytes_reserve(bytes, size);
    if (to == NULL)
        return;
    if (size > 0)
        memcpy(to, data, size);
    du_bytes_grew(bytes, size);
}

void du_bytes_text(struct du_bytes *bytes, const char *text) {
    du_bytes_add(bytes, text, strlen(text));
}

void du_bytes_format(struct du_bytes *bytes, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    du_bytes_vformat(bytes, format, arguments);
    va_end(arguments);
}

void du_bytes_integer(struct du_bytes *bytes, int64_t integer) {
    char digits[20];
    size_t first = sizeof digits;
    uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
    do
        digits[--first] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (integer < 0)
        digits[--first] = '-';
    du_bytes_add(bytes, digits + first, sizeof digits - first);
}

void du_bytes_vformat(struct du_bytes *bytes, const char *format, va_list arguments) {
    char brief[128]; /* nearly all fits, and is formatted once then */
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(brief, sizeof brief, format, arguments);
    bool fits = size >= 0 && (size_t)size < sizeof brief;
    char *to = size < 0 || fits ? NULL : du_bytes_reserve(bytes, (size_t)size);
    if (fits) {
        du_bytes_add(bytes, brief, (size_t)size);
    } else if (to != NULL) {
        vsnprintf(to, (size_t)size + 1, format, again);
        du_bytes_grew(bytes, (size_t)size);
    }
    bytes->failed |= size < 0;
    va_end(again);
}

static bool is_control(unsigned char c) {
    return (c < ' ' && c != '\t') || c == 127;
}

/* Has one of eight bytes at once a value below 32, or is one 127? Tabs are, too. */
static bool may_have_control(const char *text) {
    const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
    uint64_t eight;
    memcpy(&eight, text, sizeof eight);
    uint64_t del = eight ^ ones * 127;
    return (((eight - ones * ' ') & ~eight) | ((del - ones) & ~del)) & tops;
}

bool du_bytes_is_line(const char *text, size_t size) {
    size_t i = 0;
    while (i < size) {
        size_t step = size - i < 8 ? size - i : 8;
        if (step < 8 || may_have_control(text + i))
            for (size_t k = i; k < i + step; k++)
                if (is_control((unsigned char)text[k]))
                    return false;
        i += step;
    }
    return true;
}

/* The size of the UTF-8 sequence that text begins with, 0 when it is none (RFC 3629 section 4). */
static size_t sequence(const unsigned char *text, size_t left) {
    unsigned char first = text[0], low = 0x80, high = 0xBF;
    size_t size = first < 0x80                     ? 1
                  : first >= 0xC2 && first <= 0xDF ? 2
                  : first >= 0xE0 && first <= 0xEF ? 3
                  : first >= 0xF0 && first <= 0xF4 ? 4
                                                   : 0;
    if (size < 2 || size > left)
        return size > left ? 0 : size;
    if (first == 0xE0)
        low = 0xA0;
    if (first == 0xED)
        high = 0x9F;
    if (first == 0xF0)
        low = 0x90;
    if (first == 0xF4)
        high = 0x8F;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

bool du_bytes_is_utf8(const char *text, size_t size) {
    for (size_t at = 0, step; at < size; at += step)
        if ((step = sequence((const unsigned char *)text + at, size - at)) == 0)
            return false;
    return true;
}

/* The escape of RFC 8259 section 7; NULL when byte may stand for itself. */
static const char *escape(unsigned char byte, char room[8]) {
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i < sizeof shorts - 1; i += 2) {
        if ((unsigned char)shorts[i] == byte) {
            snprintf(room, 8, "\\%c", shorts[i + 1]);
            return room;
        }
    }
    if (byte >= 0x20 && byte != 0x7F)
        return NULL;
    snprintf(room, 8, "\\u%04x", byte);
    return room;
}

void du_bytes_json(struct du_bytes *bytes, const char *text, size_t size) {
    const unsigned char *from = (const unsigned char *)text;
    size_t plain = 0;
    du_bytes_add(bytes, "\"", 1);
    for (size_t i = 0; i < size;) {
        char room[8];
        size_t step = sequence(from + i, size - i);
        const char *instead = step == 0 ? replacement : step == 1 ? escape(from[i], room) : NULL;
        if (instead != NULL) {
            du_bytes_add(bytes, text + plain, i - plain);
            du_bytes_text(bytes, instead);
        }
        i += step == 0 ? 1 : step;
        if (instead != NULL)
            plain = i;
    }
    if (plain < size)
        du_bytes_add(bytes, text + plain, size - plain);
    du_bytes_add(bytes, "\"", 1);
}

void du_bytes_hex(struct du_bytes *bytes, const void *data, size_t size) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = data;
    char *to = du_bytes_reserve(bytes, size > SIZE_MAX / 4 ? SIZE_MAX : size * 2);
    if (to == NULL)
        return;
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    du_bytes_grew(bytes, size * 2);
}

void du_bytes_base64url(struct du_bytes *bytes, const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const unsigned char *from = data;
    char *to = du_bytes_reserve(bytes, size > SIZE_MAX / 4 ? SIZE_MAX : size / 3 * 4 + 4);
    if (to == NULL)
        return;
    size_t made = 0;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | from[i];
        for (held += 8; held >= 6; held -= 6)
            to[made++] = digits[bits >> (held - 6) & 63];
    }
    if (held > 0)
        to[made++] = digits[bits << (6 - held) & 63];
    du_bytes_grew(bytes, made);
}

enum du_error_kind du_bytes_check(const struct du_bytes *bytes) {
    return bytes->failed ? DU_MEMORY : DU_OK;
}

void du_bytes_consume(struct du_bytes *bytes, size_t size) {
    if (size == 0)
        return;
    memmove(bytes->data, bytes->data + size, bytes->size - size);
    bytes->size -= size;
    bytes->data[bytes->size] = '\0';
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool du_bytes_unbase64(const char *text, size_t size, unsigned char *out, size_t *out_size) {
    size_t digits = size;
    while (digits > 0 && size - digits < 2 && text[digits - 1] == '=')
        digits--;
    if (digits % 4 == 1 || (digits < size && size % 4 != 0))
        return false;
    uint32_t bits = 0;
    int held = 0;
    *out_size = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[(*out_size)++] = (unsigned char)(bits >> held);
        }
    }
    return (bits & ((1u << held) - 1)) == 0;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool du_bytes_unhex(const char *text, size_t size, unsigned char *out) {
    if (size % 2 != 0)
        return false;
    for (size_t i = 0; i < size; i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (unsigned char)(high << 4 | low);
    }
    return true;
}

struct du_slice du_slice_of(const char *text) {
    return (struct du_slice){text, strlen(text)};
}

bool du_slice_equal(struct du_slice a, struct du_slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static unsigned char fold(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool du_slice_equal_fold(struct du_slice a, struct du_slice b) {
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}
