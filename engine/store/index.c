#include "index.h"

#include "index_journal.h"
#include "ledger.h"
#include "map.h"
#include "mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A blob's life in the index:
 *
 *     LISTED   found by digest, and by its names
 *       |      leave: its last reference went (forget, a replaced name), or it proved wrong (drop)
 *     LEAVING  found by nobody; once its last pin is gone its file and row go
 *       |      let_go, removed
 *     (freed)
 *
 * What is added while its digest is LEAVING, or whose file was removed under its writer, is born
 * LEAVING and outside the table: its readers have the descriptor, the next request fetches anew.
 */
enum state { LISTED, LEAVING };

struct entry {
    UT_hash_handle hh; /* in blobs, while tabled */
    struct du_digest digest;
    int64_t size;
    enum state state;
    bool tabled;
    bool by_digest; /* stored by digest: stays without a name */
    bool rowless;   /* while loading: no row was seen */
    size_t names, pins;
    int fd; /* while pinned, once opened */
    struct du_index *index;
};

struct name {
    UT_hash_handle hh; /* in names */
    struct entry *entry;
    char *version; /* NULL: none */
    char text[];
};

struct du_blob {
    struct entry *entry;
    atomic_int references;
};

struct du_index {
    struct du_base *base;
    struct du_blobs *files;
    struct du_ledger *journal;
    pthread_mutex_t lock; /* all below, and all entries and names */
    struct entry *blobs;
    struct name *names;
    size_t count; /* of LISTED */
    int64_t bytes;
};

/* Entries ----------------------------------------------------------------------------------- */

static struct entry *entry_new(struct du_index *index, const struct du_digest *digest,
                               int64_t size) {
    struct entry *entry = du_calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->digest = *digest;
    entry->size = size;
    entry->state = LEAVING;
    entry->fd = -1;
    entry->index = index;
    return entry;
}

static struct entry *find(struct du_index *index, const struct du_digest *digest) {
    struct entry *entry;
    HASH_FIND(hh, index->blobs, digest, sizeof *digest, entry);
    return entry;
}

static bool list(struct entry *entry) {
    struct du_index *index = entry->index;
    HASH_ADD(hh, index->blobs, digest, sizeof entry->digest, entry);
    if (du_map_failed(entry))
        return false;
    entry->tabled = true;
    entry->state = LISTED;
    index->count++;
    index->bytes += entry->size;
    return true;
}

static struct entry *entry_listed(struct du_index *index, const struct du_digest *digest,
                                  int64_t size) {
    struct entry *entry = entry_new(index, digest, size);
    if (entry == NULL || list(entry))
        return entry;
    du_free(entry);
    return NULL;
}

static void save(const struct entry *entry) {
    if (entry->index->journal != NULL)
        du_index_journal_save(entry->index->journal, &entry->digest, entry->size, entry->by_digest);
}

/* Leaving ----------------------------------------------------------------------------------- */

static enum du_error_kind remove_file(struct du_index *index, const struct du_digest *digest) {
    struct du_error error;
    enum du_error_kind kind = du_blobs_remove(index->files, digest, &error);
    if (kind != DU_OK)
        du_log_format(index->base->log, DU_LOG_ERROR, "%s", error.message);
    return kind;
}

static void take_off(struct entry *entry) {
    HASH_DEL(entry->index->blobs, entry);
    du_free(entry);
}

static void removed(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    take_off(find(index, digest));
    pthread_mutex_unlock(&index->lock);
}

/* A file goes on the journal's thread, so that no loop waits for a disk; until then its entry stays
 * in the table, for du_index_add to see. */
static void let_go(struct entry *entry) {
    static const struct du_index_removal removal = {remove_file, removed};
    struct du_index *index = entry->index;
    if (!entry->tabled) {
        du_free(entry);
        return;
    }
    if (index->journal != NULL &&
        du_index_journal_remove(index->journal, index, &entry->digest, &removal))
        return;
    remove_file(index, &entry->digest);
    take_off(entry);
}

static void leave(struct entry *entry) {
    entry->state = LEAVING;
    entry->index->count--;
    entry->index->bytes -= entry->size;
    if (entry->pins == 0)
        let_go(entry);
}

static void leave_if_unwanted(struct entry *entry) {
    if (entry->state == LISTED && !entry->by_digest && entry->names == 0)
        leave(entry);
}

/* Names ------------------------------------------------------------------------------------- */

static struct name *find_name(struct du_index *index, const char *text) {
    struct name *name;
    HASH_FIND(hh, index->names, text, strlen(text), name);
    return name;
}

static void name_free(struct name *name) {
    du_free(name->version);
    du_free(name);
}

static void unname(struct du_index *index, struct name *name) {
    HASH_DEL(index->names, name);
    name->entry->names--;
    if (index->journal != NULL)
        du_index_journal_forget(index->journal, name->text);
    name_free(name);
}

static struct name *name_new(const char *text, const char *version) {
    size_t size = strlen(text) + 1;
    struct name *name = du_calloc(1, sizeof *name + size);
    if (name == NULL)
        return NULL;
    memcpy(name->text, text, size);
    name->version = version != NULL ? du_strdup(version) : NULL;
    if (version == NULL || name->version != NULL)
        return name;
    du_free(name);
    return NULL;
}

/* Points the name at the entry, in memory; its older row's entry may go for it. */
static bool name_entry(struct entry *entry, const char *text, const char *version) {
    struct du_index *index = entry->index;
    struct name *name = name_new(text, version), *old = find_name(index, text);
    if (name == NULL)
        return false;
    struct entry *before = old != NULL ? old->entry : NULL;
    if (old != NULL) {
        HASH_DEL(index->names, old);
        name_free(old);
        before->names--;
    }
    name->entry = entry;
    HASH_ADD_KEYPTR(hh, index->names, name->text, strlen(name->text), name);
    bool good = !du_map_failed(name);
    entry->names += good;
    if (!good)
        name_free(name);
    if (before != NULL)
        leave_if_unwanted(before);
    return good;
}

/* Pins -------------------------------------------------------------------------------------- */

static struct du_blob *pin(struct entry *entry) {
    struct du_blob *blob = du_malloc(sizeof *blob);
    if (blob == NULL)
        return NULL;
    blob->entry = entry;
    atomic_init(&blob->references, 1);
    entry->pins++;
    return blob;
}

static struct du_blob *pin_listed(struct entry *entry) {
    return entry != NULL && entry->state == LISTED ? pin(entry) : NULL;
}

struct du_blob *du_index_find(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    struct du_blob *blob = pin_listed(find(index, digest));
    pthread_mutex_unlock(&index->lock);
    return blob;
}

static bool has_version(const struct name *name, const char *version) {
    return version == NULL || (name->version != NULL && strcmp(name->version, version) == 0);
}

struct du_blob *du_index_find_name(struct du_index *index, const char *name, const char *version) {
    pthread_mutex_lock(&index->lock);
    struct name *row = find_name(index, name);
    struct du_blob *blob = row != NULL && has_version(row, version) ? pin_listed(row->entry) : NULL;
    pthread_mutex_unlock(&index->lock);
    return blob;
}

const struct du_digest *du_blob_digest(const struct du_blob *blob) {
    return &blob->entry->digest;
}

int64_t du_blob_size(const struct du_blob *blob) {
    return blob->entry->size;
}

int du_blob_open(struct du_blob *blob, struct du_error *error) {
    struct entry *entry = blob->entry;
    struct du_index *index = entry->index;
    pthread_mutex_lock(&index->lock);
    int fd = entry->fd;
    pthread_mutex_unlock(&index->lock);
    if (fd >= 0)
        return fd;
    int opened = du_blobs_read(index->files, &entry->digest, error);
    if (opened < 0)
        return -1;
    pthread_mutex_lock(&index->lock);
    bool first = entry->fd < 0;
    if (first)
        entry->fd = opened;
    fd = entry->fd;
    pthread_mutex_unlock(&index->lock);
    if (!first)
        close(opened);
    return fd;
}

struct du_blob *du_blob_ref(struct du_blob *blob) {
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

void du_blob_unref(struct du_blob **blob) {
    struct du_blob *gone = *blob;
    *blob = NULL;
    if (gone == NULL || atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) != 1)
        return;
    struct entry *entry = gone->entry;
    pthread_mutex_t *lock = &entry->index->lock;
    int fd = -1;
    du_free(gone);
    pthread_mutex_lock(lock);
    if (--entry->pins == 0) {
        fd = entry->fd;
        entry->fd = -1;
        if (entry->state == LEAVING)
            let_go(entry);
    }
    pthread_mutex_unlock(lock);
    if (fd >= 0)
        close(fd);
}

/* Changes ----------------------------------------------------------------------------------- */

/* The file that was made visible is still there: its removal under an older entry took none of it.
 */
static bool still_visible(int fd) {
    struct stat file;
    return fd < 0 || fstat(fd, &file) != 0 || file.st_nlink > 0;
}

static struct entry *entry_for(struct du_index *index, const struct du_digest *digest, int64_t size,
                               int fd) {
    struct entry *entry = find(index, digest);
    if (entry == NULL && still_visible(fd))
        return entry_listed(index, digest, size);
    if (entry != NULL && entry->state == LISTED)
        return entry;
    return entry_new(index, digest, size);
}

static bool refer(struct entry *entry, const char *name, const char *version) {
    bool news = entry->names == 0 && !entry->by_digest;
    if (name == NULL) {
        news = news || !entry->by_digest;
        entry->by_digest = true;
    } else if (!name_entry(entry, name, version)) {
        return false;
    } else if (entry->index->journal != NULL) {
        du_index_journal_name(entry->index->journal, name, version, &entry->digest);
    }
    if (news)
        save(entry);
    return true;
}

/* Nobody got it. */
static void abandon(struct entry *entry) {
    if (entry->tabled)
        leave_if_unwanted(entry);
    else
        du_free(entry);
}

enum du_error_kind du_index_add(struct du_index *index, const struct du_digest *digest,
                                int64_t size, int fd, const char *name, const char *version,
                                struct du_blob **blob) {
    *blob = NULL;
    pthread_mutex_lock(&index->lock);
    struct entry *entry = entry_for(index, digest, size, fd);
    bool good = entry != NULL && (*blob = pin(entry)) != NULL;
    if (good && entry->fd < 0) {
        entry->fd = fd;
        fd = -1;
    }
    if (good && entry->state == LISTED)
        good = refer(entry, name, version);
    if (good || *blob != NULL)
        leave_if_unwanted(entry);
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
    struct name *row = find_name(index, name);
    if (row != NULL) {
        struct entry *entry = row->entry;
        unname(index, row);
        leave_if_unwanted(entry);
    }
    pthread_mutex_unlock(&index->lock);
    return row != NULL;
}

static void drop(struct entry *entry) {
    struct name *name, *next;
    HASH_ITER(hh, entry->index->names, name, next) {
        if (name->entry == entry)
            unname(entry->index, name);
    }
    leave(entry);
}

void du_index_drop(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    struct entry *entry = find(index, digest);
    if (entry != NULL && entry->state == LISTED)
        drop(entry);
    pthread_mutex_unlock(&index->lock);
}

/* Loading ----------------------------------------------------------------------------------- */

struct load {
    struct du_index *index;
    bool failed;
};

static bool load_file(void *user, const struct du_digest *digest, int64_t size) {
    struct load *load = user;
    struct entry *entry = entry_listed(load->index, digest, size);
    if (entry != NULL)
        entry->by_digest = entry->rowless = true;
    load->failed = entry == NULL;
    return !load->failed;
}

static bool load_row(void *user, const struct du_digest *digest, int64_t size, bool by_digest) {
    struct load *load = user;
    struct entry *entry = find(load->index, digest);
    /* The row comes after the file: a row whose file is gone, or is another's length, is no blob.
     */
    if (entry == NULL) {
        entry = entry_listed(load->index, digest, size);
        if (entry == NULL) {
            load->failed = true;
            return false;
        }
        leave(entry);
    } else if (entry->size != size) {
        leave(entry);
    } else {
        entry->by_digest = by_digest;
        entry->rowless = false;
    }
    return true;
}

static bool load_name(void *user, const char *name, const char *version,
                      const struct du_digest *digest) {
    struct load *load = user;
    struct entry *entry = find(load->index, digest);
    if (entry == NULL || entry->state == LEAVING)
        du_index_journal_forget(load->index->journal, name);
    else
        load->failed = !name_entry(entry, name, version);
    return !load->failed;
}

static void tidy(struct du_index *index) {
    struct entry *entry, *next;
    HASH_ITER(hh, index->blobs, entry, next) {
        if (entry->rowless && entry->state == LISTED)
            save(entry);
        leave_if_unwanted(entry);
    }
}

static enum du_error_kind load_all(struct du_index *index, struct du_error *error) {
    struct load load = {.index = index};
    struct du_index_rows rows = {load_row, load_name, &load};
    enum du_error_kind kind = du_blobs_each(index->files, load_file, &load, error);
    if (kind == DU_OK && index->journal != NULL)
        kind = du_index_journal_load(index->journal, &rows, error);
    if (kind == DU_OK && load.failed)
        kind = du_error_set(error, DU_MEMORY, "load the index");
    return kind;
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
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_lock(&made->lock);
    enum du_error_kind kind = load_all(made, error);
    if (kind == DU_OK)
        tidy(made);
    pthread_mutex_unlock(&made->lock);
    if (kind != DU_OK)
        du_index_free(&made);
    *index = made;
    return kind;
}

void du_index_free(struct du_index **index) {
    struct du_index *old = *index;
    if (old == NULL)
        return;
    /* What is leaving reports back here. */
    if (old->journal != NULL)
        du_ledger_flush(old->journal);
    struct name *name, *next_name;
    HASH_ITER(hh, old->names, name, next_name) {
        HASH_DEL(old->names, name);
        name_free(name);
    }
    struct entry *entry, *next;
    HASH_ITER(hh, old->blobs, entry, next) {
        take_off(entry);
    }
    pthread_mutex_destroy(&old->lock);
    du_free(old);
    *index = NULL;
}

size_t du_index_count(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    size_t count = index->count;
    pthread_mutex_unlock(&index->lock);
    return count;
}

int64_t du_index_bytes(struct du_index *index) {
    pthread_mutex_lock(&index->lock);
    int64_t bytes = index->bytes;
    pthread_mutex_unlock(&index->lock);
    return bytes;
}
