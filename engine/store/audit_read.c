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

enum du_error_kind du_audit_read(struct du_ledger *journal, const struct du_audit_filter *filter,
                                 bool (*each)(void *user, const struct du_audit_row *row),
                                 void *user, struct du_error *error) {
    struct reading reading = {each, user};
    /* %Q quotes a text, and writes NULL for none. */
    char *sql = sqlite3_mprintf(
        "SELECT at, bytes, event, kind, member, credential, application, version, digest, asset,"
        " address, request, reason FROM audit WHERE at >= %lld AND (%Q IS NULL OR member = %Q)"
        " AND (%Q IS NULL OR application = %Q) AND (%Q IS NULL OR digest = %Q) ORDER BY at, id",
        (long long)filter->since_ms, filter->member, filter->member, filter->application,
        filter->application, filter->digest, filter->digest);
    if (sql == NULL)
        return du_error_set(error, DU_MEMORY, "read the audit");
    enum du_error_kind kind = du_ledger_read(journal, sql, read_row, &reading, error);
    sqlite3_free(sql);
    return kind;
}
