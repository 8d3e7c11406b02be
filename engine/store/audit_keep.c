#include "audit_int.h"
#include "mem.h"
#include "sql.h"

/* How often it looks for old rows, and how many go at a time. A sweep that found as many goes on
 * with the next event. */
enum { EVERY_MS = 3600000, ROWS = 500 };

struct sweep {
    struct du_entry entry;
    struct du_audit *audit;
    int64_t before_ms;
    int removed;
};

static int apply_sweep(struct du_entry *entry, sqlite3 *database) {
    struct sweep *sweep = (struct sweep *)entry;
    int code = DU_SQL(database,
                      "DELETE FROM audit WHERE id IN"
                      " (SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?)",
                      du_sql_integer(sweep->before_ms), du_sql_integer(ROWS));
    sweep->removed = code == SQLITE_OK ? sqlite3_changes(database) : 0;
    return code;
}

static void swept(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct sweep *sweep = (struct sweep *)entry;
    struct du_audit *audit = sweep->audit;
    int64_t now = du_clock_wall_ms(&audit->base->clock);
    bool more = result == DU_OK && sweep->removed == ROWS;
    if (result != DU_OK)
        du_log_format(audit->base->log, DU_LOG_WARN, "audit: old rows stay: %s", message);
    du_free(sweep);
    atomic_store(&audit->sweep_due_ms, more ? now : now + EVERY_MS);
}

void du_audit_sweep(struct du_audit *audit) {
    int64_t now = du_clock_wall_ms(&audit->base->clock);
    int_fast64_t due = atomic_load(&audit->sweep_due_ms);
    if (audit->keep_ms == 0 || now < due ||
        !atomic_compare_exchange_strong(&audit->sweep_due_ms, &due, INT64_MAX))
        return;
    struct sweep *sweep = du_calloc(1, sizeof *sweep);
    if (sweep == NULL) {
        atomic_store(&audit->sweep_due_ms, now + EVERY_MS);
        return;
    }
    sweep->entry = (struct du_entry){.apply = apply_sweep, .done = swept, .patient = true};
    sweep->audit = audit;
    sweep->before_ms = now - audit->keep_ms;
    du_ledger_post(audit->journal, &sweep->entry);
}

void du_audit_keep(struct du_audit *audit, int64_t keep_ms) {
    audit->keep_ms = keep_ms;
    du_audit_sweep(audit);
}
