#include "limiter_int.h"

#include <string.h>

/* From here to the next such line: the limiter's lock is held. */

static const struct du_limiter_subject *find_subject(struct du_limiter *limiter, const char *name) {
    struct du_table_key key = du_table_key(name, strlen(name));
    return (struct du_limiter_subject *)du_table_find(&limiter->subjects, &key);
}

static const struct du_limiter_grant *find_share(const struct du_limiter_subject *subject,
                                                 const struct du_acquire *acquire) {
    struct du_limiter_grant *grant = NULL;
    if (subject != NULL && acquire->share != NULL)
        HASH_FIND_STR(subject->shares[acquire->slot_only], acquire->share, grant);
    return grant;
}

static bool finds_slot(const struct du_limiter_grant *share, int64_t running,
                       const struct du_acquire *acquire) {
    if (share != NULL && share->admitted > 0)
        return share->admitted < DU_LIMITER_MOST_PIECES;
    return acquire->limits.concurrency == DU_UNLIMITED || running < acquire->limits.concurrency;
}

static bool is_covered(const struct du_limiter_grant *share, const struct du_acquire *acquire) {
    return share != NULL && share->counted && acquire->mono_ms < share->covered_until;
}

/* From here on the lock is not held on entry. */

static enum du_would decide_day(const struct du_acquire *acquire, int64_t counted) {
    int64_t cap = acquire->limits.daily_cap;
    return cap == DU_UNLIMITED || counted < cap ? DU_WOULD_GRANT : DU_WOULD_DENY_DAY;
}

enum du_would du_limiter_would(struct du_limiter *limiter, const struct du_acquire *acquire,
                               int64_t *running, int64_t *counted) {
    *counted = du_limiter_counted(limiter, acquire->subject, acquire->wall_ms);
    pthread_mutex_lock(&limiter->lock);
    const struct du_limiter_subject *subject = find_subject(limiter, acquire->subject);
    const struct du_limiter_grant *share = find_share(subject, acquire);
    *running = subject != NULL ? subject->running : 0;
    bool slot = finds_slot(share, *running, acquire), covered = is_covered(share, acquire);
    pthread_mutex_unlock(&limiter->lock);
    if (!slot)
        return acquire->wait && acquire->limits.concurrency != 0 ? DU_WOULD_QUEUE
                                                                 : DU_WOULD_DENY_SLOT;
    if (covered)
        return DU_WOULD_SHARE;
    return acquire->slot_only ? DU_WOULD_GRANT : decide_day(acquire, *counted);
}
