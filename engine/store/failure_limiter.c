#include "failure_limiter.h"

#include "bytes.h"
#include "mem.h"
#include "rate.h"

#include <pthread.h>
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
    pthread_mutex_t lock; /* attempts */
    pthread_cond_t ended; /* one of them has */
    struct du_list attempts;
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
    du_list_init(&made->attempts);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->ended, NULL);
    *limiter = made;
    return DU_OK;
}

void du_failure_limiter_free(struct du_failure_limiter **limiter) {
    if (*limiter == NULL)
        return;
    du_rate_free(&(*limiter)->rate);
    pthread_cond_destroy(&(*limiter)->ended);
    pthread_mutex_destroy(&(*limiter)->lock);
    du_free(*limiter);
    *limiter = NULL;
}

/* The address, then the name: an address holds no space, so no pair looks like another. */
static void pair_of(const char *name, const char *address, struct du_bytes *pair) {
    du_bytes_init(pair);
    du_bytes_text(pair, address);
    du_bytes_text(pair, " ");
    du_bytes_text(pair, name);
    for (char *at = pair->data; !pair->failed && *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at | 32);
}

/* What the budgets still hold; when one holds nothing, *retry_after says for how long. */
struct left {
    unsigned of_address, of_pair;
};

static struct left ask(struct du_failure_limiter *limiter, const char *address,
                       const struct du_bytes *pair, int64_t *retry_after) {
    int64_t now = du_clock_mono_ms(limiter->clock), wait = 0;
    struct left left = {0, 1};
    *retry_after = 0;
    left.of_address = du_rate_left(limiter->rate, FAILURES_OF_ADDRESS, address, now, retry_after);
    if (!pair->failed) /* short of memory the address has to do */
        left.of_pair = du_rate_left(limiter->rate, FAILURES_OF_NAME, pair->data, now, &wait);
    if (wait > *retry_after)
        *retry_after = wait;
    return left;
}

bool du_failure_limiter_allowed(struct du_failure_limiter *limiter, const char *name,
                                const char *address, int64_t *retry_after) {
    struct du_bytes pair;
    pair_of(name, address, &pair);
    struct left left = ask(limiter, address, &pair, retry_after);
    du_bytes_deinit(&pair);
    return left.of_address > 0 && left.of_pair > 0;
}

/* Those under way that may yet count against the same budgets. */
static struct left under_way(struct du_failure_limiter *limiter, const struct du_attempt *attempt) {
    struct left count = {0, 0};
    for (struct du_list *node = limiter->attempts.next; node != &limiter->attempts;
         node = node->next) {
        const struct du_attempt *other = du_container_of(node, struct du_attempt, node);
        count.of_address += strcmp(other->address, attempt->address) == 0;
        count.of_pair += !other->pair.failed && !attempt->pair.failed &&
                         strcmp(other->pair.data, attempt->pair.data) == 0;
    }
    return count;
}

bool du_failure_limiter_begin(struct du_failure_limiter *limiter, struct du_attempt *attempt,
                              const char *name, const char *address, int64_t *retry_after) {
    attempt->address = address;
    pair_of(name, address, &attempt->pair);
    pthread_mutex_lock(&limiter->lock);
    struct left left = ask(limiter, address, &attempt->pair, retry_after);
    for (struct left taken = under_way(limiter, attempt);
         left.of_address > 0 && left.of_pair > 0 &&
         (taken.of_address >= left.of_address || taken.of_pair >= left.of_pair);
         taken = under_way(limiter, attempt)) {
        pthread_cond_wait(&limiter->ended, &limiter->lock);
        left = ask(limiter, address, &attempt->pair, retry_after);
    }
    bool may = left.of_address > 0 && left.of_pair > 0;
    if (may)
        du_list_append(&limiter->attempts, &attempt->node);
    pthread_mutex_unlock(&limiter->lock);
    if (!may)
        du_bytes_deinit(&attempt->pair);
    return may;
}

void du_failure_limiter_end(struct du_failure_limiter *limiter, struct du_attempt *attempt,
                            bool failed) {
    int64_t now = du_clock_mono_ms(limiter->clock);
    pthread_mutex_lock(&limiter->lock);
    if (failed)
        du_rate_count(limiter->rate, FAILURES_OF_ADDRESS, attempt->address, now);
    if (failed && !attempt->pair.failed)
        du_rate_count(limiter->rate, FAILURES_OF_NAME, attempt->pair.data, now);
    du_list_remove(&attempt->node);
    pthread_cond_broadcast(&limiter->ended);
    pthread_mutex_unlock(&limiter->lock);
    du_bytes_deinit(&attempt->pair);
}

bool du_failure_limiter_request(struct du_failure_limiter *limiter, const char *member,
                                int64_t *retry_after) {
    return du_rate_take(limiter->rate, REQUESTS_OF_MEMBER, member, du_clock_mono_ms(limiter->clock),
                        retry_after);
}
