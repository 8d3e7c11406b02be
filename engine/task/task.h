#ifndef DU_TASK_H
#define DU_TASK_H

/* Tasks: the coroutines that scripts run in, and the one way they wait.
 *
 * A task is one run of a Lua function in a coroutine of its worker's state. It runs until it
 * returns, raises, or waits; a wait parks it under a ticket, and a wake-up with that ticket resumes
 * it.
 *
 * Invariants
 *  1. This is the only module that calls lua_resume.
 *  2. A wake-up whose ticket is stale (the task went on, ended, or its memory serves another) is
 * dropped. Numbers are never reused and the memory of a task is not given back before
 * du_tasks_free.
 *  3. A task ends exactly once, and `ended` tells how: returned, raised, over budget, out of
 * memory, or cancelled. A traceback is taken before the thread is reset; to-be-closed variables
 * run.
 *  4. Cancelling a task resumes it with the error Cancelled at its wait, so pcall handlers and
 * <close> variables run; a task that waits again after that is cancelled there too.
 *  5. The budget belongs to the task, over all coroutines it creates: once it is spent the hook
 * goes on firing until the base of the task is reached, so pcall cannot swallow it.
 *  6. Pushing values and resuming happen inside one protected call: an allocation failure there
 * ends the task with DU_MEMORY, never the process.
 *  7. A task is interrupted only where it waits. A wake-up or a cancel that comes while another
 * task runs takes effect when that one waits or ends; a task that is started runs at once.
 *  8. A coroutine that waits for the engine can be resumed or closed by nobody else.
 *
 * A task's states, and what makes the transitions:
 *
 *      IDLE ──du_task_start──> RUNNING ──du_task_wait──> PARKED ──du_task_wake, _cancel──> RUNNING
 *       ^                        │                          │                                ^
 *       └──returned, raised──────┘                          └──the same, another runs──> READY
 *
 * Thread: the worker's.
 */

#include "error.h"
#include "list.h"

#include <lua.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct du_tasks; /* a worker's tasks, over one lua_State */
struct du_task;
struct du_flight;

/* What kind of work it is. Only load and spec tasks may build matchers, mirrors and enums. */
enum du_task_phase {
    DU_PHASE_LOAD,
    DU_PHASE_REQUEST,
    DU_PHASE_FLIGHT,
    DU_PHASE_TIMER,
    DU_PHASE_SPEC
};

struct du_task_budget {
    int64_t instructions; /* VM instructions over the task's life; 0: no bound */
};

enum du_task_end {
    DU_TASK_RETURNED,
    DU_TASK_RAISED,      /* an error value of the engine's keeps its kind; any other is DU_SCRIPT */
    DU_TASK_OVER_BUDGET, /* DU_SCRIPT */
    DU_TASK_NO_MEMORY,   /* DU_MEMORY */
    DU_TASK_CANCELLED    /* DU_CANCELLED */
};

struct du_task_result {
    enum du_task_end end;
    struct du_error error; /* kind DU_OK when it returned */
    const char *traceback; /* NULL when it returned; lives during the call */
    lua_State *thread;     /* returned: the results are its top `count` values */
    int count;
};

struct du_task_options {
    enum du_task_phase phase;
    struct du_task_budget budget;
    struct du_flight *within; /* the flight whose operation this is, or NULL; borrowed */
    /* Once; may be NULL. Inside a protected call on result->thread: if it raises over the results
     * of a task that returned, the task has raised that, and ended is told so in a second call. One
     * that is told DU_TASK_NO_MEMORY should not count on any more of Lua's. It may start and wake
     * tasks. */
    void (*ended)(void *user, const struct du_task_result *result);
    void *user;
    const char *label; /* for the watchdog: what it is; static */
    uint64_t number;   /* the same: which one; 0 for none */
};

/* A right to wake one particular wait. */
struct du_ticket {
    struct du_task *task;
    uint64_t number;
};

/* The state's extra space (lua_getextraspace) is a pointer to *tasks from now on: that stays where
 * it is as long as the state. A struct that begins with it is so found from any thread of Lua's. */
enum du_error_kind du_tasks_new(struct du_tasks **tasks, lua_State *state);
/* Cancels all that is left, then frees; no ticket may be woken any more. Call it before lua_close,
 * with no task running. What the cancelled tasks' `ended` start is refused with DU_CANCELLED. */
void du_tasks_free(struct du_tasks **tasks);
struct du_tasks *du_tasks_of(lua_State *state); /* NULL: freed */
size_t du_tasks_alive(const struct du_tasks *tasks);

/* What runs, or ran last, for other threads to look at. */
struct du_task_watch {
    _Atomic(const char *) label;
    atomic_uint_fast64_t number;
};
/* Where that is noted from now on; it outlives the tasks. */
void du_tasks_set_watch(struct du_tasks *tasks, struct du_task_watch *watch);

/* How an error of the engine becomes a Lua value: push leaves one value on the stack, and may
 * raise. Without it, a string of its name and message. */
void du_tasks_set_error_push(struct du_tasks *tasks,
                             void (*push)(lua_State *L, const struct du_error *error));
/* The way back: false when the value is no error of the engine's (it is then DU_SCRIPT, or
 * DU_MEMORY for Lua's own "not enough memory", with its tostring as the message). It may raise. */
void du_tasks_set_error_read(struct du_tasks *tasks,
                             bool (*read)(lua_State *L, int index, struct du_error *error));
/* Raises the error's Lua value; returns never (int, so that a C function may `return` it). */
int du_task_raise(lua_State *L, const struct du_error *error);

/* Runs the function and its `count` arguments on top of `state`'s stack (it pops them) as a new
 * task. May end before it returns. DU_MEMORY, DU_CANCELLED (see du_tasks_free): nothing was
 * started, ended is not called. Never raises, so it may be called from anywhere on the worker's
 * thread. *task (may be NULL) is set to NULL if the task has already ended. */
enum du_error_kind du_task_start(struct du_tasks *tasks, lua_State *state, int count,
                                 const struct du_task_options *options, struct du_task **task);
/* Ends the task with Cancelled, at its wait (one that runs: at its next); see invariant 4. One that
 * was woken already still gets what woke it, and is cancelled at its next wait. */
void du_task_cancel(struct du_task *task);
void du_tasks_cancel_all(struct du_tasks *tasks);

/* The task that runs now on this state, NULL outside of any. */
struct du_task *du_task_current(lua_State *state);
enum du_task_phase du_task_phase(lua_State *state); /* DU_PHASE_LOAD outside of any task */
struct du_flight *du_task_within(lua_State *state);
const char *du_task_label(const struct du_task *task);
/* VM instructions it was charged for so far. */
int64_t du_task_spent(const struct du_task *task);
/* Something a request hangs on its task (its exchange), for bindings that need to know. */
void du_task_set_user(struct du_task *task, void *user);
void *du_task_user(const struct du_task *task);

/* Called to push what a wait returns, before du_task_wake returns; gives the number of values
 * pushed, and may raise: the error then comes out of the wait. Runs inside a protected call, in the
 * thread that waits or, when that cannot be resumed yet, in another of the same state. `user` stays
 * the caller's. */
typedef int du_task_push(lua_State *thread, void *user);

/* A C function that must wait: take a ticket, hand it to what will wake, and
 *     return du_task_wait(L, ticket, cancel, user);
 * cancel (may be NULL) is called once if the task is cancelled while it waits, before it is
 * resumed: it withdraws what would have woken. Raises where Lua cannot yield (finalizers, sort,
 * gsub …) after having called cancel; a ticket taken there is stale from the start. The values that
 * the wake-up pushes are the C function's results. */
struct du_ticket du_task_ticket(lua_State *L);
int du_task_wait(lua_State *L, struct du_ticket ticket, void (*cancel)(void *user), void *user);
/* Like du_task_wait, but goes on in `after` once woken, with the pushed values on top of the stack
 * and du_task_wait's caller's own stack below. `context` is handed on. */
int du_task_wait_k(lua_State *L, struct du_ticket ticket, void (*cancel)(void *user), void *user,
                   lua_KContext context, lua_KFunction after);
/* Whether this C function may wait at all: raises a clear error when not. */
void du_task_check_wait(lua_State *L);
bool du_task_may_wait(lua_State *L); /* the same, asked */
/* Resumes the wait; push may be NULL for no values. False: the ticket was stale, push was not
 * called. A wake-up may come before du_task_wait is reached: the wait then returns at once. */
bool du_task_wake(struct du_ticket ticket, du_task_push *push, void *user);

#endif
