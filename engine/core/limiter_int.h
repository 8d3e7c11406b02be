#ifndef DU_LIMITER_INT_H
#define DU_LIMITER_INT_H

/* What the limiter keeps, for limiter.c (the rules) and limiter_table.c (the memory).
 *
 * A subject has grants; a grant is one slot and one count, held by one lease (a whole request) or
 * by the pieces of a share together.
 *
 * Invariants
 *  1. A grant has the slot exactly while leases are admitted to it.
 *  2. A grant lives while it has users (admitted leases, queued leases, a count under way), and a
 *     share lives on while its count covers further pieces: then it is in the covered list.
 *  3. A subject lives while it has grants.
 *  4. A lease's acquire is set until the request is settled or abandoned.
 *  5. A whole request's lease lies in its grant, so it is one block; pieces have blocks of their
 *     own.
 *
 * All functions here want the limiter's lock held.
 */

#include "base.h"
#include "counter.h"
#include "limiter.h"
#include "list.h"
#include "map.h"
#include "table.h"

#include <pthread.h>

enum { DU_LIMITER_MOST_PIECES = 16, DU_LIMITER_MOST_COVERED = 10000 };

struct du_limiter_subject {
    struct du_table_node node;          /* among the limiter's; first */
    int64_t running;                    /* slots taken */
    size_t grants;                      /* that refer to it */
    struct du_list queue;               /* of acquires that wait for a slot, by queued */
    struct du_limiter_grant *shares[2]; /* by their key; [1] are those that take a slot only */
    char name[];
};

struct du_lease {
    struct du_limiter_grant *grant;
    struct du_list in_grant;    /* empty: not admitted */
    struct du_acquire *acquire; /* the request that waits for it */
    uint64_t call;              /* the du_limiter_acquire that made it */
    struct du_limits limits;    /* the newest that are known for the subject */
    int64_t cover_ms;
    bool refund;
};

struct du_limiter_grant {
    UT_hash_handle hh; /* in the subject's shares */
    struct du_limiter *limiter;
    struct du_limiter_subject *subject;
    struct du_list leases; /* admitted, by in_grant */
    size_t admitted, users;
    bool slot_only;
    bool shared;   /* many leases may enter, and key is the share's */
    bool counting; /* count is at the counter */
    bool counted;  /* a count of `day` is charged, and covers further pieces until covered_until */
    bool kept;     /* some lease ended without asking for a refund: the count stays charged */
    int32_t day;
    int64_t covered_until;    /* monotonic ms */
    int64_t will_cover_until; /* the same for the count under way */
    struct du_count count;
    struct du_list todo;       /* in a call's list of grants to count */
    struct du_list in_covered; /* in the limiter's covered list, soonest end first */
    struct du_lease own;       /* unless it is shared */
    char key[];
};

struct du_limiter {
    char *name;
    struct du_counter *counter;
    struct du_base *base;
    pthread_mutex_t lock; /* of all below, and of all that hangs from it */
    struct du_table subjects;
    struct du_list covered; /* idle shares whose count covers further pieces */
    size_t covered_count, leases;
    uint64_t calls;
};

/* A lease for the request with its grant and subject, found or made, not admitted and a user of the
 * grant; NULL when out of memory. */
struct du_lease *du_limiter_table_lease(struct du_limiter *limiter, struct du_acquire *acquire);
/* The lease's memory, and its use of the grant. It is not admitted. */
void du_limiter_table_discard(struct du_lease *lease, int64_t mono_ms);
/* One user less of the grant. */
void du_limiter_table_drop(struct du_limiter_grant *grant, int64_t mono_ms);
/* Forgets idle shares that cover nothing any more. */
void du_limiter_table_sweep(struct du_limiter *limiter, int64_t mono_ms);
/* Forgets all idle shares. */
void du_limiter_table_clear(struct du_limiter *limiter);

#endif
