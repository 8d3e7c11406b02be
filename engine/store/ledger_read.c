#include "ledger.h"

enum { BUSY_MS = 1000 };

static int each_row(sqlite3 *database, const char *sql,
                    bool (*row)(void *user, sqlite3_stmt *statement), void *user) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = SQLITE_ROW;
    while (code == SQLITE_ROW && (code = sqlite3_step(statement)) == SQLITE_ROW)
        if (!row(user, statement))
            code = SQLITE_DONE;
    sqlite3_finalize(statement);
    return code;
}

enum du_error_kind du_ledger_read_file(const char *path, const char *sql,
                                       bool (*row)(void *user, sqlite3_stmt *statement), void *user,
                                       struct du_error *error) {
    sqlite3 *database = NULL;
    enum du_error_kind kind = DU_OK;
    int code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(database, BUSY_MS);
        code = each_row(database, sql, row, user);
    }
    if (code != SQLITE_DONE)
        kind = du_error_set(error, DU_STORE, "%s: %s", path,
                            database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(code));
    sqlite3_close(database);
    return kind;
}
