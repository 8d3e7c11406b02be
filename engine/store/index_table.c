#include "index_int.h"
#include "index_journal.h"
#include "mem.h"

#include <string.h>

/* Entries ----------------------------------------------------------------------------------- */

struct du_index_entry *du_index_entry_new(struct du_index *index, const struct du_digest *digest,
                                          int64_t size) {
    struct du_index_entry *entry = du_calloc(1, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->digest = *digest;
    entry->size = size;
    entry->state = LEAVING;
    entry->fd = -1;
    entry->used_ms = du_clock_wall_ms(&index->base->clock);
    entry->index = index;
    entry->number = ++index->number;
    du_list_init(&entry->names);
    du_list_init(&entry->idle);
    return entry;
}

struct du_index_entry *du_index_entry_tabled(struct du_index *index,
                                             const struct du_digest *digest) {
    struct du_index_entry *entry;
    HASH_FIND(hh, index->blobs, digest, sizeof *digest, entry);
    return entry;
}

struct du_index_entry *du_index_entry(struct du_index *index, const struct du_digest *digest) {
    struct du_index_entry *entry = du_index_entry_tabled(index, digest);
    return entry != NULL ? entry : du_index_entry_adopt(index, digest);
}

struct du_index_entry *du_index_entry_from(struct du_index *index,
                                           const struct du_index_place *place) {
    if (place->number == 0)
        return index->blobs;
    struct du_index_entry *entry = du_index_entry_tabled(index, &place->digest);
    if (entry != NULL && entry->number == place->number)
        return entry->hh.next;
    for (entry = index->blobs; entry != NULL && entry->number <= place->number;)
        entry = entry->hh.next;
    return entry;
}

static bool list(struct du_index_entry *entry) {
    struct du_index *index = entry->index;
    HASH_ADD(hh, index->blobs, digest, sizeof entry->digest, entry);
    if (du_map_failed(entry))
        return false;
    entry->tabled = true;
    entry->state = LISTED;
    index->count++;
    index->bytes += entry->size;
    du_index_entry_rest(entry);
    return true;
}

struct du_index_entry *du_index_entry_listed(struct du_index *index, const struct du_digest *digest,
                                             int64_t size) {
    struct du_index_entry *entry = du_index_entry_new(index, digest, size);
    if (entry == NULL || list(entry))
        return entry;
    du_free(entry);
    return NULL;
}

void du_index_entry_save(const struct du_index_entry *entry) {
    if (entry->index->journal != NULL)
        du_index_journal_save(entry->index->journal, &entry->digest, entry->size, entry->by_digest,
                              entry->used_ms);
}

/* Leaving ----------------------------------------------------------------------------------- */

static enum du_error_kind remove_file(struct du_index *index, const struct du_digest *digest) {
    struct du_error error;
    enum du_error_kind kind = du_blobs_remove(index->files, digest, &error);
    if (kind != DU_OK)
        du_log_format(index->base->log, DU_LOG_ERROR, "%s", error.message);
    return kind;
}

void du_index_entry_take_off(struct du_index_entry *entry) {
    HASH_DEL(entry->index->blobs, entry);
    du_free(entry);
}

static void removed(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    du_index_entry_take_off(du_index_entry_tabled(index, digest));
    pthread_mutex_unlock(&index->lock);
}

/* A file goes on the journal's thread, so that no loop waits for a disk; until then its entry stays
 * in the table, for du_index_add to see. */
void du_index_entry_let_go(struct du_index_entry *entry) {
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
    du_index_entry_take_off(entry);
}

void du_index_entry_leave(struct du_index_entry *entry) {
    struct du_index *index = entry->index;
    du_index_entry_wake(entry);
    entry->state = LEAVING;
    index->count--;
    index->bytes -= entry->size;
    if (entry->pins == 0)
        du_index_entry_let_go(entry);
    else
        index->held += entry->size;
}

void du_index_entry_drop(struct du_index_entry *entry) {
    du_list_each(node, &entry->names)
        du_index_name_remove(entry->index, du_container_of(node, struct du_index_name, node));
    du_index_entry_leave(entry);
}

/* While rows are read its names may be to come. */
void du_index_entry_leave_if_unwanted(struct du_index_entry *entry) {
    if (entry->index->stage >= WALKING && entry->state == LISTED && !entry->by_digest &&
        du_list_empty(&entry->names))
        du_index_entry_leave(entry);
}

/* Names ------------------------------------------------------------------------------------- */

static struct du_index_name *find_name(struct du_index *index, const char *text) {
    struct du_index_name *name;
    HASH_FIND(hh, index->names, text, strlen(text), name);
    return name;
}

struct du_index_name *du_index_name(struct du_index *index, const char *text) {
    struct du_index_name *name = find_name(index, text);
    if (name == NULL) {
        du_index_name_adopt(index, text);
        name = find_name(index, text);
    }
    return name != NULL && name->entry != NULL ? name : NULL;
}

bool du_index_name_is_settled(struct du_index *index, const char *text) {
    return find_name(index, text) != NULL;
}

void du_index_name_free(struct du_index_name *name) {
    du_free(name->version);
    du_free(name);
}

static void take_name_off(struct du_index *index, struct du_index_name *name) {
    index->tombstones -= name->entry == NULL;
    HASH_DEL(index->names, name);
    du_index_name_free(name);
}

void du_index_names_settle(struct du_index *index) {
    struct du_index_name *name, *next;
    if (index->tombstones == 0)
        return;
    HASH_ITER(hh, index->names, name, next) {
        if (name->entry == NULL)
            take_name_off(index, name);
    }
}

void du_index_name_remove(struct du_index *index, struct du_index_name *name) {
    du_list_remove(&name->node);
    if (index->journal != NULL)
        du_index_journal_forget(index->journal, name->text);
    if (index->stage >= WALKING) {
        take_name_off(index, name);
        return;
    }
    name->entry = NULL;
    index->tombstones++;
}

static struct du_index_name *name_new(const char *text, const char *version) {
    size_t size = strlen(text) + 1;
    struct du_index_name *name = du_calloc(1, sizeof *name + size);
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
bool du_index_name_set(struct du_index_entry *entry, const char *text, const char *version) {
    struct du_index *index = entry->index;
    struct du_index_name *name = name_new(text, version), *old = find_name(index, text);
    if (name == NULL)
        return false;
    struct du_index_entry *before = old != NULL ? old->entry : NULL;
    if (old != NULL) {
        du_list_remove(&old->node);
        take_name_off(index, old);
    }
    name->entry = entry;
    HASH_ADD_KEYPTR(hh, index->names, name->text, strlen(name->text), name);
    bool good = !du_map_failed(name);
    if (good)
        du_list_append(&entry->names, &name->node);
    else
        du_index_name_free(name);
    if (before != NULL)
        du_index_entry_leave_if_unwanted(before);
    return good;
}
