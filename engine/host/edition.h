#ifndef DU_EDITION_H
#define DU_EDITION_H

/* An edition: one worker's part of a generation, a Lua state with its context.
 *
 *      new (any thread, detached) ──attach──> CURRENT ──retire──> OLD ──its tasks are over──> its
 *                                              state is closed ──its last request has ended──>
 * ended
 *
 * Invariants
 *  1. A detached edition touches nothing of its worker: it may be made on a helper thread.
 *  2. An old one goes on as long as anything is owed to it, and no longer. What it waits for is
 *     told: in the log after a while, then ever more seldom, and to who asks for it.
 *  3. Its state goes before its last request does: a download of hours keeps no scripts in memory.
 *
 * Thread: new and free of a detached one any; held_by under the lock it was given; all else the
 * worker's.
 */

#include "generation.h"

#include <pthread.h>

enum { DU_EDITION_HELD = 1024 };

struct du_edition_options {
    struct du_base *base;
    const char *folder, *scripts, *overrides;
    const struct du_scripts *bundle;
    const struct du_host_module *modules;
    void *host;
    const char *const *environment;
    struct du_sources *sources; /* it takes a reference */
    int64_t instructions;
    size_t memory;
    uint64_t generation;
    unsigned worker;
};

struct du_edition;

/* What a worker gives to its editions. */
struct du_edition_home {
    struct du_shared *shared;
    uv_loop_t *loop;
    struct du_mailbox *mailbox;
    struct du_timers *timers;
    struct du_client *client;
    struct du_task_watch *watch; /* where its tasks note what runs */
    pthread_mutex_t *lock;       /* of what other threads see of an edition */
    void (*ended)(void *user, struct du_edition *edition); /* an old one: it may be freed */
    void *user;
};

struct du_edition {
    struct du_list node; /* its worker's */
    struct du_context context;
    struct du_generation generation;
    struct du_sources *sources;
    struct du_edition_home home;
    struct du_mail look;
    bool looking;
    struct du_timer report;
    int64_t pause_ms;
    bool old;
    /* Under home.lock. */
    int64_t since_ms;
    size_t requests;
    char held_by[DU_EDITION_HELD];
};

/* Loads it, detached. DU_SCRIPT: see findings. */
enum du_error_kind du_edition_new(struct du_edition **edition,
                                  const struct du_edition_options *options,
                                  struct du_findings *findings, struct du_error *error);
/* It serves from now on. */
void du_edition_attach(struct du_edition *edition, const struct du_edition_home *home);
/* Another serves in its place; home.ended is called, by a mail, when it is over. */
void du_edition_retire(struct du_edition *edition);
/* The worker closes: it is not to tell its end any more. */
void du_edition_hush(struct du_edition *edition);
void du_edition_free(struct du_edition **edition);

#endif
