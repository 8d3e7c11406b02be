#ifndef DU_LIMIT_DENIAL_H
#define DU_LIMIT_DENIAL_H

/* How a limit says no.
 *
 * Invariants
 *  1. limit_denial.def is the only list of variants; enum, names and texts are generated from it.
 *  2. No switch over the enum has a `default`.
 *
 * Thread: any.
 */

#include <stdint.h>

enum du_limit_denial {
#define DU_LIMIT_DENIAL(constant, name, fields, text) DU_DENIAL_##constant,
#include "limit_denial.def"
#undef DU_LIMIT_DENIAL
};

enum {
    DU_LIMIT_DENIAL_COUNT = 0
#define DU_LIMIT_DENIAL(constant, name, fields, text) +1
#include "limit_denial.def"
#undef DU_LIMIT_DENIAL
};

struct du_denial {
    enum du_limit_denial kind;
    int64_t reset_in_secs; /* DailyCap: seconds to the next UTC midnight, never negative */
};

/* "Concurrency", "DailyCap"; static storage. */
const char *du_limit_denial_name(enum du_limit_denial kind);
const char *du_limit_denial_text(enum du_limit_denial kind);

#endif
