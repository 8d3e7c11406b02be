#include "index_journal.h"

#include "ledger.h"
#include "mem.h"

#include <string.h>

struct du_index_lookup {
    sqlite3 *database;
    sqlite3_stmt *blob, *name;
};

static int prepare(struct du_index_lookup *lookup) {
    int code = sqlite3_prepare_v2(lookup->database,
                                  "SELECT size, by_digest, used FROM blobs WHERE digest = ?", -1,
                                  &lookup->blob, NULL);
    if (code != SQLITE_OK)
        return code;
    return sqlite3_prepare_v2(lookup->database, "SELECT version, digest FROM names WHERE name = ?",
                              -1, &lookup->name, NULL);
}

enum du_error_kind du_index_lookup_open(struct du_index_lookup **lookup, struct du_ledger *journal,
                                        struct du_error *error) {
    struct du_index_lookup *made = du_calloc(1, sizeof *made);
    *lookup = made;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "look into the index");
    enum du_error_kind kind = du_ledger_reader(journal, &made->database, error);
    if (kind == DU_OK && prepare(made) != SQLITE_OK)
        kind = du_error_set(error, DU_STORE, "look into the index: %s",
                            sqlite3_errmsg(made->database));
    if (kind != DU_OK)
        du_index_lookup_close(lookup);
    return kind;
}

void du_index_lookup_close(struct du_index_lookup **lookup) {
    struct du_index_lookup *old = *lookup;
    *lookup = NULL;
    if (old == NULL)
        return;
    sqlite3_finalize(old->blob);
    sqlite3_finalize(old->name);
    sqlite3_close(old->database);
    du_free(old);
}

bool du_index_lookup_blob(struct du_index_lookup *lookup, const struct du_digest *digest,
                          struct du_index_row *row) {
    sqlite3_stmt *statement = lookup->blob;
    sqlite3_bind_blob(statement, 1, digest->sha256, sizeof digest->sha256, SQLITE_STATIC);
    bool found = sqlite3_step(statement) == SQLITE_ROW;
    if (found)
        *row = (struct du_index_row){.size = sqlite3_column_int64(statement, 0),
                                     .by_digest = sqlite3_column_int(statement, 1) != 0,
                                     .used_ms = sqlite3_column_int64(statement, 2)};
    sqlite3_reset(statement);
    return found;
}

void du_index_lookup_name(struct du_index_lookup *lookup, const char *text,
                          bool (*name)(void *user, const char *name, const char *version,
                                       const struct du_digest *digest),
                          void *user) {
    struct du_digest digest;
    sqlite3_stmt *statement = lookup->name;
    sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_bytes(statement, 1) == (int)sizeof digest.sha256) {
        memcpy(digest.sha256, sqlite3_column_blob(statement, 1), sizeof digest.sha256);
        name(user, text, (const char *)sqlite3_column_text(statement, 0), &digest);
    }
    sqlite3_reset(statement);
}
