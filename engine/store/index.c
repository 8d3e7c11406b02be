#include "index_int.h"
#include "index_journal.h"
#include "ledger.h"
#include "mem.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Pins -------------------------------------------------------------------------------------- */

static struct du_blob *pin(struct du_index_entry *entry) {
    struct du_blob *blob = du_malloc(sizeof *blob);
    if (blob == NULL)
        return NULL;
    blob->entry = entry;
    atomic_init(&blob->references, 1);
    entry->pins++;
    du_index_entry_wake(entry);
    du_index_entry_touch(entry);
    return blob;
}

static struct du_blob *pin_listed(struct du_index_entry *entry) {
    return entry != NULL && entry->state == LISTED ? pin(entry) : NULL;
}

struct du_blob *du_index_find(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    struct du_blob *blob = pin_listed(du_index_entry(index, digest));
    pthread_mutex_unlock(&index->lock);
    return blob;
}

static bool has_version(const struct du_index_name *name, const char *version) {
    return version == NULL || (name->version != NULL && strcmp(name->version, version) == 0);
}

struct du_blob *du_index_find_name(struct du_index *index, const char *name, const char *version) {
    pthread_mutex_lock(&index->lock);
    struct du_index_name *row = du_index_name(index, name);
    struct du_blob *blob = row != NULL && has_version(row, version) ? pin_listed(row->entry) : NULL;
    pthread_mutex_unlock(&index->lock);
    return blob;
}

bool du_index_peek(struct du_index *index, const struct du_digest *digest, const char *name,
                   const char *version, int64_t *size) {
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = NULL;
    struct du_index_name *row = digest == NULL ? du_index_name(index, name) : NULL;
    if (digest != NULL)
        entry = du_index_entry(index, digest);
    else if (row != NULL && has_version(row, version))
        entry = row->entry;
    bool there = entry != NULL && entry->state == LISTED;
    if (there)
        *size = entry->size;
    pthread_mutex_unlock(&index->lock);
    return there;
}

const struct du_digest *du_blob_digest(const struct du_blob *blob) {
    return &blob->entry->digest;
}

int64_t du_blob_size(const struct du_blob *blob) {
    return blob->entry->size;
}

static int opened_fd(struct du_blob *blob) {
    struct du_index *index = blob->entry->index;
    pthread_mutex_lock(&index->lock);
    int fd = blob->entry->fd;
    pthread_mutex_unlock(&index->lock);
    return fd;
}

/* For all pins of it; the first that was opened is kept. */
static int keep_fd(struct du_blob *blob, int opened) {
    struct du_index_entry *entry = blob->entry;
    pthread_mutex_lock(&entry->index->lock);
    bool first = entry->fd < 0;
    if (first)
        entry->fd = opened;
    int fd = entry->fd;
    pthread_mutex_unlock(&entry->index->lock);
    if (!first)
        close(opened);
    return fd;
}

int du_blob_open(struct du_blob *blob, struct du_error *error) {
    int fd = opened_fd(blob);
    if (fd >= 0)
        return fd;
    int opened = du_blobs_read(blob->entry->index->files, &blob->entry->digest, error);
    return opened >= 0 ? keep_fd(blob, opened) : -1;
}

int du_blob_open_now(struct du_blob *blob, bool *cold) {
    int fd = opened_fd(blob);
    *cold = false;
    if (fd >= 0)
        return fd;
    int opened = du_blobs_read_now(blob->entry->index->files, &blob->entry->digest, cold);
    return opened >= 0 ? keep_fd(blob, opened) : -1;
}

enum du_error_kind du_blob_check(const struct du_blob *blob, struct du_error *error) {
    struct du_index_entry *entry = blob->entry;
    int number = du_fault(&entry->index->base->faults, DU_FAULT_BLOB_BYTES);
    if (number == 0 && !atomic_load_explicit(&entry->wrong, memory_order_relaxed))
        return DU_OK;
    char text[DU_DIGEST_TEXT];
    return du_error_set(error, DU_IO, "the file of %s cannot be read, or is wrong",
                        du_digest_format(&entry->digest, text));
}

struct du_blob *du_blob_ref(struct du_blob *blob) {
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

static void unpinned(struct du_index_entry *entry) {
    if (entry->state == LEAVING) {
        entry->index->held -= entry->size;
        du_index_entry_let_go(entry);
    } else {
        du_index_entry_touch(entry);
        du_index_entry_rest(entry);
    }
}

void du_blob_unref(struct du_blob **blob) {
    struct du_blob *gone = *blob;
    *blob = NULL;
    if (gone == NULL || atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) != 1)
        return;
    struct du_index_entry *entry = gone->entry;
    pthread_mutex_t *lock = &entry->index->lock;
    int fd = -1;
    du_free(gone);
    pthread_mutex_lock(lock);
    if (--entry->pins == 0) {
        fd = entry->fd;
        entry->fd = -1;
        unpinned(entry);
    }
    pthread_mutex_unlock(lock);
    if (fd >= 0)
        close(fd);
}

/* Changes ----------------------------------------------------------------------------------- */

/* The file that was made visible is still there: its removal under an older entry took none of
 * it. */
static bool still_visible(int fd) {
    struct stat file;
    return fd < 0 || fstat(fd, &file) != 0 || file.st_nlink > 0;
}

static struct du_index_entry *entry_for(struct du_index *index, const struct du_digest *digest,
                                        int64_t size, int fd) {
    struct du_index_entry *entry = du_index_entry(index, digest);
    if (entry == NULL && still_visible(fd))
        return du_index_entry_listed(index, digest, size);
    if (entry != NULL && entry->state == LISTED)
        return entry;
    return du_index_entry_new(index, digest, size);
}

static bool refer(struct du_index_entry *entry, const char *name, const char *version) {
    bool news = du_list_empty(&entry->names) && !entry->by_digest;
    if (name == NULL) {
        news = news || !entry->by_digest;
        entry->by_digest = true;
    } else if (!du_index_name_set(entry, name, version)) {
        return false;
    } else if (entry->index->journal != NULL) {
        du_index_journal_name(entry->index->journal, name, version, &entry->digest);
    }
    if (news)
        du_index_entry_save(entry);
    return true;
}

/* Nobody got it. */
static void abandon(struct du_index_entry *entry) {
    if (entry->tabled)
        du_index_entry_leave_if_unwanted(entry);
    else
        du_free(entry);
}

enum du_error_kind du_index_add(struct du_index *index, const struct du_digest *digest,
                                int64_t size, int fd, const char *name, const char *version,
                                struct du_blob **blob) {
    *blob = NULL;
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = entry_for(index, digest, size, fd);
    bool good = entry != NULL && (*blob = pin(entry)) != NULL;
    if (entry != NULL)
        entry->seen = true;
    if (good && entry->fd < 0) {
        entry->fd = fd;
        fd = -1;
    }
    if (good && entry->state == LISTED)
        good = refer(entry, name, version);
    else if (good)
        index->held += size;
    if (good || *blob != NULL)
        du_index_entry_leave_if_unwanted(entry);
    else if (entry != NULL)
        abandon(entry);
    pthread_mutex_unlock(&index->lock);
    if (!good)
        du_blob_unref(blob);
    if (fd >= 0)
        close(fd);
    return good ? DU_OK : DU_MEMORY;
}

bool du_index_forget(struct du_index *index, const char *name) {
    pthread_mutex_lock(&index->lock);
    struct du_index_name *row = du_index_name(index, name);
    if (row != NULL) {
        struct du_index_entry *entry = row->entry;
        du_index_name_remove(index, row);
        du_index_entry_leave_if_unwanted(entry);
    }
    pthread_mutex_unlock(&index->lock);
    return row != NULL;
}

void du_index_drop(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = du_index_entry(index, digest);
    if (entry != NULL && entry->state == LISTED)
        du_index_entry_drop(entry);
    pthread_mutex_unlock(&index->lock);
}

enum du_error_kind du_index_new(struct du_index **index, struct du_base *base,
                                struct du_blobs *blobs, struct du_ledger *journal,
                                struct du_error *error) {
    struct du_index *made = du_calloc(1, sizeof *made);
    *index = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "load the index");
    made->base = base;
    made->files = blobs;
    made->journal = journal;
    made->max_bytes = -1;
    du_list_init(&made->idle);
    du_list_init(&made->old);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->entered, NULL);
    enum du_error_kind kind = du_index_prepare(made, error);
    if (kind != DU_OK)
        du_index_free(&made);
    *index = made;
    return kind;
}

void du_index_free(struct du_index **index) {
    struct du_index *old = *index;
    if (old == NULL)
        return;
    du_index_stop_loading(old);
    /* What is leaving reports back here. */
    if (old->journal != NULL)
        du_ledger_flush(old->journal);
    struct du_index_name *name, *next_name;
    HASH_ITER(hh, old->names, name, next_name) {
        HASH_DEL(old->names, name);
        du_index_name_free(name);
    }
    struct du_index_entry *entry, *next;
    HASH_ITER(hh, old->blobs, entry, next) {
        du_index_entry_take_off(entry);
    }
    pthread_cond_destroy(&old->entered);
    pthread_mutex_destroy(&old->lock);
    du_free(old);
    *index = NULL;
}

size_t du_index_count(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    size_t count = index->count + (size_t)(index->unread > 0 ? index->unread : 0);
    pthread_mutex_unlock(&index->lock);
    return count;
}

int64_t du_index_bytes(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    int64_t bytes = index->bytes + index->unread_bytes;
    pthread_mutex_unlock(&index->lock);
    return bytes;
}
