#ifndef DU_TEST_GATE_H
#define DU_TEST_GATE_H

/* gate(): a Lua function that waits until the test opens the gate, from whatever thread. */

#include "rig.h"
#include "wait.h"

/* Makes `gate` a global of the worker's state. One gate a worker. */
void gate_install(struct worker *worker);
/* Lets the task that waits there go on; it must be waiting. */
void gate_open(struct worker *worker);
bool gate_is_waited_at(struct worker *worker);

#endif
