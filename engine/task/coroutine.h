#ifndef DU_COROUTINE_H
#define DU_COROUTINE_H

/* The coroutine library of scripts: Lua's, but a wait for the engine passes through a script's own
 * coroutines, and each is charged to the task's budget.
 *
 * Invariants
 *  1. A coroutine that waits for the engine parks its whole task: whoever resumed it waits too, up
 * to the task's base, and goes on when it does. To scripts it is "normal" meanwhile.
 *  2. A task's own thread is the main one to its script: it cannot be yielded.
 *
 * Thread: the worker's.
 */

#include <lua.h>

/* A lua_CFunction for luaL_requiref: gives a fresh table of the library. */
int du_coroutine_open(lua_State *L);

#endif
