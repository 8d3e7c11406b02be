#ifndef DU_SINGLE_FLIGHT_H
#define DU_SINGLE_FLIGHT_H

/* SingleFlight: coalesce, never cache. Callers for one key share one run of an operation.
 *
 * Words: a flight is one run of an operation for a key; its leader is the caller that started it;
 * waiters wait for it, the leader's own among them; a cohort is all of them.
 * It does not cache: completion removes the key, whatever the outcome. (A coalescing cache, as moka
 * is in Rust, was rejected on purpose: freshness is policy and lives elsewhere.)
 *
 * Invariants
 *  1. At most one flight per key is in the table, over all threads.
 *  2. Every waiter that joined gets exactly one outcome, or has left; never both, never neither.
 *  3. A flight leaves the table by identity: an old flight never removes a newer one of its key.
 *  4. A flight publishes at most once, before it completes. From then on a joiner has the published
 *     value at once, and the flight's later outcome travels only through that value.
 *  5. A join that would close a circle of flights that wait for each other fails.
 *  6. No hook is called with the lock held.
 *
 * A flight's states, and who makes the transitions:
 *
 *      join ──> RUNNING ──publish──> PUBLISHED ──complete──> (gone)
 *                  └───────────────complete──────────────────^
 *      nobody interested ──> on_abandon hook ──> du_flight_confirm_abandoned takes it from the
 *                  table; its owner then ends the operation and completes it as ever.
 *
 * Thread: any. The core knows no loop: a waiter's `deliver` hook carries the news home (the engine
 * posts it to the waiter's worker).
 */

#include "error.h"
#include "list.h"
#include "value.h"

#include <stdbool.h>
#include <stddef.h>

struct du_flight_domain; /* the lock that its tables share, so that circles over several are seen */
struct du_single_flight; /* one table of flights */
struct du_flight;        /* one flight, reference-counted */
struct du_waiter;

struct du_outcome {
    struct du_error error;  /* error.kind is DU_OK for a value */
    struct du_value *value; /* a reference of the holder's own; may be NULL */
};

enum du_waiter_state { DU_WAITER_IDLE, DU_WAITER_WAITING, DU_WAITER_SETTLED };

/* Embedded in what waits. Zero it, set deliver (and within), then join. After a join that said
 * JOINED or LEADER it stays put until deliver came or du_flight_leave said true. */
struct du_waiter {
    void (*deliver)(struct du_waiter *waiter); /* once, on the thread that settles the flight */
    struct du_flight *within;  /* the flight whose operation is waiting here, or NULL; borrowed */
    struct du_outcome outcome; /* valid once settled; the waiter's owner takes the value */
    struct du_flight *held; /* settled by a published value: a hold to give back (du_flight_drop) */
    enum du_waiter_state state; /* from here on private */
    struct du_flight_domain *domain;
    struct du_flight *flight;
    struct du_list in_flight, in_within;
};

enum du_join {
    DU_JOIN_LEADER,  /* waiting, and the caller starts the operation with *flight */
    DU_JOIN_JOINED,  /* waiting for somebody else's */
    DU_JOIN_SETTLED, /* already published: the outcome is in the waiter, deliver is not called */
    DU_JOIN_FAILED   /* no memory (DU_MEMORY) or a circle (DU_SCRIPT): see *error; not waiting */
};

struct du_flight_options {
    /* Called once each time the last interested party left (no waiters, no holds), on the thread
     * that left, unless NULL: the flight then always finishes. The owner answers, when it gets
     * round to it or from the hook, with du_flight_confirm_abandoned. Once du_flight_complete has
     * returned the hook is not and will not be running. */
    void (*on_abandon)(struct du_flight *flight, void *user);
    void *user;
};

enum du_error_kind du_flight_domain_new(struct du_flight_domain **domain);
void du_flight_domain_free(struct du_flight_domain **domain);

enum du_error_kind du_single_flight_new(struct du_single_flight **table,
                                        struct du_flight_domain *domain);
/* The table must be empty of flights: complete them first. */
void du_single_flight_free(struct du_single_flight **table);

/* Joins the flight for the key, or starts one. The leader owns *flight (NULL for all others) and
 * must end it with du_flight_complete, exactly once. The key is copied. options are the leader's;
 * they are copied, and NULL means none. */
enum du_join du_single_flight_join(struct du_single_flight *table, const void *key, size_t size,
                                   struct du_waiter *waiter,
                                   const struct du_flight_options *options,
                                   struct du_flight **flight, struct du_error *error);
/* How many flights are up; for diagnostics and tests. */
size_t du_single_flight_count(struct du_single_flight *table);
/* Is one up for the key? By the time it is told that may have changed. */
bool du_single_flight_is_up(struct du_single_flight *table, const void *key, size_t size);
/* Calls each with every flight's key and waiters; for `dunite flights`. The lock is held: be short.
 */
void du_single_flight_each(struct du_single_flight *table,
                           void (*each)(void *user, const void *key, size_t size, size_t waiters,
                                        bool published),
                           void *user);

/* The leader names the options that it had not at the join; while its own waiter waits, so that
 * nobody can have left last. They are copied. */
void du_flight_watch(struct du_flight *flight, const struct du_flight_options *options);

/* Hands the value to all who wait and to all who will join. The flight keeps a reference of its
 * own; the caller's stays the caller's. A second publish is a bug (asserted). */
void du_flight_publish(struct du_flight *flight, struct du_value *value);
bool du_flight_published(struct du_flight *flight);
/* Ends the flight: the key is free, all who wait get a clone of the outcome. Takes the caller's
 * reference to outcome.value, and nulls *flight. Waits for an on_abandon hook that another thread
 * is in, so hold no lock that the hook takes. */
void du_flight_complete(struct du_flight **flight, struct du_outcome outcome);
/* The same with a value (may be NULL), whose reference it takes: the common end, without the copies
 * of an error that is none. */
void du_flight_succeed(struct du_flight **flight, struct du_value *value);
/* The waiter no longer wants it. True: deliver was not and will not be called. False: it is
 * settled, deliver has been called or is under way. */
bool du_flight_leave(struct du_waiter *waiter);
/* Answers on_abandon: true when still nobody is interested, and the flight is now out of the table,
 * so that the next caller starts afresh; the owner ends the operation and completes it. False when
 * somebody came meanwhile (the hook is called anew when he leaves too) or the flight has ended. */
bool du_flight_confirm_abandoned(struct du_flight *flight);

/* Holds: one comes with each published value (waiter.held). A hold keeps the flight wanted. */
struct du_flight *du_flight_hold(struct du_flight *flight);
void du_flight_drop(struct du_flight **held);

/* Plain references: they keep the memory, not the flight. */
struct du_flight *du_flight_ref(struct du_flight *flight);
void du_flight_unref(struct du_flight **flight);

#endif
