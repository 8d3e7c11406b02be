#ifndef DU_LIMITER_H
#define DU_LIMITER_H

/* Limiter: per subject, how many at once and how many a UTC day.
 *
 * Invariants
 *  1. A slot is taken first, then the day is counted. Over the cap the slot goes back FIRST; a
 *     count that was made for a request that is gone goes back after its slot. A failing
 *     roll-back is logged and leaks nothing.
 *  2. Every granted lease gives its slot back exactly once.
 *  3. A failing counter gives the slot back and is an error, never a denial.
 *  4. A subject without a lease, a queued request or a covered share costs no memory.
 *  5. No limits are stored: each call brings its numbers, so a changed limit applies at once, to
 *     those of the subject who queue already too.
 *  6. Queued requests of one subject are granted first come, first served; a newcomer does not
 *     pass them. Only a piece of a share that runs already needs no slot, and so no turn.
 *  7. Pieces of one share hold one slot and one count together: at most 16 pieces at a time, and
 *     the count covers cover_ms from when it was asked for. A piece that comes later is counted
 *     anew. Of shares that nobody uses, 10,000 are remembered; the first to end goes first.
 *  8. No hook is called with the lock held.
 *
 * Thread: any. Time comes with each call; what a queued request is granted later is counted on the
 * day that base's clock then shows.
 */

#include "counter.h"
#include "error.h"
#include "limit_denial.h"
#include "list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_limits {
    int64_t concurrency; /* DU_UNLIMITED for none */
    int64_t daily_cap;   /* DU_UNLIMITED for none */
};

struct du_limiter;
struct du_lease;

enum du_acquired { DU_ACQUIRED_LEASE, DU_ACQUIRED_DENIAL, DU_ACQUIRED_ERROR };

/* One request for a slot, embedded by the caller. After DU_STEP_PENDING it stays put until deliver
 * came or du_limiter_abandon said true. */
struct du_acquire {
    const char *subject; /* in; NUL-terminated, lives until the end of the request */
    struct du_limits limits;
    const char *share; /* in; NULL: a whole request */
    int64_t cover_ms;  /* in; how long a share's count covers further pieces */
    bool slot_only;    /* in; never touch the day */
    bool wait; /* in; queue for a slot instead of a Concurrency denial (the caller bounds it) */
    int64_t wall_ms, mono_ms;                    /* in; now */
    void (*deliver)(struct du_acquire *acquire); /* in; on the thread that settles it */

    enum du_acquired result; /* out, with one of: */
    struct du_lease *lease;  /* the caller's */
    struct du_denial denial;
    struct du_error error;

    struct du_list queued; /* private */
    void *pending;         /* private */
};

struct du_base;

/* name is the limit's, the counter's scope; it is copied. counter and base outlive the limiter. */
enum du_error_kind du_limiter_new(struct du_limiter **limiter, const char *name,
                                  struct du_counter *counter, struct du_base *base);
/* All leases must be back, nothing queued, and no count under way. */
void du_limiter_free(struct du_limiter **limiter);

/* DONE or PENDING; DONE has the result in the request, an error too: Script for a number that is no
 * limit, Memory, or the counter's own. deliver may come, on another thread, before PENDING is
 * returned. */
enum du_step du_limiter_acquire(struct du_limiter *limiter, struct du_acquire *acquire);
/* The caller stops waiting. True: deliver was not and will not be called; what was taken goes back
 * by itself, a count under way once it is known. False: it is settled, deliver has been called or
 * is under way. */
bool du_limiter_abandon(struct du_limiter *limiter, struct du_acquire *acquire);

/* Gives the slot back, lets those in the queue go who may, nulls the pointer. NULL is ignored. */
void du_lease_release(struct du_lease **lease);
/* What was charged and not delivered because of us: gives the count back to the day it was charged
 * to, once. The slot stays. The one count of a share goes back when its last piece ends, provided
 * that none of them ended without asking for this. */
void du_lease_refund(struct du_lease *lease);

/* What an acquire would come to now, without one: for `dunite explain`. Nothing is taken, counted,
 * queued or remembered. */
enum du_would {
    DU_WOULD_GRANT, /* a slot, and one of the day's count where it is counted */
    DU_WOULD_SHARE, /* its share's count covers it */
    DU_WOULD_QUEUE, /* it would wait for a slot */
    DU_WOULD_DENY_SLOT,
    DU_WOULD_DENY_DAY
};
/* Reads subject, limits, share, slot_only, wait and the times of the request. *running: the slots
 * taken; *counted: the day's count. */
enum du_would du_limiter_would(struct du_limiter *limiter, const struct du_acquire *acquire,
                               int64_t *running, int64_t *counted);

/* The subject's day begins anew: what was counted so far is given back. Slots and what a share's
 * count covers stay. */
enum du_error_kind du_limiter_reset(struct du_limiter *limiter, const char *subject,
                                    int64_t wall_ms, struct du_error *error);

/* Diagnostics. */
size_t du_limiter_leases(struct du_limiter *limiter);   /* over all subjects */
size_t du_limiter_subjects(struct du_limiter *limiter); /* that cost memory */
int64_t du_limiter_running(struct du_limiter *limiter, const char *subject);
int64_t du_limiter_counted(struct du_limiter *limiter, const char *subject, int64_t wall_ms);
const char *du_limiter_name(const struct du_limiter *limiter);

#endif
