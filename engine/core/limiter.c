#include "limiter_int.h"

#include "mem.h"

#include <assert.h>
#include <string.h>

/* What one call sets going: decided with the lock held, done without it by run(). */
struct work {
    struct du_limiter *limiter;
    int64_t wall_ms, mono_ms;
    uint64_t call;          /* of a du_limiter_acquire, else 0 */
    bool own_settled;       /* the request of that call */
    struct du_list grants;  /* to count, by todo */
    struct du_list settled; /* requests to deliver, by queued */
};

enum du_error_kind du_limiter_new(struct du_limiter **limiter, const char *name,
                                  struct du_counter *counter, struct du_base *base) {
    struct du_limiter *made = du_calloc(1, sizeof *made);
    *limiter = NULL;
    if (made == NULL)
        return DU_MEMORY;
    made->name = du_strdup(name);
    if (made->name == NULL) {
        du_free(made);
        return DU_MEMORY;
    }
    made->counter = counter;
    made->base = base;
    pthread_mutex_init(&made->lock, NULL);
    du_list_init(&made->covered);
    du_table_init(&made->subjects);
    *limiter = made;
    return DU_OK;
}

void du_limiter_free(struct du_limiter **limiter) {
    if (*limiter == NULL)
        return;
    du_limiter_table_clear(*limiter);
    assert((*limiter)->subjects.count == 0);
    pthread_mutex_destroy(&(*limiter)->lock);
    du_free((*limiter)->name);
    du_free(*limiter);
    *limiter = NULL;
}

static void work_init(struct work *work, struct du_limiter *limiter, int64_t wall_ms,
                      int64_t mono_ms) {
    *work = (struct work){.limiter = limiter, .wall_ms = wall_ms, .mono_ms = mono_ms};
    du_list_init(&work->grants);
    du_list_init(&work->settled);
}

static void look_at_clock(struct work *work) {
    work->wall_ms = du_clock_wall_ms(&work->limiter->base->clock);
    work->mono_ms = du_clock_mono_ms(&work->limiter->base->clock);
}

static void work_now(struct work *work, struct du_limiter *limiter) {
    work_init(work, limiter, 0, 0);
    look_at_clock(work);
}

/* From here to the next such line: the limiter's lock is held. */

/* The request has its answer. The call that made it returns it, all others deliver it. */
static void settle(struct work *work, struct du_lease *lease, enum du_acquired result) {
    struct du_acquire *acquire = lease->acquire;
    acquire->result = result;
    acquire->lease = result == DU_ACQUIRED_LEASE ? lease : NULL;
    acquire->pending = NULL;
    lease->acquire = NULL;
    if (result == DU_ACQUIRED_LEASE)
        work->limiter->leases++;
    if (lease->call == work->call)
        work->own_settled = true;
    else
        du_list_append(&work->settled, &acquire->queued);
}

static bool can_enter(const struct du_lease *lease) {
    const struct du_limiter_grant *grant = lease->grant;
    if (grant->admitted > 0)
        return grant->admitted < DU_LIMITER_MOST_PIECES;
    return lease->limits.concurrency == DU_UNLIMITED ||
           grant->subject->running < lease->limits.concurrency;
}

static void count_done(struct du_count *count);

static void ask_for_count(struct work *work, struct du_lease *lease) {
    struct du_limiter_grant *grant = lease->grant;
    bool endless = lease->cover_ms > INT64_MAX - work->mono_ms;
    grant->counting = true;
    grant->users++;
    grant->will_cover_until = endless ? INT64_MAX : work->mono_ms + lease->cover_ms;
    grant->count.scope = work->limiter->name;
    grant->count.subject = grant->subject->name;
    grant->count.day = du_clock_day(work->wall_ms);
    grant->count.cap = lease->limits.daily_cap;
    grant->count.done = count_done;
    grant->count.granted = false;
    grant->count.error.kind = DU_OK;
    du_list_append(&work->grants, &grant->todo);
}

/* Slot first, then the count, where no earlier one covers this. */
static void enter(struct work *work, struct du_lease *lease) {
    struct du_limiter_grant *grant = lease->grant;
    if (grant->admitted++ == 0)
        grant->subject->running++;
    du_list_append(&grant->leases, &lease->in_grant);
    if (grant->slot_only || (grant->counted && work->mono_ms < grant->covered_until))
        settle(work, lease, DU_ACQUIRED_LEASE);
    else if (!grant->counting)
        ask_for_count(work, lease);
}

/* The slot goes back with the last lease of the grant. */
static void leave(struct du_lease *lease) {
    du_list_remove(&lease->in_grant);
    if (--lease->grant->admitted == 0)
        lease->grant->subject->running--;
}

/* Lets in who may, first come, first served. All in a queue go by the same number (renew_limits),
 * so one who finds no slot holds up all behind him but pieces of a share that has its slot. */
static void pump(struct work *work, struct du_limiter_subject *subject) {
    du_list_each(node, &subject->queue) {
        struct du_lease *lease = du_container_of(node, struct du_acquire, queued)->pending;
        if (!can_enter(lease))
            continue;
        du_list_remove(node);
        enter(work, lease);
    }
}

/* A newer call's numbers hold for those of the subject that queued before it, too. */
static void renew_limits(struct work *work, const struct du_lease *newer) {
    struct du_limiter_subject *subject = newer->grant->subject;
    du_list_each(node, &subject->queue) {
        struct du_lease *lease = du_container_of(node, struct du_acquire, queued)->pending;
        lease->limits.concurrency = newer->limits.concurrency;
        if (!newer->grant->slot_only)
            lease->limits.daily_cap = newer->limits.daily_cap;
    }
    pump(work, subject);
}

static void arrive(struct work *work, struct du_lease *lease) {
    struct du_acquire *acquire = lease->acquire;
    struct du_limiter_subject *subject = lease->grant->subject;
    renew_limits(work, lease);
    if (can_enter(lease)) {
        enter(work, lease);
    } else if (acquire->wait && lease->limits.concurrency != 0) {
        du_list_append(&subject->queue, &acquire->queued);
    } else {
        acquire->denial = (struct du_denial){.kind = DU_DENIAL_CONCURRENCY};
        settle(work, lease, DU_ACQUIRED_DENIAL);
        du_limiter_table_discard(lease, work->mono_ms);
    }
}

/* Why the count failed, told to one that waited for it. */
static void refuse(struct work *work, struct du_lease *lease) {
    struct du_acquire *acquire = lease->acquire;
    const struct du_count *count = &lease->grant->count;
    acquire->error = count->error;
    acquire->denial = (struct du_denial){.kind = DU_DENIAL_DAILY_CAP};
    if (du_clock_day(work->wall_ms) == count->day)
        acquire->denial.reset_in_secs = du_clock_day_left_secs(work->wall_ms);
    settle(work, lease, count->error.kind == DU_OK ? DU_ACQUIRED_DENIAL : DU_ACQUIRED_ERROR);
    leave(lease);
    du_limiter_table_discard(lease, work->mono_ms);
}

/* False when nobody is left who wanted the count: then it goes back. */
static bool take_count(struct work *work, struct du_limiter_grant *grant) {
    bool wanted = false;
    du_list_each(node, &grant->leases) {
        struct du_lease *lease = du_container_of(node, struct du_lease, in_grant);
        if (lease->acquire != NULL) {
            wanted = true;
            settle(work, lease, DU_ACQUIRED_LEASE);
        }
    }
    if (!wanted)
        return false;
    grant->counted = true;
    grant->kept = false;
    grant->day = grant->count.day;
    grant->covered_until = grant->will_cover_until;
    return true;
}

static void refuse_waiting(struct work *work, struct du_limiter_grant *grant) {
    du_list_each(node, &grant->leases) {
        struct du_lease *lease = du_container_of(node, struct du_lease, in_grant);
        if (lease->acquire != NULL)
            refuse(work, lease);
    }
    pump(work, grant->subject);
}

/* From here on the lock is not held on entry. */

/* Ends the use of the grant that the caller has, which keeps the subject's name alive meanwhile. */
static void give_back(struct work *work, struct du_limiter_grant *grant, int32_t day) {
    struct du_limiter *limiter = work->limiter;
    const char *subject = grant->subject->name;
    struct du_error error = du_error_of(DU_OK);
    enum du_error_kind kind =
        limiter->counter->type->give_back(limiter->counter, limiter->name, subject, day, &error);
    if (kind != DU_OK)
        du_log_format(limiter->base->log, DU_LOG_ERROR,
                      "limit %s: a count of %s could not be given back: %s: %s", limiter->name,
                      subject, du_error_name(kind), error.message);
    pthread_mutex_lock(&limiter->lock);
    du_limiter_table_drop(grant, work->mono_ms);
    pthread_mutex_unlock(&limiter->lock);
}

/* The counter has answered. */
static void counted(struct work *work, struct du_limiter_grant *grant) {
    bool unwanted = false;
    pthread_mutex_lock(&work->limiter->lock);
    int32_t day = grant->count.day;
    grant->counting = false;
    if (grant->count.error.kind == DU_OK && grant->count.granted)
        unwanted = !take_count(work, grant);
    else
        refuse_waiting(work, grant);
    if (!unwanted)
        du_limiter_table_drop(grant, work->mono_ms);
    pthread_mutex_unlock(&work->limiter->lock);
    if (unwanted)
        give_back(work, grant, day);
}

static void ask_counter(struct work *work, struct du_limiter_grant *grant) {
    struct du_counter *counter = work->limiter->counter;
    switch (counter->type->add(counter, &grant->count)) {
    case DU_STEP_PENDING: /* count_done may have come already, on another thread */
        return;
    case DU_STEP_FAILED:
        if (grant->count.error.kind == DU_OK)
            du_error_set(&grant->count.error, DU_STORE, "the count failed");
        break;
    case DU_STEP_DONE:
        break;
    }
    counted(work, grant);
}

static void run(struct work *work) {
    struct du_list *node;
    do {
        while ((node = du_list_take(&work->settled)) != NULL) {
            struct du_acquire *acquire = du_container_of(node, struct du_acquire, queued);
            acquire->deliver(acquire);
        }
        node = du_list_take(&work->grants);
        if (node != NULL)
            ask_counter(work, du_container_of(node, struct du_limiter_grant, todo));
    } while (node != NULL);
}

static void count_done(struct du_count *done) {
    struct du_limiter_grant *grant = du_container_of(done, struct du_limiter_grant, count);
    struct work work;
    work_now(&work, grant->limiter);
    counted(&work, grant);
    run(&work);
}

static bool usable(struct du_limiter *limiter, struct du_acquire *acquire, const char *what,
                   int64_t number) {
    if (number >= 0 || number == DU_UNLIMITED)
        return true;
    du_error_set(&acquire->error, DU_SCRIPT,
                 "limit %s: %s is %lld; it must be a number from 0, or unlimited", limiter->name,
                 what, (long long)number);
    return false;
}

enum du_step du_limiter_acquire(struct du_limiter *limiter, struct du_acquire *acquire) {
    acquire->result = DU_ACQUIRED_ERROR;
    acquire->lease = NULL;
    acquire->pending = NULL;
    acquire->error.kind = DU_OK;
    du_list_init(&acquire->queued);
    if (!usable(limiter, acquire, "concurrency", acquire->limits.concurrency) ||
        (!acquire->slot_only && !usable(limiter, acquire, "daily_cap", acquire->limits.daily_cap)))
        return DU_STEP_DONE;
    struct work work;
    work_init(&work, limiter, acquire->wall_ms, acquire->mono_ms);
    pthread_mutex_lock(&limiter->lock);
    du_limiter_table_sweep(limiter, work.mono_ms);
    struct du_lease *lease = du_limiter_table_lease(limiter, acquire);
    if (lease != NULL) {
        work.call = lease->call = ++limiter->calls;
        acquire->pending = lease;
        arrive(&work, lease);
    } else {
        du_error_set(&acquire->error, DU_MEMORY, "limit %s: no memory for a lease", limiter->name);
        work.own_settled = true;
    }
    pthread_mutex_unlock(&limiter->lock);
    run(&work);
    return work.own_settled ? DU_STEP_DONE : DU_STEP_PENDING;
}

bool du_limiter_abandon(struct du_limiter *limiter, struct du_acquire *acquire) {
    struct work work;
    work_now(&work, limiter);
    pthread_mutex_lock(&limiter->lock);
    struct du_lease *lease = acquire->pending;
    if (lease != NULL) {
        struct du_limiter_subject *subject = lease->grant->subject;
        acquire->pending = NULL;
        lease->acquire = NULL;
        if (du_list_empty(&lease->in_grant))
            du_list_remove(&acquire->queued);
        else
            leave(lease);
        pump(&work, subject);
        du_limiter_table_discard(lease, work.mono_ms);
    }
    pthread_mutex_unlock(&limiter->lock);
    run(&work);
    return lease != NULL;
}

/* With the lock held: takes the charge off the grant, whose user the caller is until give_back. */
static int32_t uncharge(struct du_limiter_grant *grant) {
    grant->counted = false;
    grant->users++;
    return grant->day;
}

void du_lease_release(struct du_lease **lease) {
    struct du_lease *ended = *lease;
    *lease = NULL;
    if (ended == NULL)
        return;
    struct du_limiter_grant *grant = ended->grant;
    struct work work;
    work_init(&work, grant->limiter, 0, 0);
    pthread_mutex_lock(&work.limiter->lock);
    /* Most releases do without the clock, which would be a third of what they cost. */
    if (grant->shared || !du_list_empty(&grant->subject->queue))
        look_at_clock(&work);
    work.limiter->leases--;
    grant->kept |= !ended->refund;
    leave(ended);
    pump(&work, grant->subject);
    bool refund = grant->counted && !grant->kept && grant->admitted == 0;
    int32_t day = refund ? uncharge(grant) : 0;
    du_limiter_table_discard(ended, work.mono_ms);
    pthread_mutex_unlock(&work.limiter->lock);
    if (refund)
        give_back(&work, grant, day);
    run(&work);
}

void du_lease_refund(struct du_lease *lease) {
    struct du_limiter_grant *grant = lease->grant;
    struct work work;
    work_now(&work, grant->limiter);
    pthread_mutex_lock(&work.limiter->lock);
    lease->refund = true;
    bool refund = grant->counted && !grant->shared;
    int32_t day = refund ? uncharge(grant) : 0;
    pthread_mutex_unlock(&work.limiter->lock);
    if (refund)
        give_back(&work, grant, day);
}

size_t du_limiter_leases(struct du_limiter *limiter) {
    pthread_mutex_lock(&limiter->lock);
    size_t leases = limiter->leases;
    pthread_mutex_unlock(&limiter->lock);
    return leases;
}

size_t du_limiter_subjects(struct du_limiter *limiter) {
    pthread_mutex_lock(&limiter->lock);
    size_t subjects = limiter->subjects.count;
    pthread_mutex_unlock(&limiter->lock);
    return subjects;
}

int64_t du_limiter_running(struct du_limiter *limiter, const char *subject) {
    struct du_table_key key = du_table_key(subject, strlen(subject));
    pthread_mutex_lock(&limiter->lock);
    const struct du_limiter_subject *found =
        (struct du_limiter_subject *)du_table_find(&limiter->subjects, &key);
    int64_t running = found != NULL ? found->running : 0;
    pthread_mutex_unlock(&limiter->lock);
    return running;
}

int64_t du_limiter_counted(struct du_limiter *limiter, const char *subject, int64_t wall_ms) {
    return limiter->counter->type->read(limiter->counter, limiter->name, subject,
                                        du_clock_day(wall_ms));
}

const char *du_limiter_name(const struct du_limiter *limiter) {
    return limiter->name;
}
