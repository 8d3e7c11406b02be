#include "index_int.h"
#include "index_journal.h"

#include <inttypes.h>

enum { NOTED_AGAIN_MS = 60000 };

/* Last use ---------------------------------------------------------------------------------- */

void du_index_entry_rest(struct du_index_entry *entry) {
    du_list_append(&entry->index->idle, &entry->idle);
    entry->index->idle_bytes += entry->size;
}

void du_index_entry_wake(struct du_index_entry *entry) {
    if (du_list_empty(&entry->idle))
        return;
    du_list_remove(&entry->idle);
    entry->index->idle_bytes -= entry->size;
}

/* A clock that was set back would keep a time of the future for long. */
void du_index_entry_touch(struct du_index_entry *entry) {
    struct du_index *index = entry->index;
    int64_t now = du_clock_wall_ms(&index->base->clock);
    if (now >= entry->used_ms && now - entry->used_ms < NOTED_AGAIN_MS)
        return;
    entry->used_ms = now;
    if (index->journal != NULL && entry->state == LISTED)
        du_index_journal_use(index->journal, &entry->digest, now);
}

/* Room -------------------------------------------------------------------------------------- */

static void evict(struct du_index *index, int64_t bytes) {
    while (bytes > 0 && !du_list_empty(&index->idle)) {
        struct du_index_entry *entry =
            du_container_of(index->idle.next, struct du_index_entry, idle);
        bytes -= entry->size;
        index->evictions++;
        du_index_entry_drop(entry);
    }
}

/* How far `more` would go beyond the limit; 0 or less: it fits. */
static int64_t excess(const struct du_index *index, int64_t more) {
    if (index->max_bytes < 0)
        return 0;
    return index->bytes + index->held + index->reserved + more - index->max_bytes;
}

void du_index_limit(struct du_index *index, int64_t max_bytes) {
    pthread_mutex_lock(&index->lock);
    index->max_bytes = max_bytes;
    evict(index, excess(index, 0));
    pthread_mutex_unlock(&index->lock);
}

enum du_error_kind du_index_reserve(struct du_index *index, struct du_reservation *reservation,
                                    int64_t bytes, struct du_error *error) {
    int64_t more = bytes - reservation->bytes;
    if (more <= 0)
        return DU_OK;
    pthread_mutex_lock(&index->lock);
    int64_t missing = excess(index, more);
    bool fits = missing <= index->idle_bytes;
    if (fits) {
        evict(index, missing);
        index->reserved += more;
    }
    pthread_mutex_unlock(&index->lock);
    if (!fits)
        return du_error_set(error, DU_OVERLOADED, "the cache has no room for %" PRId64 " bytes",
                            bytes);
    reservation->index = index;
    reservation->bytes = bytes;
    return DU_OK;
}

void du_index_release(struct du_reservation *reservation) {
    struct du_index *index = reservation->index;
    if (index == NULL)
        return;
    pthread_mutex_lock(&index->lock);
    index->reserved -= reservation->bytes;
    pthread_mutex_unlock(&index->lock);
    *reservation = (struct du_reservation){0};
}

uint64_t du_index_evictions(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    uint64_t evictions = index->evictions;
    pthread_mutex_unlock(&index->lock);
    return evictions;
}
