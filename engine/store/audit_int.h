#ifndef DU_AUDIT_INT_H
#define DU_AUDIT_INT_H

/* What writing events and sweeping old ones away share. */

#include "audit.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DU_AUDIT_BOOT = 33, DU_AUDIT_BEGUN = 1024 };

struct event;

struct du_audit {
    struct du_base *base;
    struct du_ledger *journal;
    char boot[DU_AUDIT_BOOT]; /* of this process, in hex */
    atomic_uint_fast64_t number, lost;
    atomic_int waiting;
    pthread_mutex_t lock; /* of begun, and of the ends of those in it */
    /* Requests that the journal's writer has not come to, by number: what ends before that was
     * never open. One that finds its place taken is written as the others are. */
    struct event *begun[DU_AUDIT_BEGUN];
    atomic_int_fast64_t keep_ms;      /* 0: for ever */
    atomic_int_fast64_t sweep_due_ms; /* wall time; INT64_MAX: one is under way */
};

/* Sweeps when it is time to. */
void du_audit_sweep(struct du_audit *audit);

#endif
