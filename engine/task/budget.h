#ifndef DU_BUDGET_H
#define DU_BUDGET_H

/* How much a task may compute: VM instructions, counted by a hook on each of its coroutines.
 *
 * Invariants
 *  1. The count is the task's. A new coroutine is charged a period, since its hook starts to count
 * anew.
 *  2. Once spent, every further instruction raises, in each coroutine it reaches, until the task's
 * base; no message handler of a script runs, no coroutine is resumed or closed.
 *
 * What it cannot stop: a C function that takes long (a long pattern match), a finalizer.
 * Thread: the worker's.
 */

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum { DU_BUDGET_PERIOD = 1000 };

struct du_error;
struct du_task;

struct du_budget {
    int64_t limit, spent; /* VM instructions; limit 0: no bound */
    bool over;
    char where[128]; /* "file:line:" of what ran when it was over */
};

void du_budget_init(struct du_budget *budget, int64_t limit);
/* Has the thread's instructions counted from now on for whichever task runs it; of a task without a
 * bound they are not, which is faster. */
void du_budget_watch(lua_State *thread, const struct du_budget *budget);
/* For C functions, with the task that runs, if any. Charges it for a new coroutine, and checks. */
void du_budget_charge(lua_State *L);
/* Stops when the budget is over: then it does not return. */
void du_budget_check(lua_State *L);
/* The same, before L resumes a coroutine, which may have been made where nothing was counted. */
void du_budget_enter(lua_State *L, lua_State *coroutine);
bool du_budget_is_over(lua_State *L);
/* Says so as an error (DU_SCRIPT). */
void du_budget_error(const struct du_budget *budget, struct du_error *error);

/* xpcall(f, handler, …) whose handler is passed over once the budget is. */
int du_budget_xpcall(lua_State *L);

#endif
