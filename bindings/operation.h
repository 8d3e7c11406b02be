#ifndef DU_OPERATION_H
#define DU_OPERATION_H

/* The operation of a flight that Lua started: it runs in a task of its own, on the leader's worker,
 * with a budget of its own, and again after failures that may pass.
 *
 *      start ──> RUNNING ──returns, or fails for good──> (flight completed, freed)
 *                  │ ^
 *            retryable backoff
 *                  v │
 *                BACKING OFF ──abandoned, closed──> (flight completed, freed)
 *
 * Invariants
 *  1. Whatever becomes of the operation, its flight is completed, exactly once.
 *  2. What it gives (value and problem) is cloned before it leaves its state; what cannot be cloned
 * is the flight's error.
 *  3. How it died says what its cohort gets: raised (unless with an error value) and over budget
 * are Script, no memory is Memory, cancelled is Cancelled.
 *  4. Nobody left to want it: with `cancel` it is cancelled, unless it has published; else it
 * finishes.
 *  5. Its memory goes when the flight is completed and no mail about it is under way.
 *
 * Thread: the leader's loop; `abandoned` any.
 */

#include "context.h"

#include <lua.h>

struct du_operation_options {
    int retries; /* further tries after a retryable failure */
    bool cancel; /* when nobody is left to want it */
};

/* Takes the flight that a join has made, and starts the first try of the function at index. Without
 * the memory for it the flight is completed with that. Raises nothing. */
void du_operation_start(lua_State *L, int index, const struct du_operation_options *options,
                        struct du_flight **flight);

/* Ends those of the worker that wait for another try; the running ones end with their tasks. */
void du_operations_close(struct du_context *context);
void du_lua_operation_define(lua_State *L);

#endif
