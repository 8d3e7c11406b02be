#ifndef DU_FAILURE_LIMITER_H
#define DU_FAILURE_LIMITER_H

/* The one place that counts wrong credentials, whoever checks them (the token endpoint, downloads).
 *
 * Invariants
 *  1. 5 failures a minute for a name from an address; 20 a minute from an address; 60 requests a
 *     minute for a member.
 *  2. Only failures consume the failures' budgets; a success never does.
 *  3. Names fold (ASCII letters), so that spellings of one e-mail address share a budget.
 *
 * Ask right before a credential is checked (on the password lane), and count right after: then even
 * many at once get no more guesses than the lane has threads beyond the budget.
 *
 * Thread: any. Time: the base's monotonic clock.
 */

#include "base.h"

#include <stdbool.h>
#include <stdint.h>

struct du_failure_limiter;

enum du_error_kind du_failure_limiter_new(struct du_failure_limiter **limiter,
                                          struct du_base *base);
void du_failure_limiter_free(struct du_failure_limiter **limiter);

/* May this name be tried from this address? False: *retry_after in seconds, at least 1. */
bool du_failure_limiter_allowed(struct du_failure_limiter *limiter, const char *name,
                                const char *address, int64_t *retry_after);
void du_failure_limiter_failed(struct du_failure_limiter *limiter, const char *name,
                               const char *address);
/* Counts a request of a member at the token endpoint, unless there were too many: then false. */
bool du_failure_limiter_request(struct du_failure_limiter *limiter, const char *member,
                                int64_t *retry_after);

#endif
