#ifndef DU_TEST_GATES_H
#define DU_TEST_GATES_H

/* Places in the engine where a test can hold a thread, by the linker's --wrap. All stand open. */

#include "rig.h"

struct gates {
    struct rig_gate join;   /* before a flight is joined: the index was asked in vain */
    struct rig_gate create; /* in the disk lane, before a partial is made */
    struct rig_gate write;  /* before a write */
    struct rig_gate verify; /* before the verification */
    struct rig_gate index;  /* the blob is visible, but not in the index */
    struct rig_gate land;   /* before a flight completes */
    int pauses;             /* of fetches so far; under the rig's lock */
};

extern struct gates gates;

#endif
