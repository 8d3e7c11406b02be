#ifndef DU_FAULT_H
#define DU_FAULT_H

/* Faults by name: a test arms one, the code at that place fails as if the system had.
 *
 * Invariants
 *  1. fault.def is the only list of names.
 *  2. An unarmed fault costs one relaxed load.
 *
 * Thread: any.
 */

#include <stdatomic.h>
#include <stdbool.h>

enum du_fault {
#define DU_FAULT(constant, name, what) DU_FAULT_##constant,
#include "fault.def"
#undef DU_FAULT
    DU_FAULT_COUNT
};

struct du_faults {
    struct {
        atomic_int number; /* 0: unarmed; else the errno (or the number) to fail with */
        atomic_int skip;   /* passes that still go well */
        atomic_int times;  /* failures left; negative: for ever */
    } armed[DU_FAULT_COUNT];
};

void du_faults_init(struct du_faults *faults);
/* From the pass after `skip` more, `times` passes (negative: all) fail with `number`. */
void du_faults_arm(struct du_faults *faults, enum du_fault fault, int number, int skip, int times);
void du_faults_disarm(struct du_faults *faults, enum du_fault fault);
/* False when no fault has that name. */
bool du_faults_find(const char *name, enum du_fault *fault);
const char *du_faults_name(enum du_fault fault);

/* At the place itself: 0, or the number to fail with. faults may be NULL. */
int du_fault(struct du_faults *faults, enum du_fault fault);

#endif
