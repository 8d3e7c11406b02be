#ifndef DU_ENGINE_H
#define DU_ENGINE_H

/* The engine: one deployment, served. It owns what is one per process (data folder, ledgers, cache,
 * limits, upstreams) and its workers.
 *
 * Invariants
 *  1. Nothing global: two engines live in one process side by side.
 *  2. When du_engine_start has returned DU_OK, every listener accepts.
 *  3. Listeners belong to the engine, not to a generation of scripts.
 *  4. Stopping goes top down: unready, `Connection: close`, accepts until EAGAIN, closes; what
 * still runs after the drain time is ended.
 *  5. The engine touches no signal's disposition; its threads block all signals.
 *
 * Thread: new, start, stop and free on one thread, the host program's; the rest any.
 */

#include "base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_engine;
struct du_scripts;
struct du_host_module;

/* As du_faults_arm takes it. */
struct du_engine_fault {
    enum du_fault fault;
    int number, skip, times;
};

struct du_engine_options {
    const char *folder; /* the deployment's; has dunite.lua, unless there is a bundle */
    const struct du_scripts
        *bundle;           /* the deployment's scripts, in place of the folder's; or NULL */
    const char *scripts;   /* --scripts DIR, or NULL */
    const char *overrides; /* JSON of settings over those of dunite.lua, or NULL */
    bool manual_clock;     /* specs: stands at clock_ms until it is moved */
    int64_t clock_ms;
    const char *const *environment; /* "NAME=value" before the process's; NULL ends it, or NULL */
    du_log_sink *log_sink;          /* specs: hears every line of the log instead; may be NULL */
    void *log_user;
    const struct du_host_module
        *modules;                        /* for scripts, over dunite's; a NULL name ends, or NULL */
    void *host;                          /* for those modules: du_context's host */
    const struct du_engine_fault *fault; /* specs: armed before anything is opened; may be NULL */
    bool offline; /* no listener but the control socket: for commands when no engine runs */
    bool quiet;   /* log warnings only */
    bool strict;  /* what is only suspicious is a finding, too: `dunite check` */
    /* Sockets that listen already, -1 ends; or NULL. One whose address (du_socket_name) is to be
     * listened on is used for it; it then is the engine's. */
    const int *sockets;
    /* The dunite program, which runs a deployment's specs before a reload; NULL: none can be run.
     */
    const char *program;
    /* A reload begins, or has ended; on a thread of the engine's. May be NULL. */
    void (*reloading)(void *user, bool begins);
    void *reloading_user;
};

/* What is wrong with a deployment: one line each, as `file:line: what, and what to write instead`.
 */
struct du_findings {
    char **list; /* it is not served with these */
    size_t count;
    char **warnings;
    size_t warning_count;
};
void du_findings_free(struct du_findings *findings);

/* Loads and checks the deployment, opens its store, binds its listeners, starts its workers. The
 * options are copied. On failure *error says why; what is wrong with the deployment itself is in
 * findings (freed by the caller). */
enum du_error_kind du_engine_start(struct du_engine **engine,
                                   const struct du_engine_options *options,
                                   struct du_findings *findings, struct du_error *error);
/* Builds the scripts anew and puts them in force; the outcome is in the log. Returns at once. */
void du_engine_reload(struct du_engine *engine);
/* For how long the worker that has stood still longest has, in ms; 0: all of them go. */
int64_t du_engine_stands_still_ms(struct du_engine *engine);
/* Begins to drain: unready, so that who sends requests here may learn it; returns at once. */
void du_engine_drain(struct du_engine *engine);
/* Nothing more is accepted but what has come so far. Once, after the drain has begun. */
void du_engine_refuse(struct du_engine *engine);
/* True when nothing is being served any more. */
bool du_engine_idle(struct du_engine *engine);
/* Ends what still runs, waits for the workers, closes the store, frees. */
void du_engine_stop(struct du_engine **engine);

/* Address number `at` of those that are listened on ("127.0.0.1:8080", "unix:…"); NULL past the
 * last. */
const char *du_engine_address(struct du_engine *engine, size_t at);
const char *du_engine_data_dir(const struct du_engine *engine);
int64_t du_engine_drain_ms(const struct du_engine *engine);
struct du_base *du_engine_base(struct du_engine *engine);
struct du_shared;
struct du_shared *du_engine_shared(struct du_engine *engine);
/* Settles what it owes to loops outside it (specs): its lanes end, its ledgers have committed. It
 * serves no more after that; stop it. */
void du_engine_settle(struct du_engine *engine);
/* After the clock was moved: every worker has fired what fell due when this returns. */
void du_engine_clock_moved(struct du_engine *engine);

#endif
