#include "index_journal.h"

#include "ledger.h"
#include "mem.h"
#include "sql.h"

#include <string.h>

struct change {
    struct du_entry entry;
    struct du_digest digest;
    int64_t size, used_ms;
    bool by_digest;
    struct du_index *index;
    const struct du_index_removal *removal;
    char *version; /* into name, behind its NUL; NULL: none */
    char name[];
};

static struct change *change_new(int (*apply)(struct du_entry *, sqlite3 *), const char *name,
                                 const char *version) {
    size_t first = strlen(name) + 1, second = version != NULL ? strlen(version) + 1 : 0;
    struct change *change = du_malloc(sizeof *change + first + second);
    if (change == NULL)
        return NULL;
    memset(change, 0, sizeof *change);
    change->entry.apply = apply;
    memcpy(change->name, name, first);
    if (version != NULL)
        change->version = memcpy(change->name + first, version, second);
    return change;
}

static void change_free(struct du_entry *entry, enum du_error_kind result, const char *message) {
    (void)result, (void)message;
    du_free(entry);
}

static void post(struct du_ledger *journal, struct change *change) {
    if (change == NULL)
        return;
    change->entry.done = change_free;
    du_ledger_post(journal, &change->entry);
}

static struct du_sql_value digest_value(const struct change *change) {
    return du_sql_blob(change->digest.sha256, sizeof change->digest.sha256);
}

/* Blobs ------------------------------------------------------------------------------------- */

static int apply_save(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    return DU_SQL(database,
                  "INSERT OR REPLACE INTO blobs (digest, size, by_digest, used) VALUES (?,?,?,?)",
                  digest_value(change), du_sql_integer(change->size),
                  du_sql_integer(change->by_digest), du_sql_integer(change->used_ms));
}

void du_index_journal_save(struct du_ledger *journal, const struct du_digest *digest, int64_t size,
                           bool by_digest, int64_t used_ms) {
    struct change *change = change_new(apply_save, "", NULL);
    if (change != NULL) {
        change->digest = *digest;
        change->size = size;
        change->by_digest = by_digest;
        change->used_ms = used_ms;
    }
    post(journal, change);
}

static int apply_use(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    return DU_SQL(database, "UPDATE blobs SET used = ? WHERE digest = ?",
                  du_sql_integer(change->used_ms), digest_value(change));
}

void du_index_journal_use(struct du_ledger *journal, const struct du_digest *digest,
                          int64_t used_ms) {
    struct change *change = change_new(apply_use, "", NULL);
    if (change != NULL) {
        change->digest = *digest;
        change->used_ms = used_ms;
    }
    post(journal, change);
}

/* The file first: a row without a file is dropped at the next start, a file without a row would
 * stay. */
static int apply_remove(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    change->removal->remove(change->index, &change->digest);
    return DU_SQL(database, "DELETE FROM blobs WHERE digest = ?", digest_value(change));
}

static void removed(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct change *change = (struct change *)entry;
    (void)result, (void)message;
    change->removal->removed(change->index, &change->digest);
    du_free(change);
}

bool du_index_journal_remove(struct du_ledger *journal, struct du_index *index,
                             const struct du_digest *digest,
                             const struct du_index_removal *removal) {
    struct change *change = change_new(apply_remove, "", NULL);
    if (change == NULL)
        return false;
    change->digest = *digest;
    change->index = index;
    change->removal = removal;
    change->entry.done = removed;
    du_ledger_post(journal, &change->entry);
    return true;
}

/* Names ------------------------------------------------------------------------------------- */

static int apply_name(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    return DU_SQL(database, "INSERT OR REPLACE INTO names (name, version, digest) VALUES (?,?,?)",
                  du_sql_text(change->name), du_sql_text(change->version), digest_value(change));
}

void du_index_journal_name(struct du_ledger *journal, const char *name, const char *version,
                           const struct du_digest *digest) {
    struct change *change = change_new(apply_name, name, version);
    if (change != NULL)
        change->digest = *digest;
    post(journal, change);
}

static int apply_forget(struct du_entry *entry, sqlite3 *database) {
    struct change *change = (struct change *)entry;
    return DU_SQL(database, "DELETE FROM names WHERE name = ?", du_sql_text(change->name));
}

void du_index_journal_forget(struct du_ledger *journal, const char *name) {
    post(journal, change_new(apply_forget, name, NULL));
}

/* Loading ----------------------------------------------------------------------------------- */

static bool column_digest(sqlite3_stmt *statement, int column, struct du_digest *digest) {
    const void *bytes = sqlite3_column_blob(statement, column);
    if (bytes == NULL || sqlite3_column_bytes(statement, column) != (int)sizeof digest->sha256)
        return false;
    memcpy(digest->sha256, bytes, sizeof digest->sha256);
    return true;
}

static bool blob_row(void *user, sqlite3_stmt *statement) {
    struct du_index_rows *rows = user;
    struct du_digest digest;
    if (!column_digest(statement, 0, &digest))
        return true;
    struct du_index_row row = {.size = sqlite3_column_int64(statement, 1),
                               .by_digest = sqlite3_column_int(statement, 2) != 0,
                               .used_ms = sqlite3_column_int64(statement, 3)};
    return rows->blob(rows->user, &digest, &row);
}

static bool total_row(void *user, sqlite3_stmt *statement) {
    struct du_index_rows *rows = user;
    return rows->total(rows->user, sqlite3_column_int64(statement, 0),
                       sqlite3_column_int64(statement, 1));
}

enum du_error_kind du_index_journal_count(struct du_ledger *journal, struct du_index_rows *rows,
                                          struct du_error *error) {
    return du_ledger_read(journal, "SELECT count(*), total(size) FROM blobs", total_row, rows,
                          error);
}

static bool name_row(void *user, sqlite3_stmt *statement) {
    struct du_index_rows *rows = user;
    struct du_digest digest;
    const char *name = (const char *)sqlite3_column_text(statement, 0);
    if (name == NULL || !column_digest(statement, 2, &digest))
        return true;
    return rows->name(rows->user, name, (const char *)sqlite3_column_text(statement, 1), &digest);
}

enum du_error_kind du_index_journal_load(struct du_ledger *journal, struct du_index_rows *rows,
                                         struct du_error *error) {
    enum du_error_kind kind =
        du_ledger_read(journal, "SELECT digest, size, by_digest, used FROM blobs ORDER BY used",
                       blob_row, rows, error);
    if (kind != DU_OK)
        return kind;
    return du_ledger_read(journal, "SELECT name, version, digest FROM names", name_row, rows,
                          error);
}
