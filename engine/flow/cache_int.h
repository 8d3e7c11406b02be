#ifndef DU_CACHE_INT_H
#define DU_CACHE_INT_H

/* What cache.c (who waits), desk.c (a worker's share of it) and filler.c (who fetches) see of the
 * cache. */

#include "base.h"
#include "cache.h"
#include "turns.h"

#include <pthread.h>
#include <stdatomic.h>

struct du_cache {
    struct du_base *base;
    struct du_blobs *blobs;
    struct du_index *index;
    struct du_lane *disk;
    struct du_single_flight *flights;
    struct du_turns fills, passages;
    pthread_mutex_t lock;
    struct du_list desks; /* under the lock */
    struct {
        atomic_uint_fast64_t opened[DU_CACHE_BYPASS + 1], filled, failed, resumed, bytes;
    } figures;
};

#endif
