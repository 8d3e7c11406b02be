#ifndef DU_WAIT_H
#define DU_WAIT_H

/* A wait: what a binding leaves behind while its task is parked. Embedded first in a struct of the
 * binding's own, on the heap, and it frees itself.
 *
 *      new ──> (start something) ──> answer           it was done at once
 *                                └─> park ──> settle, post or expire ──> the task goes on
 *                                         └─> the task is cancelled ──> withdrawn, or abandoned
 * until what is under way has come
 *
 * Invariants
 *  1. From new to answer or park the binding raises nothing.
 *  2. `push` runs for the task (not always in its thread), inside a protected call, and takes what
 * it hands to Lua out of the wait; `drop` gives back whatever is then left. drop runs exactly once,
 * then the memory goes.
 *  3. `withdraw` stops what is under way: true when nothing will come any more, false when a settle
 * or a post is still to come; that one frees the wait.
 *  4. While a wait is parked or abandoned, its mailbox keeps the loop alive.
 *
 * Thread: the worker's; du_wait_post any.
 */

#include "context.h"
#include "hold.h"

struct du_wait;

struct du_wait_type {
    size_t size; /* of the struct that begins with the wait */
    int (*push)(lua_State *L, struct du_wait *wait);
    bool (*withdraw)(struct du_wait *wait);
    void (*drop)(struct du_wait *wait); /* may be NULL */
};

struct du_wait {
    const struct du_wait_type *type;
    struct du_context *context;
    struct du_scope *scope; /* the task's; may be NULL; good while the task waits */
    struct du_ticket ticket;
    struct du_mail mail;
    struct du_timer timer;
    bool parked, abandoned, expired;
};

/* Raises where the task cannot wait. */
void du_wait_check(lua_State *L);
/* All zero but for this part. Raises as du_wait_check, and Memory. */
void *du_wait_new(lua_State *L, const struct du_wait_type *type);
/* The same where du_wait_check was called before: NULL when out of memory, and raises nothing.
 */
void *du_wait_try(lua_State *L, const struct du_wait_type *type);
/* It was done at once: pushes the results, frees the wait. Gives how many. */
int du_wait_answer(lua_State *L, struct du_wait *wait);
/* `return du_wait_park(L, wait);` ends the C function. */
int du_wait_park(lua_State *L, struct du_wait *wait);
/* Bounds a parked wait: after ms it is withdrawn and answered with `expired` set. */
enum du_error_kind du_wait_bound(struct du_wait *wait, int64_t ms);

/* What was waited for has come: wakes the task, frees the wait. On the loop, and not from within
 * the call that started it. */
void du_wait_settle(struct du_wait *wait);
/* The same from any thread, or from anywhere on the loop: it settles by a mail. */
void du_wait_post(struct du_wait *wait);

#endif
