#ifndef DU_CACHE_INT_H
#define DU_CACHE_INT_H

/* What cache.c (its life, what is there), cache_open.c (who waits), cache_store.c (what is at
 * hand), desk.c (a worker's share of it), filler.c and passage.c (who fetch) see of the cache. */

#include "base.h"
#include "cache.h"
#include "turns.h"

#include <pthread.h>
#include <stdatomic.h>

struct du_want;

enum { DU_CACHE_OUTGROWN = 64 };

struct du_cache {
    struct du_base *base;
    struct du_blobs *blobs;
    struct du_index *index;
    struct du_lane *disk;
    struct du_single_flight *flights;
    struct du_turns fills, passages;
    pthread_mutex_t lock;
    struct du_list desks;                 /* under the lock, as are the next two */
    uint32_t outgrown[DU_CACHE_OUTGROWN]; /* hashes of the latest keys; 0: none */
    size_t outgrown_next;
    struct {
        atomic_uint_fast64_t opened[DU_CACHE_BYPASS + 1], filled, failed, resumed, bytes;
        atomic_uint_fast64_t passing;
    } figures;
};

/* Its body, whose length nobody told, turned out too large for the store: it passes through next
 * time. (Of many such the latest are known, until a restart; a fill more costs a broken body.) */
void du_cache_outgrew(struct du_cache *cache, const struct du_want *want);
bool du_cache_has_outgrown(struct du_cache *cache, const struct du_want *want);

/* A pin, or NULL: not there, or an older thing of that name, or nothing that could be served. cold
 * (NULL: this may wait for the disk): only the disk can open it, and none of that is known yet. */
struct du_blob *du_cache_look_up(struct du_cache *cache, const struct du_digest *digest,
                                 const char *name, const char *version, int64_t size, bool *cold);

#endif
