#ifndef DU_WORKER_H
#define DU_WORKER_H

/* A worker: a thread with its own loop, Lua state, upstream client and share of each listener.
 *
 *     start -> SERVING -> DRAINING (drain, refuse) -> QUIET (close) -> gone (finish)
 *
 * Invariants
 *  1. Nothing but its own thread touches its loop and its Lua states; others post to its mailbox.
 *  2. A quiet worker has no connection, no task and no fetch left, and starts nothing any more;
 * mails that lanes, ledgers and other workers still owe it are delivered. The engine settles those
 * debts before it lets any worker finish, so nothing is posted to what is gone.
 *  3. It has one edition of the scripts that serves, at most one that is staged, and the old ones
 * that have not ended. A staged one serves from the first request on that comes after the engine's
 * number of the generation in force has reached its own: so all workers change at once.
 *
 * Thread: start, close, finish the engine's; stage and adopt the reloader's; drain and poke any.
 */

#include "context.h"
#include "edition.h"
#include "engine.h"

#include <pthread.h>
#include <stdatomic.h>

struct du_worker_listener {
    struct du_socket *socket;
    int tag; /* DU_LISTENER_…, see bindings.h */
};

struct du_worker_options {
    struct du_shared *shared;
    struct du_edition_options edition;      /* the first */
    const atomic_uint_fast64_t *generation; /* the number of the one in force */
    const struct du_worker_listener *listeners;
    size_t listener_count;
    unsigned number;
    /* A script was refused memory: the state is to be replaced. On the worker's thread, once until
     * another edition is adopted. */
    void (*spent)(void *user, unsigned number);
    void *user;
};

struct du_worker;

/* Returns when the worker serves, or has failed to. options and what it points at outlive the
 * worker. */
enum du_error_kind du_worker_start(struct du_worker **worker,
                                   const struct du_worker_options *options,
                                   struct du_findings *findings, struct du_error *error);
/* Answers say `Connection: close`; it still accepts. */
void du_worker_drain(struct du_worker *worker);
/* Accepts what has come so far, then nothing; returns when that is so. */
void du_worker_refuse(struct du_worker *worker);
/* Exchanges that run now. */
size_t du_worker_busy(struct du_worker *worker);
int64_t du_worker_lua_bytes(struct du_worker *worker);
/* Hands it a detached edition, to serve once its generation is in force; returns when it has it. */
void du_worker_stage(struct du_worker *worker, struct du_edition **edition);
/* Returns when the edition that was staged serves, and the one before is old. */
void du_worker_adopt(struct du_worker *worker);
/* Each edition that serves or has not ended. */
void du_worker_generations(struct du_worker *worker, du_generation_each *each, void *user);
/* What it runs now, or ran last. */
struct du_worker_at {
    const char *label; /* static: "a request", …; NULL: nothing yet */
    uint64_t number;   /* the request's id; 0: none */
};
struct du_worker_at du_worker_at(struct du_worker *worker);
/* Delivered on its loop. */
void du_worker_post(struct du_worker *worker, struct du_mail *mail);
/* Fires the timers that a moved clock made due; returns when that is done. */
void du_worker_poke(struct du_worker *worker);
/* Ends what it does, in this order: server, tasks, fills, fetches; returns when it is quiet. */
void du_worker_close(struct du_worker *worker);
/* Ends the quiet worker: its scripts, its loop, its thread. Frees it. */
void du_worker_finish(struct du_worker **worker);

#endif
