#include "mem.h"
#include "member_import_int.h"
#include "members_int.h"

#include <string.h>

static bool is_same(const struct du_member *a, const struct du_member *b) {
    bool same = strcmp(a->email, b->email) == 0 && a->active == b->active && a->admin == b->admin &&
                strcmp(a->password_hash, b->password_hash) == 0 &&
                a->entitlement_count == b->entitlement_count;
    for (size_t i = 0; same && i < a->entitlement_count; i++)
        same = strcmp(a->entitlements[i], b->entitlements[i]) == 0;
    return same;
}

/* The member as the row wants it. */
static enum du_error_kind make_after(struct du_import_row *row, const struct du_member *before,
                                     int64_t now_ms, struct du_error *error) {
    char *old = before != NULL ? du_member_join(before->entitlements, before->entitlement_count)
                               : du_strdup("");
    if (old == NULL)
        return du_error_set(error, DU_MEMORY, "import members");
    struct du_member_source source = {
        .id = row->id,
        .email = row->email != NULL ? row->email : before->email,
        .password_hash = row->password_hash != NULL ? row->password_hash
                         : before != NULL           ? before->password_hash
                                                    : "",
        .entitlements = row->entitlements != NULL ? row->entitlements : old,
        .active =
            row->active != DU_UNSAID ? row->active == DU_YES : before == NULL || before->active,
        .admin = row->admin != DU_UNSAID ? row->admin == DU_YES : before != NULL && before->admin,
        .created_ms = before != NULL ? before->created_ms : now_ms};
    enum du_error_kind kind = du_member_new(&row->after, &source, error);
    du_free(old);
    return kind;
}

/* Whether the row can be: its address is nobody else's, and a new member has one. */
static bool fits(struct du_import *import, const struct du_import_row *row,
                 const struct du_member *before, const struct du_member_table *table) {
    if (row->email == NULL && before == NULL) {
        du_import_found(import, row->line, "email: is missing, and there is no member %s yet",
                        row->id);
        return false;
    }
    const struct du_member *other =
        row->email != NULL ? du_member_table_find_email(table, row->email) : NULL;
    if (other == NULL || other->fixed || strcmp(other->id, row->id) == 0)
        return true;
    du_import_found(import, row->line, "email: %.60s belongs to the member %s", row->email,
                    other->id);
    return false;
}

static enum du_error_kind merge_row(struct du_import *import, struct du_import_row *row,
                                    const struct du_member_table *table, int64_t now_ms,
                                    struct du_error *error) {
    const struct du_member *before = du_member_table_find(table, row->id);
    enum du_error_kind kind = DU_OK;
    if (!fits(import, row, before, table)) {
        import->bad++;
        return DU_OK;
    }
    kind = make_after(row, before, now_ms, error);
    if (kind == DU_STORE) {
        du_import_found(import, row->line, "%s", error->message);
        import->bad++;
        return DU_OK;
    }
    if (kind != DU_OK)
        return kind;
    bool same = before != NULL && !before->fixed && is_same(before, row->after);
    if (same)
        du_member_unref(&row->after);
    *(same ? &import->unchanged : before != NULL ? &import->changed : &import->added) += 1;
    return DU_OK;
}

static const struct du_import_row *find_row(const struct du_import *import, const char *id) {
    size_t low = 0, high = import->good;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(import->by_id[middle]->id, id);
        if (order == 0)
            return import->by_id[middle];
        *(order < 0 ? &low : &high) = order < 0 ? middle + 1 : middle;
    }
    return NULL;
}

/* All members as they will be. */
static bool list_all(const struct du_import *import, const struct du_member_list *own,
                     struct du_member_list *to) {
    to->members = du_malloc((own->count + import->good + 1) * sizeof(struct du_member *));
    if (to->members == NULL)
        return false;
    for (size_t i = 0; i < own->count; i++) {
        const struct du_import_row *row = find_row(import, own->members[i]->id);
        if (row == NULL || row->after == NULL)
            to->members[to->count++] = own->members[i];
    }
    for (size_t i = 0; i < import->good; i++)
        if (import->by_id[i]->after != NULL)
            to->members[to->count++] = import->by_id[i]->after;
    for (size_t i = 0; i < to->count; i++)
        du_value_ref(&to->members[i]->value);
    return true;
}

enum du_error_kind du_import_merge(struct du_import *import, const struct du_members *members,
                                   struct du_member_list *to, struct du_error *error) {
    int64_t now_ms = du_clock_wall_ms(&members->base->clock);
    for (size_t i = 0; i < import->good; i++) {
        enum du_error_kind kind =
            merge_row(import, import->by_id[i], members->table, now_ms, error);
        if (kind != DU_OK)
            return kind;
    }
    if (du_bytes_check(&import->findings) != DU_OK || !list_all(import, &members->own, to))
        return du_error_set(error, DU_MEMORY, "import members");
    import->applied = !import->dry_run && (import->skip_bad || import->findings.size == 0);
    return DU_OK;
}

int du_import_write(const struct du_import *import, sqlite3 *database) {
    int code = SQLITE_OK;
    for (size_t i = 0; i < import->good && code == SQLITE_OK; i++)
        if (import->by_id[i]->after != NULL)
            code = du_member_write(import->by_id[i]->after, database);
    return code;
}
