#ifndef DU_COUNTER_H
#define DU_COUNTER_H

/* What counts a day's grants: an interface, so that memory, the ledger or a server can do it.
 *
 * Invariants
 *  1. add either counts one or says why not; a count above `cap` is never made.
 *  2. A DU_OK add is durable as far as its implementation promises, before it is DONE or calls
 *     back.
 *  3. give_back takes one back from the day it was added to; never below zero.
 */

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

struct du_counter;

/* One request to count, embedded by the caller and left alone until it is done. */
struct du_count {
    const char *scope;                    /* the limit's name; with subject and day the row's key */
    const char *subject;                  /* NUL-terminated; lives until done */
    int32_t day;                          /* UTC day, as du_clock_day gives it */
    int64_t cap;                          /* DU_UNLIMITED for none */
    void (*done)(struct du_count *count); /* only after DU_STEP_PENDING; on any thread */
    bool granted;                         /* out: false with error.kind DU_OK is "over the cap" */
    struct du_error error;                /* out */
    void *link;                           /* the implementation's own, while pending */
};

enum { DU_UNLIMITED = -1 };

struct du_counter_type {
    /* DONE: see granted and error. FAILED: see error. */
    enum du_step (*add)(struct du_counter *counter, struct du_count *count);
    enum du_error_kind (*give_back)(struct du_counter *counter, const char *scope,
                                    const char *subject, int32_t day, struct du_error *error);
    /* The day's count so far, as far as known; for RateLimit headers and `status`. */
    int64_t (*read)(struct du_counter *counter, const char *scope, const char *subject,
                    int32_t day);
    void (*free)(struct du_counter *counter);
};

struct du_counter {
    const struct du_counter_type *type;
};

/* Counts in memory only; for tests and for deployments without a cap. It remembers the last days
 * only, and fails as the faults counter.add and counter.give_back say; faults may be NULL.
 * Thread: any. */
struct du_faults;
enum du_error_kind du_counter_memory_new(struct du_counter **counter, struct du_faults *faults);
void du_counter_free(struct du_counter **counter);

#endif
