#include "audit.h"

struct reading {
    bool (*each)(void *user, const struct du_audit_row *row);
    void *user;
};

static const char *text(sqlite3_stmt *statement, int column) {
    const char *value = (const char *)sqlite3_column_text(statement, column);
    return value != NULL ? value : "";
}

static bool read_row(void *user, sqlite3_stmt *statement) {
    struct reading *reading = user;
    const struct du_audit_row row = {.at_ms = sqlite3_column_int64(statement, 0),
                                     .bytes = sqlite3_column_int64(statement, 1),
                                     .event = text(statement, 2),
                                     .kind = text(statement, 3),
                                     .member = text(statement, 4),
                                     .credential = text(statement, 5),
                                     .application = text(statement, 6),
                                     .version = text(statement, 7),
                                     .digest = text(statement, 8),
                                     .asset = text(statement, 9),
                                     .address = text(statement, 10),
                                     .request = text(statement, 11),
                                     .reason = text(statement, 12)};
    return reading->each(reading->user, &row);
}

/* Of a digest: who may have received something of it. */
#define RECEIVED                                                                                   \
    "(event = 'completed' AND reason IS NULL OR event NOT IN ('requested', 'denied') AND bytes > " \
    "0"                                                                                            \
    " OR event = 'interrupted')"
#define SAME_ASSET                                                                                 \
    "(application, version, asset) IN (SELECT application, version, asset FROM audit WHERE digest" \
    " = %Q)"

/* %Q quotes a text, and writes NULL for none. */
static char *question(const struct du_audit_filter *filter) {
    return sqlite3_mprintf(
        "SELECT at, bytes, event, kind, member, credential, application, version, digest, asset,"
        " address, request, reason FROM audit WHERE at >= %lld AND (%Q IS NULL OR member = %Q)"
        " AND (%Q IS NULL OR application = %Q)"
        " AND (%Q IS NULL OR " RECEIVED " AND (digest = %Q OR digest IS NULL AND " SAME_ASSET "))"
        " ORDER BY at, id",
        (long long)filter->since_ms, filter->member, filter->member, filter->application,
        filter->application, filter->digest, filter->digest, filter->digest);
}

enum du_error_kind du_audit_read(struct du_ledger *journal, const struct du_audit_filter *filter,
                                 bool (*each)(void *user, const struct du_audit_row *row),
                                 void *user, struct du_error *error) {
    struct reading reading = {each, user};
    char *sql = question(filter);
    if (sql == NULL)
        return du_error_set(error, DU_MEMORY, "read the audit");
    enum du_error_kind kind = du_ledger_read(journal, sql, read_row, &reading, error);
    sqlite3_free(sql);
    return kind;
}

enum du_error_kind du_audit_read_file(const char *path, const struct du_audit_filter *filter,
                                      bool (*each)(void *user, const struct du_audit_row *row),
                                      void *user, struct du_error *error) {
    struct reading reading = {each, user};
    char *sql = question(filter);
    if (sql == NULL)
        return du_error_set(error, DU_MEMORY, "read the audit");
    enum du_error_kind kind = du_ledger_read_file(path, sql, read_row, &reading, error);
    sqlite3_free(sql);
    return kind;
}
