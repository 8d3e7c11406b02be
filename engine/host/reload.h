#ifndef DU_RELOAD_H
#define DU_RELOAD_H

/* The reloader: puts a new generation of scripts in the place of the one that serves, and a new
 * state in the place of one that ran out of memory.
 *
 *      asked ──> BUILDING: check, named objects, the specs in a child process, a state per worker
 *                   │ anything is wrong ──> all of it is freed, nothing has changed, the reason
 * told └──> STAGED: every worker has its new state ──> IN FORCE, at once for all
 *
 * Invariants
 *  1. It builds on a thread of its own; no worker waits for it.
 *  2. One reload at a time. Whoever asks while one runs gets the outcome of the next, which begins
 *     after they asked: wishes are gathered, not queued one by one.
 *  3. All states of a generation are made of the same text (task/sources), also one that is made
 *     later, for a state that ran out of memory.
 *  4. While the engine drains every wish is refused; when it stops, what runs is cut short.
 *
 * Thread: any; stop the engine's.
 */

#include "context.h"
#include "list.h"

#include <pthread.h>
#include <stdbool.h>

struct du_engine;
struct du_check;

enum { DU_WORKERS_MOST = 256 };

struct du_reloader {
    pthread_mutex_t lock; /* of all below, but those of the thread's own */
    pthread_cond_t news;
    pthread_t thread;
    bool started, busy, ending;
    struct du_list wishes;
    bool wished;                 /* by somebody who does not wait (a signal) */
    bool spent[DU_WORKERS_MOST]; /* whose state is to be replaced */
    struct du_check *last; /* the thread's own: of the generation in force; NULL: the engine's */
};

void du_reloader_init(struct du_engine *engine);
/* All workers serve: it may be asked from now on. */
void du_reloader_begin(struct du_engine *engine);
/* du_shared's functions. A request of NULL: nobody waits for the outcome, but the log. */
void du_reloader_ask(struct du_shared *shared, struct du_reload_request *request);
void du_reloader_generations(struct du_shared *shared, du_generation_each *each, void *user);
/* A worker's state ran out of memory. */
void du_reloader_replace(void *engine, unsigned worker);
/* Refuses what is wished, cuts short what runs, ends the thread. Before any worker closes. May be
 * called twice. */
void du_reloader_stop(struct du_engine *engine);
void du_reloader_deinit(struct du_engine *engine);

#endif
