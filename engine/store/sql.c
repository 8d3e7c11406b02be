#include "sql.h"

#include <string.h>

struct du_sql_value du_sql_integer(int64_t integer) {
    return (struct du_sql_value){.type = DU_SQL_INTEGER, .integer = integer};
}

struct du_sql_value du_sql_text(const char *text) {
    if (text == NULL)
        return (struct du_sql_value){.type = DU_SQL_NULL};
    return (struct du_sql_value){.type = DU_SQL_TEXT, .bytes = text, .size = strlen(text)};
}

struct du_sql_value du_sql_blob(const void *bytes, size_t size) {
    /* SQLite takes a null pointer for NULL, which an empty blob is not. */
    return (struct du_sql_value){.type = DU_SQL_BLOB, .bytes = size > 0 ? bytes : "", .size = size};
}

static int bind(sqlite3_stmt *statement, int at, const struct du_sql_value *value) {
    switch (value->type) {
    case DU_SQL_NULL:
        return sqlite3_bind_null(statement, at);
    case DU_SQL_INTEGER:
        return sqlite3_bind_int64(statement, at, value->integer);
    case DU_SQL_TEXT:
        return sqlite3_bind_text64(statement, at, value->bytes, value->size, SQLITE_STATIC,
                                   SQLITE_UTF8);
    case DU_SQL_BLOB:
        return sqlite3_bind_blob64(statement, at, value->bytes, value->size, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* The statement of that text, kept from the last time or new. The texts are literals, a few dozens.
 */
static int find(sqlite3 *database, const char *sql, sqlite3_stmt **statement) {
    sqlite3_stmt *kept = NULL;
    while ((kept = sqlite3_next_stmt(database, kept)) != NULL)
        if (!sqlite3_stmt_busy(kept) && strcmp(sqlite3_sql(kept), sql) == 0) {
            *statement = kept;
            return SQLITE_OK;
        }
    return sqlite3_prepare_v3(database, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
}

int du_sql_run(sqlite3 *database, const char *sql, const struct du_sql_value *values,
               size_t count) {
    sqlite3_stmt *statement = NULL;
    int code = find(database, sql, &statement);
    if (code != SQLITE_OK)
        return code;
    for (size_t i = 0; code == SQLITE_OK && i < count; i++)
        code = bind(statement, (int)i + 1, &values[i]);
    while (code == SQLITE_OK || code == SQLITE_ROW)
        code = sqlite3_step(statement);
    int end = sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    if (code == SQLITE_DONE)
        return SQLITE_OK;
    return end != SQLITE_OK ? end : code;
}

void du_sql_forget(sqlite3 *database) {
    for (sqlite3_stmt *kept; (kept = sqlite3_next_stmt(database, NULL)) != NULL;)
        sqlite3_finalize(kept);
}
