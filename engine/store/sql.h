#ifndef DU_SQL_H
#define DU_SQL_H

/* Statements in one call, for what runs inside a ledger's transactions. The connection keeps what
 * it has prepared, since preparing costs more than most statements: du_sql_forget before it is
 * closed. Thread: the connection's. */

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

/* One bound parameter. Text and blobs are not copied: they live until the call returns. */
struct du_sql_value {
    enum { DU_SQL_NULL, DU_SQL_INTEGER, DU_SQL_TEXT, DU_SQL_BLOB } type;
    int64_t integer;
    const void *bytes;
    size_t size;
};

struct du_sql_value du_sql_integer(int64_t integer);
struct du_sql_value du_sql_text(const char *text); /* NULL binds NULL */
struct du_sql_value du_sql_blob(const void *bytes, size_t size);

/* Prepares, binds, runs to its end. SQLITE_OK, or the code of what failed. */
int du_sql_run(sqlite3 *database, const char *sql, const struct du_sql_value *values, size_t count);
/* Drops the connection's prepared statements. */
void du_sql_forget(sqlite3 *database);

#define DU_SQL(database, sql, ...)                                                                 \
    du_sql_run(database, sql, (const struct du_sql_value[]){__VA_ARGS__},                          \
               sizeof((const struct du_sql_value[]){__VA_ARGS__}) / sizeof(struct du_sql_value))

#endif
