#ifndef DU_RANGE_H
#define DU_RANGE_H

/* Conditions and ranges of RFC 9110 sections 13 and 14, on a representation that is known by
 * length, ETag and date.
 *
 * Invariants
 *  1. Preconditions are looked at in the order of RFC 9110 section 13.2.2.
 *  2. What cannot be read (a date, a Range that breaks the grammar, a unit other than bytes) is as
 *     if it were absent; a list of entity tags counts up to where it cannot be read.
 *  3. A part lies within the thing and is never empty.
 *
 * Pure functions. Thread: any. */

#include "bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum du_range_outcome {
    DU_RANGE_WHOLE,         /* 200 */
    DU_RANGE_PART,          /* 206: first, length */
    DU_RANGE_NOT_MODIFIED,  /* 304 */
    DU_RANGE_UNSATISFIABLE, /* 416 */
    DU_RANGE_FAILED         /* 412 */
};

/* What the request says; an absent header is a slice with data NULL. */
struct du_range_request {
    bool get; /* Range counts for GET only */
    struct du_slice range, if_range, if_none_match, if_match, if_modified_since,
        if_unmodified_since;
};

struct du_range_thing {
    int64_t length;      /* -1: not known yet, then every Range is ignored */
    const char *etag;    /* with its quotes; NULL: none */
    int64_t modified_ms; /* wall time, -1: unknown */
};

/* For GET and HEAD. Several ranges are answered with the whole (RFC 9110 section 14.2 allows it).
 * *first and *length are what a body has: the part, the whole (length -1: unknown), else 0 and 0.
 */
enum du_range_outcome du_range_decide(const struct du_range_request *request,
                                      const struct du_range_thing *thing, int64_t *first,
                                      int64_t *length);

#endif
