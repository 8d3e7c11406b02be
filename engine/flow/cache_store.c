/* Small bytes that are at hand, straight into the store. */

#include "cache_int.h"

static struct du_cache_store *store_of(struct du_job *job) {
    return du_container_of(job, struct du_cache_store, job);
}

static enum du_error_kind enter(struct du_cache_store *store) {
    struct du_blob *pin;
    enum du_error_kind kind = du_index_add(store->cache->index, &store->digest,
                                           (int64_t)store->size, -1, NULL, NULL, &pin);
    du_blob_unref(&pin);
    return kind == DU_OK ? DU_OK : du_error_set(&store->error, kind, "enter a blob");
}

static enum du_error_kind keep(struct du_cache_store *store, struct du_reservation *reservation,
                               struct du_partial **partial) {
    struct du_error *error = &store->error;
    int64_t size = (int64_t)store->size;
    enum du_error_kind kind = du_index_reserve(store->cache->index, reservation, size, error);
    if (kind == DU_OK)
        kind = du_partial_new(store->cache->blobs, size, partial, error);
    if (kind == DU_OK)
        kind = du_partial_write(*partial, store->data, store->size, error);
    if (kind == DU_OK)
        kind = du_partial_verify(*partial, store->expected, size, &store->digest, error);
    if (kind == DU_OK)
        kind = du_partial_publish(*partial, error);
    return kind == DU_OK ? enter(store) : kind;
}

static void work(struct du_job *job) {
    struct du_cache_store *store = store_of(job);
    struct du_reservation reservation = {0};
    struct du_partial *partial = NULL;
    keep(store, &reservation, &partial);
    du_partial_free(&partial);
    du_index_release(&reservation);
}

static void worked(struct du_job *job) {
    struct du_cache_store *store = store_of(job);
    du_mailbox_expect(store->home, -1);
    store->stored(store);
}

enum du_error_kind du_cache_store(struct du_cache *cache, struct du_cache_store *store) {
    store->cache = cache;
    store->error = du_error_of(DU_OK);
    store->job = (struct du_job){.work = work, .done = worked, .home = store->home};
    du_mailbox_expect(store->home, 1);
    enum du_error_kind kind = du_lane_submit(cache->disk, &store->job);
    if (kind != DU_OK)
        du_mailbox_expect(store->home, -1);
    return kind;
}
