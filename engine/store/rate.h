#ifndef DU_RATE_H
#define DU_RATE_H

/* Rates: how often something may happen for a key within a sliding window, by named rules.
 *
 * Invariants
 *  1. Exact: of any window's length of time, no more than the rule's limit were counted as allowed.
 *  2. retry_after is true: after that many seconds (and not a second before) one more is allowed.
 *  3. Asking never counts.
 *  4. Memory is bounded by `most` keys over all rules; the one longest untouched is forgotten
 *     first.
 *
 * Thread: any. Time comes with each call.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_rate;

struct du_rate_rule {
    const char *name;
    unsigned limit;
    int64_t window_ms;
};

/* rules outlive it; a rule is then meant by its place among them. */
enum du_error_kind du_rate_new(struct du_rate **rate, const struct du_rate_rule *rules,
                               size_t count, size_t most);
void du_rate_free(struct du_rate **rate);

/* False: *retry_after has the seconds to wait, at least 1. */
bool du_rate_allowed(struct du_rate *rate, size_t rule, const char *key, int64_t mono_ms,
                     int64_t *retry_after);
/* How many are allowed now; 0: *retry_after has the seconds to wait, at least 1. */
unsigned du_rate_left(struct du_rate *rate, size_t rule, const char *key, int64_t mono_ms,
                      int64_t *retry_after);
/* Counts one. Short of memory it counts nothing. */
void du_rate_count(struct du_rate *rate, size_t rule, const char *key, int64_t mono_ms);
/* Asks, and counts if it is allowed, in one. */
bool du_rate_take(struct du_rate *rate, size_t rule, const char *key, int64_t mono_ms,
                  int64_t *retry_after);
size_t du_rate_keys(struct du_rate *rate);

#endif
