#include "cache.h"

#include "desk.h"
#include "map.h"
#include "mem.h"
#include "want.h"

#include <sys/stat.h>

enum { FILLS_PER_UPSTREAM = 32, FILLS_PER_MEMBER = 16 };

/* The cache ------------------------------------------------------------------------------------ */

enum du_error_kind du_cache_new(struct du_cache **cache, struct du_base *base,
                                struct du_flight_domain *domain, struct du_blobs *blobs,
                                struct du_index *index, struct du_lane *disk) {
    struct du_cache *made = du_calloc(1, sizeof *made);
    *cache = NULL;
    if (made == NULL || du_single_flight_new(&made->flights, domain) != DU_OK) {
        du_free(made);
        return DU_MEMORY;
    }
    made->base = base;
    made->blobs = blobs;
    made->index = index;
    made->disk = disk;
    du_turns_init(&made->fills, 0, 0);
    du_turns_init(&made->passages, 0, 0);
    du_cache_limit(made, FILLS_PER_UPSTREAM, FILLS_PER_MEMBER);
    pthread_mutex_init(&made->lock, NULL);
    du_list_init(&made->desks);
    *cache = made;
    return DU_OK;
}

void du_cache_limit(struct du_cache *cache, size_t per_upstream, size_t per_member) {
    du_turns_limit(&cache->fills, per_upstream, per_member);
    du_turns_limit(&cache->passages, (per_upstream + 1) / 2, (per_member + 1) / 2);
}

void du_cache_free(struct du_cache **cache) {
    struct du_cache *old = *cache;
    if (old == NULL)
        return;
    du_list_each(node, &old->desks) {
        struct du_desk *desk = du_container_of(node, struct du_desk, in_cache);
        du_desk_free(&desk);
    }
    du_single_flight_free(&old->flights);
    du_turns_deinit(&old->fills);
    du_turns_deinit(&old->passages);
    pthread_mutex_destroy(&old->lock);
    du_free(old);
    *cache = NULL;
}

struct du_index *du_cache_index(struct du_cache *cache) {
    return cache->index;
}

struct du_single_flight *du_cache_flights(struct du_cache *cache) {
    return cache->flights;
}

struct du_lane *du_cache_disk(struct du_cache *cache) {
    return cache->disk;
}

struct du_faults *du_cache_faults(struct du_cache *cache) {
    return &cache->base->faults;
}

void du_cache_figures(struct du_cache *cache, struct du_cache_figures *figures) {
    for (int status = DU_CACHE_HIT; status <= DU_CACHE_BYPASS; status++)
        figures->opened[status] = atomic_load(&cache->figures.opened[status]);
    figures->filled = atomic_load(&cache->figures.filled);
    figures->failed = atomic_load(&cache->figures.failed);
    figures->resumed = atomic_load(&cache->figures.resumed);
    figures->bytes = atomic_load(&cache->figures.bytes);
    figures->passing = atomic_load(&cache->figures.passing);
}

enum du_step du_cache_shutdown(struct du_cache *cache, struct du_client *client,
                               void (*closed)(void *user), void *user) {
    struct du_desk *desk = du_desk_look_up(cache, client);
    return desk == NULL ? DU_STEP_DONE : du_desk_close(desk, closed, user);
}

/* What outgrew the store ----------------------------------------------------------------------- */

static uint32_t hash_of(const struct du_want *want) {
    uint32_t hash = du_map_hash(want->key, want->key_size);
    return hash != 0 ? hash : 1;
}

void du_cache_outgrew(struct du_cache *cache, const struct du_want *want) {
    pthread_mutex_lock(&cache->lock);
    cache->outgrown[cache->outgrown_next++ % DU_CACHE_OUTGROWN] = hash_of(want);
    pthread_mutex_unlock(&cache->lock);
}

bool du_cache_has_outgrown(struct du_cache *cache, const struct du_want *want) {
    uint32_t hash = hash_of(want);
    bool has = false;
    pthread_mutex_lock(&cache->lock);
    for (size_t i = 0; i < DU_CACHE_OUTGROWN; i++)
        has = has || cache->outgrown[i] == hash;
    pthread_mutex_unlock(&cache->lock);
    return has;
}

/* Looking -------------------------------------------------------------------------------------- */

/* The file is gone or too short: somebody or something was at the folder. cold: see
 * du_cache_look_up. */
static bool is_damaged(struct du_cache *cache, struct du_blob *blob, bool *cold) {
    struct stat file;
    int fd = cold != NULL ? du_blob_open_now(blob, cold) : du_blob_open(blob, NULL);
    if (cold != NULL && *cold)
        return false;
    if (fd < 0)
        return !du_blobs_has(cache->blobs, du_blob_digest(blob));
    return fstat(fd, &file) == 0 && file.st_size < du_blob_size(blob);
}

static void drop(struct du_cache *cache, struct du_blob *blob) {
    char text[DU_DIGEST_TEXT];
    du_log_format(cache->base->log, DU_LOG_ERROR,
                  "the file of %s is gone or cut; it is fetched anew",
                  du_digest_format(du_blob_digest(blob), text));
    du_index_drop(cache->index, du_blob_digest(blob));
}

struct du_blob *du_cache_look_up(struct du_cache *cache, const struct du_digest *digest,
                                 const char *name, const char *version, int64_t size, bool *cold) {
    struct du_blob *blob = digest != NULL ? du_index_find(cache->index, digest)
                                          : du_index_find_name(cache->index, name, version);
    if (blob == NULL)
        return NULL;
    bool older = digest == NULL && size >= 0 && du_blob_size(blob) != size;
    bool damaged = !older && is_damaged(cache, blob, cold);
    if (damaged)
        drop(cache, blob);
    if (older || damaged)
        du_blob_unref(&blob);
    return blob;
}

/* Whether its file is damaged shows when it is opened. */
enum du_cache_status du_cache_peek(struct du_cache *cache, const struct du_cache_options *options,
                                   int64_t *size) {
    bool there =
        du_index_peek(cache->index, options->digest, options->name, options->version, size);
    if (there && (options->digest != NULL || options->size < 0 || options->size == *size))
        return DU_CACHE_HIT;
    *size = -1;
    if (options->size >= 0 && !du_index_may_hold(cache->index, options->size))
        return DU_CACHE_BYPASS;
    struct du_want *want = options->origin != NULL ? du_want_new(options) : NULL;
    if (want == NULL)
        return DU_CACHE_MISS;
    bool filling = du_single_flight_is_up(cache->flights, want->key, want->key_size);
    du_want_unref(&want);
    return filling ? DU_CACHE_COALESCED : DU_CACHE_MISS;
}
