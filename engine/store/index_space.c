#include "index_int.h"
#include "index_journal.h"
#include "ledger.h"

#include <inttypes.h>

enum { NOTED_AGAIN_MS = 60000, MIN_FREE_MOST = 256 << 20, ROUNDS_MOST = 3 };

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

/* More than any disk; so sums of what upstream promises stay numbers. */
static const int64_t bytes_most = INT64_C(1) << 62;

/* How far `more` would go beyond the limit; 0 or less: it fits. */
static int64_t excess(const struct du_index *index, int64_t more) {
    int64_t taken = index->bytes + index->unread_bytes + index->held + index->reserved;
    if (more > bytes_most - taken)
        return INT64_MAX;
    return index->max_bytes < 0 ? 0 : taken + more - index->max_bytes;
}

static void give_back(struct du_reservation *reservation, int64_t bytes) {
    pthread_mutex_lock(&reservation->index->lock);
    reservation->index->reserved -= bytes;
    pthread_mutex_unlock(&reservation->index->lock);
    reservation->bytes -= bytes;
}

static int64_t usual_min_free(struct du_index *index) {
    int64_t free, size;
    if (!du_blobs_space(index->files, &free, &size))
        return 0;
    return size / 100 < MIN_FREE_MOST ? size / 100 : MIN_FREE_MOST;
}

void du_index_limit(struct du_index *index, int64_t max_bytes, int64_t min_free_bytes) {
    int64_t min_free = min_free_bytes < 0 ? usual_min_free(index) : min_free_bytes;
    pthread_mutex_lock(&index->lock);
    index->min_free_bytes = min_free;
    index->max_bytes = max_bytes;
    bool known = index->stage >= WALKING;
    pthread_mutex_unlock(&index->lock);
    if (known)
        du_index_keep_limit(index);
}

void du_index_keep_limit(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    evict(index, excess(index, 0));
    pthread_mutex_unlock(&index->lock);
}

/* How far `more` would go beyond the limit, once enough is known to tell who would have to leave.
 */
static int64_t missing_for(struct du_index *index, int64_t more) {
    if (index->max_bytes >= 0)
        du_index_await(index, READING);
    if (excess(index, more) > 0)
        du_index_await(index, WALKING);
    return excess(index, more);
}

/* False, and nothing has gone, when all that is idle would not do. */
static bool make_room(struct du_index *index, int64_t missing) {
    if (missing > index->idle_bytes)
        return false;
    evict(index, missing);
    return true;
}

static bool make_room_on_disk(struct du_index *index, int64_t missing) {
    pthread_mutex_lock(&index->lock);
    du_index_await(index, WALKING);
    bool made = make_room(index, missing);
    pthread_mutex_unlock(&index->lock);
    return made;
}

/* The disk has room for `more` and for what must stay free. What is on its way out goes first, as
 * far as it does; then others are evicted for it. Files go on the journal's thread. */
static enum du_error_kind keep_free(struct du_index *index, int64_t more, struct du_error *error) {
    int64_t free, size;
    for (int round = 0; du_blobs_space(index->files, &free, &size); round++) {
        int64_t missing = more + index->min_free_bytes - free;
        if (missing <= 0)
            break;
        if (round == ROUNDS_MOST || (round > 0 && !make_room_on_disk(index, missing)))
            return du_error_set(error, DU_IO,
                                "of %" PRId64 " bytes free on the cache's disk %" PRId64
                                " are kept free: no room for %" PRId64,
                                free, index->min_free_bytes, more);
        if (index->journal != NULL)
            du_ledger_flush(index->journal);
    }
    return DU_OK;
}

enum du_error_kind du_index_reserve(struct du_index *index, struct du_reservation *reservation,
                                    int64_t bytes, struct du_error *error) {
    int64_t more = bytes - reservation->bytes;
    if (more <= 0)
        return DU_OK;
    pthread_mutex_lock(&index->lock);
    bool fits = make_room(index, missing_for(index, more));
    if (fits)
        index->reserved += more;
    pthread_mutex_unlock(&index->lock);
    if (!fits)
        return du_error_set(error, DU_OVERLOADED, "the cache has no room for %" PRId64 " bytes",
                            bytes);
    reservation->index = index;
    reservation->bytes = bytes;
    if (index->min_free_bytes <= 0 || keep_free(index, more, error) == DU_OK)
        return DU_OK;
    give_back(reservation, more);
    return DU_IO;
}

bool du_index_may_hold(struct du_index *index, int64_t bytes) {
    pthread_mutex_lock(&index->lock);
    bool may = index->max_bytes < 0 || bytes <= index->max_bytes;
    pthread_mutex_unlock(&index->lock);
    return may;
}

void du_index_release(struct du_reservation *reservation) {
    if (reservation->index != NULL)
        give_back(reservation, reservation->bytes);
}

uint64_t du_index_evictions(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    uint64_t evictions = index->evictions;
    pthread_mutex_unlock(&index->lock);
    return evictions;
}
