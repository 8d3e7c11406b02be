#include "mem.h"
#include "members_int.h"

#include <pthread.h>
#include <string.h>

/* Static members ---------------------------------------------------------------------------- */

static enum du_error_kind make_fixed(struct du_member **member, const struct du_member_data *data,
                                     struct du_error *error) {
    char *entitlements = du_member_join(data->entitlements, data->entitlement_count);
    if (entitlements == NULL)
        return du_error_set(error, DU_MEMORY, "member %s", data->id);
    struct du_member_source source = {.id = data->id,
                                      .email = data->email,
                                      .password_hash = data->password_hash,
                                      .entitlements = entitlements,
                                      .active = data->active,
                                      .admin = data->admin,
                                      .fixed = true};
    enum du_error_kind kind = du_member_new(member, &source, error);
    du_free(entitlements);
    return kind;
}

enum du_error_kind du_members_outside(struct du_member **member, const struct du_member_data *data,
                                      struct du_error *error) {
    return make_fixed(member, data, error);
}

static enum du_error_kind collect(const struct du_member_data *data, size_t count,
                                  struct du_member_list *fixed, struct du_error *error) {
    for (size_t i = 0; i < count; i++) {
        struct du_member *member = NULL;
        enum du_error_kind kind = make_fixed(&member, &data[i], error);
        if (kind != DU_OK)
            return kind;
        if (!du_member_list_grow(fixed, member)) {
            du_member_unref(&member);
            return du_error_set(error, DU_MEMORY, "member %s", data[i].id);
        }
    }
    return DU_OK;
}

/* Among themselves they must not clash: nothing says which should win. */
static enum du_error_kind check_fixed(const struct du_member_list *fixed, struct du_error *error) {
    struct du_member_table *table = du_member_table_new(fixed->members, fixed->count, NULL, 0, 0);
    if (table == NULL)
        return du_error_set(error, DU_MEMORY, "the deployment's members");
    enum du_error_kind kind = DU_OK;
    for (size_t i = 1; i < table->count && kind == DU_OK; i++) {
        const struct du_member *id = table->by_id[i], *email = table->by_email[i];
        if (strcmp(table->by_id[i - 1]->id, id->id) == 0)
            kind = du_error_set(error, DU_STORE, "member %s is there twice", id->id);
        else if (du_member_compare_email(table->by_email[i - 1]->email, email->email) == 0)
            kind = du_error_set(error, DU_STORE, "two members have the address %s", email->email);
    }
    du_member_table_unref(&table);
    return kind;
}

static void log_clashes(struct du_members *members) {
    for (size_t i = 0; i < members->fixed.count; i++) {
        const struct du_member *member = members->fixed.members[i];
        if (du_member_table_find(members->table, member->id) != member)
            du_log_format(members->base->log, DU_LOG_WARN,
                          "member %s of the deployment's file is left out: the ledger has that id "
                          "or address",
                          member->id);
    }
}

/* With the lock held and no change under way. */
static bool swap_fixed(struct du_members *members, struct du_member_list *fixed) {
    struct du_member_table *table =
        du_member_table_new(members->own.members, members->own.count, fixed->members, fixed->count,
                            members->table != NULL ? members->table->generation + 1 : 1);
    if (table == NULL)
        return false;
    struct du_member_list old = members->fixed;
    members->fixed = *fixed;
    *fixed = old;
    du_member_table_unref(&members->table);
    members->table = table;
    log_clashes(members);
    return true;
}

enum du_error_kind du_members_set_static(struct du_members *members,
                                         const struct du_member_data *data, size_t count,
                                         struct du_error *error) {
    struct du_member_list fixed = {NULL, 0};
    enum du_error_kind kind = collect(data, count, &fixed, error);
    if (kind == DU_OK)
        kind = check_fixed(&fixed, error);
    if (kind == DU_OK) {
        pthread_mutex_lock(&members->lock);
        while (members->busy)
            pthread_cond_wait(&members->idle, &members->lock);
        if (!swap_fixed(members, &fixed))
            kind = du_error_set(error, DU_MEMORY, "the deployment's members");
        pthread_mutex_unlock(&members->lock);
    }
    du_member_list_clear(&fixed);
    return kind;
}

/* Reading ----------------------------------------------------------------------------------- */

struct du_member_table *du_members_table(struct du_members *members) {
    pthread_mutex_lock(&members->lock);
    struct du_member_table *table = members->table;
    du_value_ref(&table->value);
    pthread_mutex_unlock(&members->lock);
    return table;
}

static struct du_member *find(struct du_members *members, const char *id, const char *email) {
    struct du_member_table *table = du_members_table(members);
    const struct du_member *found =
        id != NULL ? du_member_table_find(table, id) : du_member_table_find_email(table, email);
    struct du_member *member = (struct du_member *)found;
    if (member != NULL)
        du_value_ref(&member->value);
    du_member_table_unref(&table);
    return member;
}

struct du_member *du_members_find(struct du_members *members, const char *id) {
    return find(members, id, NULL);
}

struct du_member *du_members_find_email(struct du_members *members, const char *email) {
    return find(members, NULL, email);
}

uint64_t du_members_generation(struct du_members *members) {
    pthread_mutex_lock(&members->lock);
    uint64_t generation = members->table->generation;
    pthread_mutex_unlock(&members->lock);
    return generation;
}

/* Start and end ----------------------------------------------------------------------------- */

struct load {
    struct du_members *members;
    enum du_error_kind kind;
    struct du_error error;
};

static const char *column(sqlite3_stmt *statement, int at) {
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL ? text : "";
}

static bool load_row(void *user, sqlite3_stmt *statement) {
    struct load *load = user;
    struct du_member *member;
    struct du_member_source source = {.id = column(statement, 0),
                                      .email = column(statement, 1),
                                      .password_hash = column(statement, 2),
                                      .active = sqlite3_column_int(statement, 3) != 0,
                                      .admin = sqlite3_column_int(statement, 4) != 0,
                                      .entitlements = column(statement, 5),
                                      .created_ms = sqlite3_column_int64(statement, 6)};
    load->kind = du_member_new(&member, &source, &load->error);
    if (load->kind == DU_OK && !du_member_list_grow(&load->members->own, member)) {
        du_member_unref(&member);
        load->kind = du_error_set(&load->error, DU_MEMORY, "load the members");
    }
    return load->kind == DU_OK;
}

static enum du_error_kind load(struct du_members *members, struct du_error *error) {
    struct load state = {.members = members, .kind = DU_OK};
    struct du_member_list none = {NULL, 0};
    enum du_error_kind kind =
        du_ledger_read(members->journal,
                       "SELECT id, email, password_hash, active, admin, entitlements, created"
                       " FROM members",
                       load_row, &state, error);
    if (kind == DU_OK && state.kind != DU_OK)
        return du_error_set(error, state.kind, "%s", state.error.message);
    if (kind == DU_OK && !swap_fixed(members, &none))
        kind = du_error_set(error, DU_MEMORY, "load the members");
    return kind;
}

enum du_error_kind du_members_new(struct du_members **members, struct du_base *base,
                                  struct du_ledger *journal, struct du_error *error) {
    struct du_members *made = du_calloc(1, sizeof *made);
    *members = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "load the members");
    made->base = base;
    made->journal = journal;
    du_list_init(&made->waiting);
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->idle, NULL);
    enum du_error_kind kind = load(made, error);
    if (kind != DU_OK)
        du_members_free(&made);
    *members = made;
    return kind;
}

void du_members_free(struct du_members **members) {
    struct du_members *old = *members;
    if (old == NULL)
        return;
    pthread_mutex_lock(&old->lock);
    while (old->busy)
        pthread_cond_wait(&old->idle, &old->lock);
    pthread_mutex_unlock(&old->lock);
    du_member_list_clear(&old->own);
    du_member_list_clear(&old->fixed);
    du_member_table_unref(&old->table);
    pthread_cond_destroy(&old->idle);
    pthread_mutex_destroy(&old->lock);
    du_free(old);
    *members = NULL;
}
