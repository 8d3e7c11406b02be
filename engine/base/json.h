#ifndef DU_JSON_H
#define DU_JSON_H

/* Reading a few values out of a JSON text without building it (tokens, answers of token servers).
 *
 * Invariants
 *  1. The grammar is RFC 8259's to the letter, in valid UTF-8, nested 64 deep at most.
 *  2. Keys and strings are compared and given unescaped, so no spelling hides one.
 *  3. Values are slices of the caller's text; nothing is allocated but by du_json_string.
 *
 * Thread: any.
 */

#include "bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum du_json_type {
    DU_JSON_NULL,
    DU_JSON_BOOLEAN,
    DU_JSON_NUMBER,
    DU_JSON_STRING,
    DU_JSON_ARRAY,
    DU_JSON_OBJECT
};

/* True when the whole text is one object with at most 128 members, none of whose keys comes twice
 * (at its top level). */
bool du_json_object(const char *text, size_t size);

/* The value of key in the object that text begins with. False: no such key, or what was read up to
 * there is no JSON. Of equal keys the first counts: check with du_json_object where that
 * matters. */
bool du_json_find(const char *text, size_t size, const char *key, struct du_slice *value,
                  enum du_json_type *type);

/* The elements of an array, one a call: begin with rest = the array. False: the end. */
bool du_json_next(struct du_slice *rest, struct du_slice *value, enum du_json_type *type);

/* Appends what a string value stands for. False when it is no string, or holds a NUL (C strings
 * would end there); out of memory shows in du_bytes_check(out). */
bool du_json_string(struct du_slice value, struct du_bytes *out);
/* A number without fraction or exponent that fits. */
bool du_json_integer(struct du_slice value, int64_t *integer);

#endif
