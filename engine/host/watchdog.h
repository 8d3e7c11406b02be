#ifndef DU_WATCHDOG_H
#define DU_WATCHDOG_H

/* The watchdog: notices when a worker's loop stands still (a pattern that takes for ever, a
 * finalizer that does not end: what no budget can stop), and says who is at it.
 *
 * It sends each worker a mail every now and then. One that is not delivered for a second is a
 * stall: a line in the log, again whenever its length has doubled, and one when it is over.
 *
 * Thread: start and stop the engine's; longest any.
 */

#include "mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_engine;
struct du_worker;

struct du_watchdog {
    struct du_engine *engine;
    pthread_mutex_t lock; /* of ending */
    pthread_cond_t news;
    pthread_t thread;
    bool started, ending;
    struct du_ping *pings; /* one a worker */
    size_t count;
};

/* Without it, should it not start, stalls are not noticed. */
void du_watchdog_start(struct du_watchdog *watchdog, struct du_engine *engine);
/* Before any worker closes. Harmless when it was never started. */
void du_watchdog_stop(struct du_watchdog *watchdog);
void du_watchdog_deinit(struct du_watchdog *watchdog);
/* For how long the worker that has stood still longest has, in ms; 0: none does. */
int64_t du_watchdog_longest(struct du_watchdog *watchdog);

#endif
