#include "index_int.h"
#include "index_journal.h"

#include <inttypes.h>
#include <signal.h>

/* So many entries are looked at under one hold of the lock. */
enum { AT_ONCE = 1024 };

static void enter_stage(struct du_index *index, enum du_index_stage stage) {
    pthread_mutex_lock(&index->lock);
    index->stage = stage;
    pthread_cond_broadcast(&index->entered);
    pthread_mutex_unlock(&index->lock);
}

void du_index_await(struct du_index *index, enum du_index_stage stage) {
    while (index->stage < stage)
        pthread_cond_wait(&index->entered, &index->lock);
}

void du_index_wait(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    du_index_await(index, LOADED);
    pthread_mutex_unlock(&index->lock);
}

/* One at a time ------------------------------------------------------------------------------ */

static struct du_index_entry *enter_row(struct du_index *index, const struct du_digest *digest,
                                        const struct du_index_row *row) {
    struct du_index_entry *entry = du_index_entry_listed(index, digest, row->size);
    if (entry == NULL)
        return NULL;
    entry->by_digest = row->by_digest;
    entry->used_ms = row->used_ms;
    index->unread--;
    index->unread_bytes -= row->size;
    return entry;
}

struct du_index_entry *du_index_entry_adopt(struct du_index *index,
                                            const struct du_digest *digest) {
    struct du_index_row row;
    if (index->stage > READING || !du_index_lookup_blob(index->lookup, digest, &row))
        return NULL;
    return enter_row(index, digest, &row);
}

static bool adopt_name(void *user, const char *name, const char *version,
                       const struct du_digest *digest) {
    struct du_index *index = user;
    struct du_index_entry *entry = du_index_entry(index, digest);
    if (entry == NULL || entry->state != LISTED)
        return false;
    return du_index_name_set(entry, name, version);
}

void du_index_name_adopt(struct du_index *index, const char *text) {
    if (index->stage <= READING)
        du_index_lookup_name(index->lookup, text, adopt_name, index);
}

/* All rows ----------------------------------------------------------------------------------- */

static bool total(void *user, int64_t count, int64_t bytes) {
    struct du_index *index = user;
    pthread_mutex_lock(&index->lock);
    index->unread += count;
    index->unread_bytes += bytes;
    pthread_mutex_unlock(&index->lock);
    return true;
}

/* False: it is to end, and has not read all. */
static bool goes_on(struct du_index *index) {
    bool stops = atomic_load(&index->stop);
    index->whole = index->whole && !stops;
    return !stops;
}

/* What is in the table already was used in this life. Rows come by their last use. */
static bool load_row(void *user, const struct du_digest *digest, const struct du_index_row *row) {
    struct du_index *index = user;
    pthread_mutex_lock(&index->lock);
    if (du_index_entry_tabled(index, digest) == NULL) {
        struct du_index_entry *entry = enter_row(index, digest, row);
        index->whole = index->whole && entry != NULL;
        if (entry != NULL) {
            du_list_remove(&entry->idle);
            du_list_append(&index->old, &entry->idle);
        }
    }
    pthread_mutex_unlock(&index->lock);
    return goes_on(index);
}

/* A name whose blob is gone goes, too. */
static bool load_name(void *user, const char *name, const char *version,
                      const struct du_digest *digest) {
    struct du_index *index = user;
    if (!goes_on(index))
        return false;
    pthread_mutex_lock(&index->lock);
    if (!du_index_name_is_settled(index, name)) {
        struct du_index_entry *entry = du_index_entry_tabled(index, digest);
        if (entry != NULL && entry->state == LISTED)
            index->whole = du_index_name_set(entry, name, version) && index->whole;
        else if (index->whole)
            du_index_journal_forget(index->journal, name);
    }
    pthread_mutex_unlock(&index->lock);
    return goes_on(index);
}

/* From here on memory knows all that the journal does. */
static void rows_are_read(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    du_list_move(&index->old, &index->idle);
    du_list_move(&index->idle, &index->old);
    index->unread = index->unread_bytes = 0;
    du_index_names_settle(index);
    du_index_lookup_close(&index->lookup);
    index->stage = WALKING;
    pthread_cond_broadcast(&index->entered);
    pthread_mutex_unlock(&index->lock);
    du_index_keep_limit(index);
}

static void complain(struct du_index *index, const struct du_error *error) {
    du_log_format(index->base->log, DU_LOG_ERROR, "reading the index: %s", error->message);
}

static void read_rows(struct du_index *index) {
    struct du_index_rows rows = {total, load_row, load_name, index};
    struct du_error error;
    if (du_index_journal_count(index->journal, &rows, &error) != DU_OK)
        complain(index, &error);
    enter_stage(index, READING);
    if (du_index_journal_load(index->journal, &rows, &error) == DU_OK)
        return;
    index->whole = false;
    complain(index, &error);
}

/* The folder --------------------------------------------------------------------------------- */

/* A file without a row was stored just before the journal's end was lost. One that was made visible
 * in this life is on its way into the index. */
static bool see_file(void *user, const struct du_digest *digest, int64_t size, bool fresh) {
    struct du_index *index = user;
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = du_index_entry_tabled(index, digest);
    if (entry == NULL && !fresh) {
        entry = du_index_entry_listed(index, digest, size);
        if (entry != NULL)
            entry->by_digest = true;
        if (entry != NULL && index->whole)
            du_index_entry_save(entry);
    }
    if (entry != NULL && entry->state == LISTED && entry->size != size)
        du_index_entry_drop(entry);
    else if (entry != NULL)
        entry->seen = true;
    pthread_mutex_unlock(&index->lock);
    return !atomic_load(&index->stop);
}

/* A row whose file is gone is no blob; a file that nothing refers to goes. */
static void tidy(struct du_index_entry *entry, bool all_seen) {
    if (entry->state != LISTED)
        return;
    if (all_seen && !entry->seen && !du_blobs_has(entry->index->files, &entry->digest))
        du_index_entry_drop(entry);
    else
        du_index_entry_leave_if_unwanted(entry);
}

static bool tidy_some(struct du_index *index, struct du_index_place *place, bool all_seen) {
    int left = AT_ONCE;
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = du_index_entry_from(index, place), *next;
    for (; entry != NULL && left > 0; entry = next, left--) {
        next = entry->hh.next;
        *place = (struct du_index_place){entry->digest, entry->number};
        tidy(entry, all_seen);
    }
    pthread_mutex_unlock(&index->lock);
    return entry != NULL && !atomic_load(&index->stop);
}

/* Where a row may not have been read, a file stays, and what the journal says of it, for the next
 * start. */
static enum du_error_kind walk(struct du_index *index, struct du_error *error) {
    struct du_index_place place = {0};
    enum du_error_kind kind = du_blobs_each(index->files, see_file, index, error);
    while (index->whole && tidy_some(index, &place, kind == DU_OK && !atomic_load(&index->stop)))
        continue;
    return kind;
}

/* The thread --------------------------------------------------------------------------------- */

static void *load(void *user) {
    struct du_index *index = user;
    struct du_error error;
    int64_t start = du_clock_mono_ms(&index->base->clock);
    read_rows(index);
    rows_are_read(index);
    if (walk(index, &error) != DU_OK)
        complain(index, &error);
    enter_stage(index, LOADED);
    du_log_format(index->base->log, DU_LOG_INFO, "the cache is known: %zu blobs, in %" PRId64 " ms",
                  du_index_count(index), du_clock_mono_ms(&index->base->clock) - start);
    return NULL;
}

enum du_error_kind du_index_load(struct du_index *index, struct du_error *error) {
    sigset_t all, before;
    if (index->journal == NULL)
        return DU_OK;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&index->loader, NULL, load, index);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    index->loader_runs = number == 0;
    return number == 0 ? DU_OK : du_error_errno(error, number, "start a thread for", "the index");
}

enum du_error_kind du_index_prepare(struct du_index *index, struct du_error *error) {
    index->whole = true;
    if (index->journal != NULL)
        return du_index_lookup_open(&index->lookup, index->journal, error);
    index->stage = WALKING;
    enum du_error_kind kind = walk(index, error);
    index->stage = LOADED;
    return kind;
}

void du_index_stop_loading(struct du_index *index) {
    atomic_store(&index->stop, true);
    if (index->loader_runs)
        pthread_join(index->loader, NULL);
    index->loader_runs = false;
    du_index_lookup_close(&index->lookup);
}
