#ifndef DU_AUDIT_INT_H
#define DU_AUDIT_INT_H

/* What writing events and sweeping old ones away share. */

#include "audit.h"

#include <stdatomic.h>

enum { DU_AUDIT_BOOT = 33 };

struct du_audit {
    struct du_base *base;
    struct du_ledger *journal;
    char boot[DU_AUDIT_BOOT]; /* of this process, in hex */
    atomic_uint_fast64_t number, lost;
    atomic_int waiting;
    atomic_int_fast64_t keep_ms;      /* 0: for ever */
    atomic_int_fast64_t sweep_due_ms; /* wall time; INT64_MAX: one is under way */
};

/* Sweeps when it is time to. */
void du_audit_sweep(struct du_audit *audit);

#endif
