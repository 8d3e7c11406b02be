#ifndef DU_BYTES_H
#define DU_BYTES_H

/* A growing run of bytes, and a slice of somebody else's.
 *
 * Invariants
 *  1. data[size] is always NUL once anything was added, so text can be read as a C string.
 *  2. A failed addition marks the buffer (failed) and later additions do nothing: build first, look
 *     once at the end.
 */

#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_bytes {
    char *data;
    size_t size, room;
    bool failed;
};

struct du_slice {
    const char *data; /* not NUL-terminated */
    size_t size;
};

#define DU_SLICE(literal) ((struct du_slice){literal, sizeof(literal) - 1})

void du_bytes_init(struct du_bytes *bytes);
void du_bytes_deinit(struct du_bytes *bytes);
/* Empties it and keeps the room; a failure is forgotten. */
void du_bytes_clear(struct du_bytes *bytes);

void du_bytes_add(struct du_bytes *bytes, const void *data, size_t size);
void du_bytes_text(struct du_bytes *bytes, const char *text);
void du_bytes_format(struct du_bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void du_bytes_vformat(struct du_bytes *bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
void du_bytes_integer(struct du_bytes *bytes, int64_t integer);
/* text as a JSON string with its quotes (RFC 8259 section 7). Bytes that are no UTF-8 become
 * U+FFFD. */
void du_bytes_json(struct du_bytes *bytes, const char *text, size_t size);
void du_bytes_hex(struct du_bytes *bytes, const void *data, size_t size);
/* base64url without padding (RFC 4648 section 5). */
void du_bytes_base64url(struct du_bytes *bytes, const void *data, size_t size);
/* DU_OK, or DU_MEMORY when any addition failed. */
enum du_error_kind du_bytes_check(const struct du_bytes *bytes);
/* Removes the first size bytes. */
void du_bytes_consume(struct du_bytes *bytes, size_t size);
/* Room for at least size more; NULL when out of memory. Add what was written with du_bytes_grew. */
char *du_bytes_reserve(struct du_bytes *bytes, size_t size);
void du_bytes_grew(struct du_bytes *bytes, size_t size);

/* Decodes base64 or base64url, padded or not, to out (room for size * 3 / 4 + 3). False: malformed,
 * also when the last character carries bits that no encoder sets (RFC 4648 section 3.5). */
bool du_bytes_unbase64(const char *text, size_t size, unsigned char *out, size_t *out_size);
/* Decodes size digits of either case to out (size / 2 bytes). */
bool du_bytes_unhex(const char *text, size_t size, unsigned char *out);

/* Could it be a field's value: no control character but tabs (RFC 9110 section 5.5)? */
bool du_bytes_is_line(const char *text, size_t size);
/* Is all of it UTF-8 (RFC 3629)? */
bool du_bytes_is_utf8(const char *text, size_t size);

struct du_slice du_slice_of(const char *text);
bool du_slice_equal(struct du_slice a, struct du_slice b);
/* ASCII letters fold (header names, schemes). */
bool du_slice_equal_fold(struct du_slice a, struct du_slice b);

#endif
