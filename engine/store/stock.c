#include "stock.h"

#include "bytes.h"
#include "index_int.h"
#include "ledger.h"
#include "mem.h"

#include <string.h>

/* So many leave under one hold of the lock. */
enum { EVICTED_AT_ONCE = 256 };

/* Listing ----------------------------------------------------------------------------------- */

static struct du_index_entry *after(struct du_index_entry *entry) {
    return entry->hh.next;
}

static char *join_names(const struct du_index_entry *entry) {
    struct du_bytes names;
    du_bytes_init(&names);
    du_list_each(node, &entry->names) {
        const struct du_index_name *name = du_container_of(node, struct du_index_name, node);
        du_bytes_add(&names, name->text, strlen(name->text) + 1);
    }
    du_bytes_add(&names, "", 1);
    if (!names.failed)
        return names.data;
    du_bytes_deinit(&names);
    return NULL;
}

static bool fill_row(struct du_stock_row *row, const struct du_index_entry *entry) {
    *row = (struct du_stock_row){.digest = entry->digest,
                                 .size = entry->size,
                                 .used_ms = entry->used_ms,
                                 .readers = entry->pins,
                                 .by_digest = entry->by_digest,
                                 .names = join_names(entry)};
    return row->names != NULL;
}

enum du_error_kind du_stock_list(struct du_index *index, struct du_stock_place *place, size_t most,
                                 struct du_stock_row **rows, size_t *count) {
    bool good = true;
    *count = 0;
    *rows = du_calloc(most, sizeof **rows);
    if (*rows == NULL)
        return DU_MEMORY;
    struct du_index_place from = {place->digest, place->number};
    pthread_mutex_lock(&index->lock);
    du_index_await(index, WALKING);
    struct du_index_entry *entry = du_index_entry_from(index, &from);
    for (; good && entry != NULL && *count < most; entry = after(entry)) {
        *place = (struct du_stock_place){entry->digest, entry->number};
        if (entry->state == LISTED && (good = fill_row(&(*rows)[*count], entry)))
            ++*count;
    }
    if (entry == NULL)
        place->number = 0;
    pthread_mutex_unlock(&index->lock);
    if (good)
        return DU_OK;
    du_stock_free_rows(rows, *count);
    return DU_MEMORY;
}

void du_stock_free_rows(struct du_stock_row **rows, size_t count) {
    if (*rows == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        du_free((*rows)[i].names);
    du_free(*rows);
    *rows = NULL;
}

static bool begins(const struct du_digest *digest, const char *hex, size_t size) {
    char text[DU_DIGEST_TEXT];
    return strncmp(du_digest_format(digest, text) + strlen("sha256:"), hex, size) == 0;
}

size_t du_stock_find(struct du_index *index, const char *hex, struct du_digest *found,
                     size_t most) {
    size_t count = 0, size = strlen(hex);
    pthread_mutex_lock(&index->lock);
    du_index_await(index, WALKING);
    for (struct du_index_entry *entry = index->blobs; entry != NULL; entry = after(entry)) {
        if (entry->state != LISTED || !begins(&entry->digest, hex, size))
            continue;
        if (count < most)
            found[count] = entry->digest;
        count++;
    }
    pthread_mutex_unlock(&index->lock);
    return count;
}

/* Leaving ----------------------------------------------------------------------------------- */

/* The lock is held. */
static void let_leave(struct du_index_entry *entry, struct du_stock_change *change) {
    change->blobs++;
    change->bytes += entry->size;
    change->held += entry->pins > 0;
    du_index_entry_drop(entry);
}

/* Files go on the journal's thread. */
static void settle(struct du_index *index) {
    if (index->journal != NULL)
        du_ledger_flush(index->journal);
}

static bool evict_some(struct du_index *index, int64_t bytes, struct du_stock_change *change) {
    int left = EVICTED_AT_ONCE;
    pthread_mutex_lock(&index->lock);
    du_index_await(index, WALKING);
    for (; left > 0 && index->bytes > bytes && !du_list_empty(&index->idle); left--)
        let_leave(du_container_of(index->idle.next, struct du_index_entry, idle), change);
    pthread_mutex_unlock(&index->lock);
    return left == 0;
}

void du_stock_evict(struct du_index *index, int64_t bytes, struct du_stock_change *change) {
    *change = (struct du_stock_change){0};
    while (evict_some(index, bytes, change))
        continue;
    settle(index);
}

void du_stock_remove(struct du_index *index, const struct du_digest *digest,
                     struct du_stock_change *change) {
    *change = (struct du_stock_change){0};
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = du_index_entry(index, digest);
    if (entry != NULL && entry->state == LISTED)
        let_leave(entry, change);
    pthread_mutex_unlock(&index->lock);
    settle(index);
}
