#ifndef DU_EXPLAIN_H
#define DU_EXPLAIN_H

/* Requests that only explain: `dunite explain` runs the deployment's own handler, and what would
 * change or ask something is told to an explainer, a Lua function, instead.
 *
 *      native.explain(explainer, at) ──> operations of this request's tasks are told to it
 *      native.explain(nil), or the request ends ──> they are done again
 *
 * Invariants
 *  1. explainer(operation, …) gives true and what the operation is to give; or false: it is done.
 *  2. What the explainer itself asks is really done, so that it can look; it never waits.
 *  3. A flight's operation runs in the caller's task: no other request ever gets what was made up.
 *  4. Who explains sees the wall clock at the time it explains for.
 *
 * Thread: the worker's.
 */

#include "request.h"

#include <lua.h>
#include <stdint.h>

/* At the top of an operation's function, before it reads its arguments. -1: go on. Else that many
 * results are on the stack. */
int du_explain(lua_State *L, const char *operation);
/* Does the task only explain? */
bool du_explains(lua_State *L);
/* The wall clock, or the time that is explained for. */
int64_t du_explain_wall_ms(lua_State *L);

#define DU_EXPLAINED(L, operation)                                                                 \
    do {                                                                                           \
        int told = du_explain(L, operation);                                                       \
        if (told >= 0)                                                                             \
            return told;                                                                           \
    } while (0)

#endif
