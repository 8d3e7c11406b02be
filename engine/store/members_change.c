#include "ledger.h"
#include "list.h"
#include "mem.h"
#include "member_import.h"
#include "members_int.h"
#include "sql.h"

#include <pthread.h>
#include <string.h>

enum change_kind { ADD, SET_PASSWORD, SET_ACTIVE, SET_ENTITLEMENTS, REMOVE, IMPORT };

/* waiting --begin--> under way (prepared, or found impossible) --written--> seen, done, freed */
struct change {
    struct du_entry entry;
    struct du_list node; /* in waiting */
    struct du_members *members;
    enum change_kind kind;
    char *id;
    char *text; /* the password hash, or the entitlements */
    char *old;  /* what the password hash must be so far; NULL: anything */
    struct du_import *import;
    bool active;
    struct du_member *after;   /* the member as it will be; NULL when it is removed */
    struct du_member_list own; /* all of them as they will be */
    struct du_member_table *table;
    struct du_error error; /* why it is impossible */
    du_members_done *done;
    void *user;
};

/* Preparing a change ------------------------------------------------------------------------ */

static enum du_error_kind find_own(struct change *change, const struct du_member **member) {
    *member = du_member_table_find(change->members->table, change->id);
    if (*member != NULL && !(*member)->fixed)
        return DU_OK;
    return du_error_set(&change->error, DU_NOT_FOUND,
                        *member != NULL
                            ? "member %s comes from the deployment's file: change it there"
                            : "there is no member %s",
                        change->id);
}

static enum du_error_kind prepare_add(struct change *change) {
    const struct du_member_table *table = change->members->table;
    const struct du_member *same_id = du_member_table_find(table, change->id);
    const struct du_member *same_email = du_member_table_find_email(table, change->after->email);
    if (same_id != NULL && !same_id->fixed)
        return du_error_set(&change->error, DU_STORE, "there is a member %s already", change->id);
    if (same_email != NULL && !same_email->fixed)
        return du_error_set(&change->error, DU_STORE, "%s is the address of member %s already",
                            same_email->email, same_email->id);
    return DU_OK;
}

static enum du_error_kind prepare_set(struct change *change, const struct du_member *before) {
    if (change->old != NULL && strcmp(change->old, before->password_hash) != 0)
        return du_error_set(&change->error, DU_NOT_FOUND, "member %s has another password",
                            change->id);
    char *old = du_member_join(before->entitlements, before->entitlement_count);
    if (old == NULL)
        return du_error_set(&change->error, DU_MEMORY, "change member %s", change->id);
    struct du_member_source source = {
        .id = before->id,
        .email = before->email,
        .password_hash = change->kind == SET_PASSWORD ? change->text : before->password_hash,
        .entitlements = change->kind == SET_ENTITLEMENTS ? change->text : old,
        .active = change->kind == SET_ACTIVE ? change->active : before->active,
        .admin = before->admin,
        .created_ms = before->created_ms};
    enum du_error_kind kind = du_member_new(&change->after, &source, &change->error);
    du_free(old);
    return kind;
}

static enum du_error_kind prepare_member(struct change *change, const struct du_member **before) {
    enum du_error_kind kind = DU_OK;
    *before = NULL;
    switch (change->kind) {
    case ADD:
        return prepare_add(change);
    case SET_PASSWORD:
    case SET_ACTIVE:
    case SET_ENTITLEMENTS:
        kind = find_own(change, before);
        return kind == DU_OK ? prepare_set(change, *before) : kind;
    case REMOVE:
        return find_own(change, before);
    case IMPORT: /* of many */
        return DU_OK;
    }
    return kind;
}

static enum du_error_kind prepare_own(struct change *change) {
    struct du_members *members = change->members;
    const struct du_member *before;
    if (change->import != NULL)
        return du_import_merge(change->import, members, &change->own, &change->error);
    enum du_error_kind kind = prepare_member(change, &before);
    if (kind == DU_OK && !du_member_list_copy(&members->own, before, change->after, &change->own))
        kind = du_error_set(&change->error, DU_MEMORY, "change member %s", change->id);
    return kind;
}

/* Is there anything to be changed? An import may only have been looked at. */
static bool applies(const struct change *change) {
    return change->error.kind == DU_OK && (change->import == NULL || change->import->applied);
}

static enum du_error_kind prepare(struct change *change) {
    struct du_members *members = change->members;
    enum du_error_kind kind = prepare_own(change);
    if (kind != DU_OK)
        return kind;
    change->table =
        du_member_table_new(change->own.members, change->own.count, members->fixed.members,
                            members->fixed.count, members->table->generation + 1);
    if (change->table == NULL)
        return du_error_set(&change->error, DU_MEMORY, "change member %s", change->id);
    return DU_OK;
}

/* Making a change --------------------------------------------------------------------------- */

int du_member_write(const struct du_member *member, sqlite3 *database) {
    char *entitlements = du_member_join(member->entitlements, member->entitlement_count);
    if (entitlements == NULL)
        return SQLITE_NOMEM;
    int code = DU_SQL(database,
                      "INSERT OR REPLACE INTO members (id, email, password_hash, active, admin,"
                      " entitlements, created) VALUES (?,?,?,?,?,?,?)",
                      du_sql_text(member->id), du_sql_text(member->email),
                      du_sql_text(member->password_hash), du_sql_integer(member->active),
                      du_sql_integer(member->admin), du_sql_text(entitlements),
                      du_sql_integer(member->created_ms));
    du_free(entitlements);
    return code;
}

static int apply_change(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    if (!applies(change))
        return SQLITE_OK;
    if (change->import != NULL)
        return du_import_write(change->import, database);
    if (change->after != NULL)
        return du_member_write(change->after, database);
    return DU_SQL(database, "DELETE FROM members WHERE id = ?", du_sql_text(change->id));
}

static void change_free(struct change *change) {
    du_member_list_clear(&change->own);
    du_member_table_unref(&change->table);
    du_member_unref(&change->after);
    du_free(change->id);
    du_free(change->text);
    du_free(change->old);
    du_free(change);
}

/* With the lock held: the next change, if any, goes on its way. */
static void begin(struct du_members *members) {
    struct du_list *node = members->busy ? NULL : du_list_take(&members->waiting);
    if (node == NULL) {
        pthread_cond_broadcast(&members->idle);
        return;
    }
    struct change *change = du_container_of(node, struct change, node);
    members->busy = true;
    change->error = du_error_of(DU_OK);
    change->error.kind = prepare(change);
    du_ledger_post(members->journal, &change->entry);
}

static void swap(struct du_members *members, struct change *change) {
    struct du_member_list own = members->own;
    struct du_member_table *table = members->table;
    members->own = change->own;
    members->table = change->table;
    change->own = own;
    change->table = table;
}

static void written(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct change *change = (struct change *)entry;
    struct du_members *members = change->members;
    if (change->error.kind == DU_OK && result != DU_OK)
        du_error_set(&change->error, result, "member %s: %s", change->id, message);
    pthread_mutex_lock(&members->lock);
    if (applies(change))
        swap(members, change);
    members->busy = false;
    begin(members);
    pthread_mutex_unlock(&members->lock);
    if (change->done != NULL)
        change->done(change->user, change->error.kind, change->error.message);
    change_free(change);
}

/* Takes over after, text and old. */
static enum du_error_kind post(struct du_members *members, struct change wanted, const char *id,
                               struct du_error *error) {
    struct change *change = du_malloc(sizeof *change);
    char *own_id = du_strdup(id);
    if (change == NULL || own_id == NULL) {
        du_free(change);
        du_free(own_id);
        du_free(wanted.text);
        du_free(wanted.old);
        du_member_unref(&wanted.after);
        return du_error_set(error, DU_MEMORY, "change member %s", id);
    }
    *change = wanted;
    change->entry = (struct du_entry){.apply = apply_change, .done = written};
    change->members = members;
    change->id = own_id;
    pthread_mutex_lock(&members->lock);
    du_list_append(&members->waiting, &change->node);
    begin(members);
    pthread_mutex_unlock(&members->lock);
    return DU_OK;
}

enum du_error_kind du_members_add(struct du_members *members, const struct du_member_data *data,
                                  du_members_done *done, void *user, struct du_error *error) {
    struct change change = {.kind = ADD, .done = done, .user = user};
    char *entitlements = du_member_join(data->entitlements, data->entitlement_count);
    if (entitlements == NULL)
        return du_error_set(error, DU_MEMORY, "add member %s", data->id);
    struct du_member_source source = {.id = data->id,
                                      .email = data->email,
                                      .password_hash = data->password_hash,
                                      .entitlements = entitlements,
                                      .active = data->active,
                                      .admin = data->admin,
                                      .created_ms = du_clock_wall_ms(&members->base->clock)};
    enum du_error_kind kind = du_member_new(&change.after, &source, error);
    du_free(entitlements);
    return kind == DU_OK ? post(members, change, data->id, error) : kind;
}

enum du_error_kind du_members_set_password(struct du_members *members, const char *id,
                                           const char *password_hash, du_members_done *done,
                                           void *user, struct du_error *error) {
    struct change change = {.kind = SET_PASSWORD, .done = done, .user = user};
    change.text = du_strdup(password_hash);
    if (change.text == NULL)
        return du_error_set(error, DU_MEMORY, "change member %s", id);
    return post(members, change, id, error);
}

enum du_error_kind du_members_rehash(struct du_members *members, const char *id, const char *old,
                                     const char *password_hash, du_members_done *done, void *user,
                                     struct du_error *error) {
    struct change change = {.kind = SET_PASSWORD, .done = done, .user = user};
    change.text = du_strdup(password_hash);
    change.old = du_strdup(old);
    if (change.text == NULL || change.old == NULL) {
        du_free(change.text);
        du_free(change.old);
        return du_error_set(error, DU_MEMORY, "change member %s", id);
    }
    return post(members, change, id, error);
}

enum du_error_kind du_members_import(struct du_members *members, struct du_import *import,
                                     du_members_done *done, void *user, struct du_error *error) {
    struct change change = {.kind = IMPORT, .import = import, .done = done, .user = user};
    return post(members, change, "", error);
}

enum du_error_kind du_members_set_active(struct du_members *members, const char *id, bool active,
                                         du_members_done *done, void *user,
                                         struct du_error *error) {
    struct change change = {.kind = SET_ACTIVE, .active = active, .done = done, .user = user};
    return post(members, change, id, error);
}

enum du_error_kind du_members_set_entitlements(struct du_members *members, const char *id,
                                               const char *const *entitlements, size_t count,
                                               du_members_done *done, void *user,
                                               struct du_error *error) {
    struct change change = {.kind = SET_ENTITLEMENTS, .done = done, .user = user};
    change.text = du_member_join(entitlements, count);
    if (change.text == NULL)
        return du_error_set(error, DU_MEMORY, "change member %s", id);
    return post(members, change, id, error);
}

enum du_error_kind du_members_remove(struct du_members *members, const char *id,
                                     du_members_done *done, void *user, struct du_error *error) {
    struct change change = {.kind = REMOVE, .done = done, .user = user};
    return post(members, change, id, error);
}
