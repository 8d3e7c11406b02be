#ifndef DU_FAILURE_LIMITER_H
#define DU_FAILURE_LIMITER_H

/* The one place that counts wrong credentials, whoever checks them (the token endpoint, downloads).
 *
 * Invariants
 *  1. 5 failures a minute for a name from an address; 20 a minute from an address; 60 requests a
 *     minute for a member. Exact: a credential is checked as an attempt, and those under way count
 *     as failures until they are known, so that many at once get no guess beyond the budget.
 *  2. Only failures consume the failures' budgets; a success never does. An attempt that only those
 *     under way could leave without a budget waits for them.
 *  3. Names fold (ASCII letters), so that spellings of one e-mail address share a budget.
 *
 * Thread: any; beginning an attempt may wait for those of other threads: the password lane's. Time:
 * the base's monotonic clock.
 */

#include "base.h"
#include "bytes.h"
#include "list.h"

#include <stdbool.h>
#include <stdint.h>

struct du_failure_limiter;

enum du_error_kind du_failure_limiter_new(struct du_failure_limiter **limiter,
                                          struct du_base *base);
void du_failure_limiter_free(struct du_failure_limiter **limiter);

/* May this name be tried from this address? False: *retry_after in seconds, at least 1. */
bool du_failure_limiter_allowed(struct du_failure_limiter *limiter, const char *name,
                                const char *address, int64_t *retry_after);

/* A credential that is being checked. Private. */
struct du_attempt {
    struct du_list node;
    const char *address;
    struct du_bytes pair;
};

/* False: it may not be tried, *retry_after as above, and there is nothing to end. True: ended once,
 * before this thread begins another; address lives until then. */
bool du_failure_limiter_begin(struct du_failure_limiter *limiter, struct du_attempt *attempt,
                              const char *name, const char *address, int64_t *retry_after);
void du_failure_limiter_end(struct du_failure_limiter *limiter, struct du_attempt *attempt,
                            bool failed);

/* Counts a request of a member at the token endpoint, unless there were too many: then false. */
bool du_failure_limiter_request(struct du_failure_limiter *limiter, const char *member,
                                int64_t *retry_after);

#endif
