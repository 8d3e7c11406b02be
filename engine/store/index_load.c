#include "index_int.h"
#include "index_journal.h"

/* Loading ----------------------------------------------------------------------------------- */

struct load {
    struct du_index *index;
    bool failed;
};

static bool load_file(void *user, const struct du_digest *digest, int64_t size) {
    struct load *load = user;
    struct du_index_entry *entry = du_index_entry_listed(load->index, digest, size);
    if (entry != NULL)
        entry->by_digest = entry->rowless = true;
    load->failed = entry == NULL;
    return !load->failed;
}

/* Now the most recently used of all. */
static void move_last(struct du_index_entry *entry) {
    du_index_entry_wake(entry);
    du_index_entry_rest(entry);
}

static bool load_row(void *user, const struct du_digest *digest, int64_t size, bool by_digest,
                     int64_t used_ms) {
    struct load *load = user;
    struct du_index_entry *entry = du_index_entry(load->index, digest);
    /* The row comes after the file: a row whose file is gone, or is another's length, is no
     * blob. */
    if (entry == NULL) {
        entry = du_index_entry_listed(load->index, digest, size);
        if (entry == NULL) {
            load->failed = true;
            return false;
        }
        du_index_entry_leave(entry);
    } else if (entry->size != size) {
        du_index_entry_leave(entry);
    } else {
        entry->by_digest = by_digest;
        entry->rowless = false;
        entry->used_ms = used_ms;
        move_last(entry);
    }
    return true;
}

static bool load_name(void *user, const char *name, const char *version,
                      const struct du_digest *digest) {
    struct load *load = user;
    struct du_index_entry *entry = du_index_entry(load->index, digest);
    if (entry == NULL || entry->state == LEAVING)
        du_index_journal_forget(load->index->journal, name);
    else
        load->failed = !du_index_name_set(entry, name, version);
    return !load->failed;
}

/* A file without a row was stored just before the journal's end was lost. */
static void tidy(struct du_index *index) {
    struct du_index_entry *entry, *next;
    HASH_ITER(hh, index->blobs, entry, next) {
        if (entry->rowless && entry->state == LISTED) {
            move_last(entry);
            du_index_entry_save(entry);
        }
        du_index_entry_leave_if_unwanted(entry);
    }
}

enum du_error_kind du_index_load(struct du_index *index, struct du_error *error) {
    struct load load = {.index = index};
    struct du_index_rows rows = {load_row, load_name, &load};
    enum du_error_kind kind = du_blobs_each(index->files, load_file, &load, error);
    if (kind == DU_OK && index->journal != NULL)
        kind = du_index_journal_load(index->journal, &rows, error);
    if (kind == DU_OK && load.failed)
        kind = du_error_set(error, DU_MEMORY, "load the index");
    if (kind == DU_OK)
        tidy(index);
    return kind;
}
