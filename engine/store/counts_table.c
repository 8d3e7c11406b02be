#include "counts_int.h"
#include "mem.h"
#include "sql.h"

#include <string.h>

void du_counts_key_make(struct du_counts_key *key, const char *scope, const char *subject,
                        int32_t day) {
    size_t scope_size = strlen(scope) + 1, subject_size = strlen(subject) + 1;
    key->size = 0;
    key->subject_at = sizeof day + scope_size;
    if (scope_size > DU_COUNTS_KEY_ROOM / 4 || subject_size > DU_COUNTS_KEY_ROOM / 2)
        return;
    memcpy(key->bytes, &day, sizeof day);
    memcpy(key->bytes + sizeof day, scope, scope_size);
    memcpy(key->bytes + key->subject_at, subject, subject_size);
    key->size = key->subject_at + subject_size;
}

/* Rows -------------------------------------------------------------------------------------- */

struct du_counts_row *du_counts_row_new(struct du_counts *counts, const struct du_counts_key *key,
                                        int32_t day) {
    struct du_counts_row *row = du_calloc(1, sizeof *row + key->size);
    if (row == NULL)
        return NULL;
    row->counts = counts;
    row->last = &row->first;
    row->day = day;
    row->key_size = key->size;
    row->subject = row->key + key->subject_at;
    memcpy(row->key, key->bytes, key->size);
    HASH_ADD(hh, counts->rows, key, row->key_size, row);
    if (!du_map_failed(row))
        return row;
    du_free(row);
    return NULL;
}

struct du_counts_row *du_counts_row_find(struct du_counts *counts,
                                         const struct du_counts_key *key) {
    struct du_counts_row *row;
    HASH_FIND(hh, counts->rows, key->bytes, key->size, row);
    return row;
}

void du_counts_row_free(struct du_counts_row *row) {
    HASH_DEL(row->counts->rows, row);
    du_free(row);
}

/* Days -------------------------------------------------------------------------------------- */

struct purge {
    struct du_entry entry;
    int32_t day;
};

static int apply_purge(struct du_entry *entry, sqlite3 *database) {
    struct purge *purge = (struct purge *)entry;
    return DU_SQL(database, "DELETE FROM ceilings WHERE day = ?", du_sql_integer(purge->day));
}

static void purged(struct du_entry *entry, enum du_error_kind result, const char *message) {
    (void)result, (void)message;
    du_free(entry);
}

static void purge_day(struct du_counts *counts, int32_t day) {
    struct du_counts_row *row, *next;
    HASH_ITER(hh, counts->rows, row, next) {
        if (row->day == day && !row->writing)
            du_counts_row_free(row);
    }
    struct purge *purge = du_malloc(sizeof *purge);
    /* Short of memory its rows stay in the ledger until a start finds them too old. */
    if (purge == NULL)
        return;
    *purge = (struct purge){.entry = {.apply = apply_purge, .done = purged}, .day = day};
    du_ledger_post(counts->ledger, &purge->entry);
}

static bool knows_day(const struct du_counts *counts, int32_t day) {
    for (int i = 0; i < counts->day_count; i++)
        if (counts->days[i] == day)
            return true;
    return false;
}

void du_counts_note_day(struct du_counts *counts, int32_t day, int32_t keep) {
    if (knows_day(counts, day))
        return;
    if (counts->day_count < DU_COUNTS_DAYS) {
        counts->days[counts->day_count++] = day;
        return;
    }
    int oldest = -1;
    for (int i = 0; i < DU_COUNTS_DAYS; i++)
        if (counts->days[i] != keep && (oldest < 0 || counts->days[i] < counts->days[oldest]))
            oldest = i;
    int32_t gone = counts->days[oldest];
    counts->days[oldest] = day;
    purge_day(counts, gone);
}
