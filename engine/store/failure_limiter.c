#include "failure_limiter.h"

#include "bytes.h"
#include "mem.h"
#include "rate.h"

#include <string.h>

enum { FAILURES_OF_NAME, FAILURES_OF_ADDRESS, REQUESTS_OF_MEMBER, RULES, KEYS_MOST = 65536 };

enum { MINUTE_MS = 60000 };

static const struct du_rate_rule rules[RULES] = {
    [FAILURES_OF_NAME] = {"failures of a name from an address", 5, MINUTE_MS},
    [FAILURES_OF_ADDRESS] = {"failures from an address", 20, MINUTE_MS},
    [REQUESTS_OF_MEMBER] = {"token requests of a member", 60, MINUTE_MS},
};

struct du_failure_limiter {
    const struct du_clock *clock;
    struct du_rate *rate;
};

enum du_error_kind du_failure_limiter_new(struct du_failure_limiter **limiter,
                                          struct du_base *base) {
    struct du_failure_limiter *made = du_calloc(1, sizeof *made);
    *limiter = NULL;
    if (made == NULL || du_rate_new(&made->rate, rules, RULES, KEYS_MOST) != DU_OK) {
        du_free(made);
        return DU_MEMORY;
    }
    made->clock = &base->clock;
    *limiter = made;
    return DU_OK;
}

void du_failure_limiter_free(struct du_failure_limiter **limiter) {
    if (*limiter == NULL)
        return;
    du_rate_free(&(*limiter)->rate);
    du_free(*limiter);
    *limiter = NULL;
}

/* The address, then the name: an address holds no space, so no pair looks like another. */
static bool pair_of(const char *name, const char *address, struct du_bytes *pair) {
    du_bytes_init(pair);
    du_bytes_text(pair, address);
    du_bytes_text(pair, " ");
    du_bytes_text(pair, name);
    if (du_bytes_check(pair) != DU_OK)
        return false;
    for (char *at = pair->data; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at | 32);
    return true;
}

bool du_failure_limiter_allowed(struct du_failure_limiter *limiter, const char *name,
                                const char *address, int64_t *retry_after) {
    int64_t now = du_clock_mono_ms(limiter->clock), wait = 0;
    struct du_bytes pair;
    *retry_after = 0;
    if (!du_rate_allowed(limiter->rate, FAILURES_OF_ADDRESS, address, now, &wait))
        *retry_after = wait;
    if (pair_of(name, address, &pair) &&
        !du_rate_allowed(limiter->rate, FAILURES_OF_NAME, pair.data, now, &wait) &&
        wait > *retry_after)
        *retry_after = wait;
    du_bytes_deinit(&pair);
    return *retry_after == 0;
}

void du_failure_limiter_failed(struct du_failure_limiter *limiter, const char *name,
                               const char *address) {
    int64_t now = du_clock_mono_ms(limiter->clock);
    struct du_bytes pair;
    du_rate_count(limiter->rate, FAILURES_OF_ADDRESS, address, now);
    if (pair_of(name, address, &pair))
        du_rate_count(limiter->rate, FAILURES_OF_NAME, pair.data, now);
    du_bytes_deinit(&pair);
}

bool du_failure_limiter_request(struct du_failure_limiter *limiter, const char *member,
                                int64_t *retry_after) {
    return du_rate_take(limiter->rate, REQUESTS_OF_MEMBER, member, du_clock_mono_ms(limiter->clock),
                        retry_after);
}
