#ifndef DU_HOLD_H
#define DU_HOLD_H

/* Holds: what a task took and somebody must give back (a lease, an open audit event), whatever
 * happens to the script.
 *
 *      taken in a task ──> the task's ──handed to an answer──> the reply's ──> ended
 *                              └── by hand, at <close>, at the task's end ──────^
 *      taken outside of any request or flight ──> its box's ── by hand, at <close>, collected ──^
 *
 * Invariants
 *  1. A hold ends exactly once; ending it again does nothing.
 *  2. Its memory lives while a box or an owner refers to it.
 *  3. The collector ends a hold only when it belongs to its box alone.
 *
 * Thread: the worker's.
 */

#include "error.h"
#include "list.h"

#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

enum du_fate {
    DU_FATE_DONE,   /* all went well, or it was given back by hand */
    DU_FATE_FAILED, /* not delivered, because of us or upstream: what was charged is given back */
    DU_FATE_LEFT    /* not delivered, because the client left or was too slow */
};

struct du_ending {
    enum du_fate fate;
    int64_t bytes;              /* of the body that were sent */
    const char *reason;         /* may be NULL */
    enum du_error_kind problem; /* FAILED: whose fault it was; else DU_OK */
    int status;                 /* of the reply; 0 where there is none */
    const char *digest;         /* of what the reply gave, or a part of it; NULL: not known */
};

struct du_hold;

struct du_hold_type {
    void (*end)(struct du_hold *hold, const struct du_ending *ending);
};

enum du_hold_owner { DU_HOLD_BOX, DU_HOLD_TASK, DU_HOLD_REPLY };

/* Embed it first in a struct of du_malloc's. */
struct du_hold {
    const struct du_hold_type *type;
    struct du_list node;
    enum du_hold_owner owner;
    bool boxed, ended;
};

/* What hangs on a task that bindings start (du_task_user). The children that native.all starts
 * share their parent's. */
struct du_scope {
    struct du_list holds;
    struct du_request *request; /* the one it serves, NULL for a flight's */
};

void du_scope_init(struct du_scope *scope, struct du_request *request);
/* Ends all that the task still holds. */
void du_scope_end(struct du_scope *scope, const struct du_ending *ending);
/* The scope of the task that runs, NULL for one that bindings did not start. */
struct du_scope *du_scope_of(lua_State *L);
/* What such a task is started with: enter(scope, function, …) gives what function(…) gives. */
int du_scope_enter(lua_State *L);

/* A new hold in a box, the task's where scope is not NULL. */
void du_hold_begin(struct du_hold *hold, const struct du_hold_type *type, struct du_scope *scope);
/* Moves it to the reply's holds. False: it has ended. */
bool du_hold_give(struct du_hold *hold, struct du_list *reply_holds);
/* NULL is nothing. */
void du_hold_end(struct du_hold *hold, const struct du_ending *ending);
/* All of the list, as its owner. */
void du_holds_end(struct du_list *holds, const struct du_ending *ending);
/* Its box is collected. (At <close> a box ends what it holds.) */
void du_hold_unbox(struct du_hold **hold);
#endif
