#ifndef DU_WORKER_H
#define DU_WORKER_H

/* A worker: a thread with its own loop, Lua state, upstream client and share of each listener.
 *
 *     start -> SERVING -> DRAINING (drain, refuse) -> QUIET (close) -> gone (finish)
 *
 * Invariants
 *  1. Nothing but its own thread touches its loop and its Lua state; others post to its mailbox.
 *  2. A quiet worker has no connection, no task and no fetch left, and starts nothing any more;
 * mails that lanes, ledgers and other workers still owe it are delivered. The engine settles those
 * debts before it lets any worker finish, so nothing is posted to what is gone.
 *
 * Thread: start, close, finish the engine's; drain and poke any.
 */

#include "context.h"
#include "engine.h"
#include "generation.h"

#include <pthread.h>

struct du_worker_listener {
    struct du_socket *socket;
    int tag; /* DU_LISTENER_…, see bindings.h */
};

struct du_worker_options {
    struct du_shared *shared;
    const char *folder, *scripts, *overrides;
    const struct du_scripts *bundle;
    const struct du_host_module *modules;
    void *host;
    const char *const *environment;
    const struct du_config *config;
    const struct du_worker_listener *listeners;
    size_t listener_count;
    unsigned number;
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
/* Fires the timers that a moved clock made due; returns when that is done. */
void du_worker_poke(struct du_worker *worker);
/* Ends what it does, in this order: server, tasks, fills, fetches; returns when it is quiet. */
void du_worker_close(struct du_worker *worker);
/* Ends the quiet worker: its scripts, its loop, its thread. Frees it. */
void du_worker_finish(struct du_worker **worker);

#endif
