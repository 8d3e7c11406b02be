#ifndef DU_TEST_RIG_H
#define DU_TEST_RIG_H

/* An engine's worth of flow for tests: store, disk lane, cache, and workers, each a thread with a
 * loop. The test's own thread says what happens on which loop and waits for conditions; nothing
 * sleeps. */

#include "base.h"
#include "cache.h"
#include "mailbox.h"
#include "reader.h"
#include "timers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum { RIG_WORKERS = 2 };

struct rig_worker {
    pthread_t thread;
    uv_loop_t loop;
    struct du_mailbox mailbox;
    struct du_timers timers;
    struct du_client
        *client; /* the worker itself, as the fake upstream wants it, unless a test makes one */
    bool shutting, shut; /* its client is being, or is, shut down in the cache */
};

struct rig {
    struct du_base base;
    struct du_flight_domain *domain;
    struct du_blobs *blobs;
    struct du_index *index;
    struct du_lane *disk;
    struct du_cache *cache;
    struct du_origin *origin; /* for takers; the test's own */
    struct rig_worker workers[RIG_WORKERS];
    char folder[64], mark[33];
    int64_t live; /* blocks before the rig was made */
};

/* A folder of its own, an empty store, workers that run. One thread in the disk lane. */
struct rig *rig_new(void);
/* Shuts the clients down, ends the workers, and asserts that nothing has leaked. */
void rig_free(struct rig *rig);
/* The store and the cache anew over the same folder, as after a restart. */
void rig_restart(struct rig *rig);

/* Shuts the worker's client down in the cache; shut is set when that is done. */
void rig_shut(struct rig *rig, int worker);
bool rig_is_shut(struct rig *rig, int worker);
void rig_wait_shut(struct rig *rig, int worker);

/* Runs it on the worker's thread, and waits until it has. */
void rig_run(struct rig_worker *worker, void (*what)(void *user), void *user);
/* The same in the disk lane, behind what is queued there. */
void rig_run_in_lane(struct rig *rig, void (*what)(void *user), void *user);
/* When this returns the worker has delivered every mail that was posted before. */
void rig_settle(struct rig_worker *worker);
/* What is under way in the lane and to the workers is done; then the clock moves, and what is due
 * then happens. */
void rig_let_time_pass(struct rig *rig, int64_t ms);
/* Waits until no flight is up: each round, what is in the disk lane is done and comes home. */
void rig_land(struct rig *rig, int worker);

/* Conditions. What a test waits for is changed under the lock, then told. */
void rig_lock(void);
void rig_unlock(void);
void rig_tell(void);                                  /* with the lock held */
void rig_wait(bool (*holds)(void *user), void *user); /* without it; holds is asked with it held */

/* How many flights are up; files in partial/; visible blobs. */
size_t rig_flights(struct rig *rig);
int rig_partials(struct rig *rig);
int rig_blobs(struct rig *rig);

/* A place in the code that threads must not pass while it is closed. */
struct rig_gate {
    bool closed;
    int waiting;
};
void rig_gate_close(struct rig_gate *gate);
void rig_gate_open(struct rig_gate *gate);
void rig_gate_pass(struct rig_gate *gate);                        /* at the place */
void rig_gate_wait_for_arrival(struct rig_gate *gate, int count); /* so many are held there */

/* Bytes that tell their place. */
void rig_pattern(char *bytes, size_t size, unsigned seed);

#endif
