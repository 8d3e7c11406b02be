#include "counts.h"

#include "counts_int.h"
#include "list.h"
#include "mem.h"
#include "sql.h"

#include <pthread.h>
#include <time.h>

enum { BLOCK_UNLIMITED = 1024, BLOCKS_A_CAP = 64 };

/* Ceilings ---------------------------------------------------------------------------------- */

/* Where tests hold a count up, between its slot and the ledger. */
static void hold(struct du_base *base) {
    const struct timespec moment = {.tv_nsec = 1000000};
    while (du_fault(&base->faults, DU_FAULT_COUNTER_HOLD) != 0)
        nanosleep(&moment, NULL);
}

static int apply_ceiling(struct du_entry *entry, sqlite3 *database) {
    struct du_counts_row *row = du_container_of(entry, struct du_counts_row, entry);
    hold(row->counts->base);
    return DU_SQL(database,
                  "INSERT OR REPLACE INTO ceilings (day, scope, subject, ceiling)"
                  " VALUES (?,?,?,?)",
                  du_sql_integer(row->day), du_sql_text(row->key + sizeof row->day),
                  du_sql_text(row->subject), du_sql_integer(row->target));
}

static int64_t block_of(int64_t cap) {
    if (cap < 0)
        return BLOCK_UNLIMITED;
    return cap > BLOCKS_A_CAP ? cap / BLOCKS_A_CAP : 1;
}

static int64_t raised(const struct du_counts_row *row, int64_t cap) {
    int64_t target = row->count + block_of(cap);
    return cap >= 0 && target > cap ? cap : target;
}

static void written(struct du_entry *entry, enum du_error_kind result, const char *message);

/* Starts the row's next write, if it needs one and none is on its way. */
static void pump(struct du_counts_row *row) {
    if (row->writing)
        return;
    if (row->first != NULL) {
        row->block = block_of(row->first->cap);
        row->target = raised(row, row->first->cap);
    } else if (row->ceiling < row->durable && !row->refused) {
        row->block = 0;
        row->target = row->ceiling;
    } else {
        return;
    }
    row->entry = (struct du_entry){.apply = apply_ceiling, .done = written};
    row->writing = true;
    row->counts->writing++;
    du_ledger_post(row->counts->ledger, &row->entry);
}

/* Counts one if it can be decided now: granted, or over the cap. */
static bool decide(struct du_counts_row *row, struct du_count *count) {
    count->granted = false;
    count->error = du_error_of(DU_OK);
    if (count->cap >= 0 && row->count >= count->cap)
        return true;
    if (row->count >= row->ceiling)
        return false;
    row->count++;
    count->granted = true;
    return true;
}

static void wait(struct du_counts_row *row, struct du_count *count) {
    count->link = NULL;
    *row->last = count;
    row->last = (struct du_count **)&count->link;
}

static struct du_count *take_waiter(struct du_counts_row *row) {
    struct du_count *count = row->first;
    row->first = count->link;
    if (row->first == NULL)
        row->last = &row->first;
    return count;
}

/* Takes the waiters that are decided (all of them when the ledger failed) off the row. */
static struct du_count *settle(struct du_counts_row *row, enum du_error_kind result,
                               const char *message) {
    struct du_count *settled = NULL, **last = &settled;
    while (row->first != NULL) {
        if (result != DU_OK)
            du_error_set(&row->first->error, DU_STORE, "count a grant: %s", message);
        else if (!decide(row, row->first))
            break;
        struct du_count *count = take_waiter(row);
        count->link = NULL;
        *last = count;
        last = (struct du_count **)&count->link;
    }
    return settled;
}

/* What was refunded while the ceiling was being raised must not widen the gap between the two. */
static void close_gap(struct du_counts_row *row) {
    if (row->ceiling > row->count + row->block)
        row->ceiling = row->count + row->block;
}

static void written(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct du_counts_row *row = du_container_of(entry, struct du_counts_row, entry);
    struct du_counts *counts = row->counts;
    struct du_count *settled = NULL;
    pthread_mutex_lock(&counts->lock);
    row->writing = false;
    row->refused = result != DU_OK;
    /* A commit that failed may yet have reached the disk. */
    if (result == DU_OK || row->target > row->durable)
        row->durable = row->target;
    if (row->block > 0) {
        if (result == DU_OK)
            row->ceiling = row->target;
        settled = settle(row, result, message);
        close_gap(row);
    }
    pump(row);
    if (--counts->writing == 0)
        pthread_cond_signal(&counts->idle);
    pthread_mutex_unlock(&counts->lock);
    for (struct du_count *next; settled != NULL; settled = next) {
        next = settled->link;
        settled->done(settled);
    }
}

/* The counter ------------------------------------------------------------------------------- */

static enum du_step fail(struct du_count *count, enum du_error_kind kind, const char *why) {
    count->granted = false;
    du_error_set(&count->error, kind, "count a grant of %s: %s", count->subject, why);
    return DU_STEP_FAILED;
}

static enum du_step add_to(struct du_counts *counts, const struct du_counts_key *key,
                           struct du_count *count) {
    struct du_counts_row *row = du_counts_row_find(counts, key);
    if (row == NULL) {
        row = du_counts_row_new(counts, key, count->day);
        if (row == NULL)
            return fail(count, DU_MEMORY, "out of memory");
        du_counts_note_day(counts, count->day, count->day);
    }
    if (row->first == NULL && decide(row, count))
        return DU_STEP_DONE;
    wait(row, count);
    pump(row);
    return DU_STEP_PENDING;
}

static enum du_step counts_add(struct du_counter *counter, struct du_count *count) {
    struct du_counts *counts = (struct du_counts *)counter;
    struct du_counts_key key;
    if (du_fault(&counts->base->faults, DU_FAULT_COUNTER_ADD) != 0)
        return fail(count, DU_STORE, "fault counter.add");
    du_counts_key_make(&key, count->scope, count->subject, count->day);
    if (key.size == 0)
        return fail(count, DU_STORE, "the name is too long");
    pthread_mutex_lock(&counts->lock);
    enum du_step step = add_to(counts, &key, count);
    pthread_mutex_unlock(&counts->lock);
    return step;
}

static enum du_error_kind counts_give_back(struct du_counter *counter, const char *scope,
                                           const char *subject, int32_t day,
                                           struct du_error *error) {
    struct du_counts *counts = (struct du_counts *)counter;
    struct du_counts_key key;
    if (du_fault(&counts->base->faults, DU_FAULT_COUNTER_GIVE_BACK) != 0)
        return du_error_set(error, DU_STORE, "give back to %s: fault counter.give_back", subject);
    du_counts_key_make(&key, scope, subject, day);
    pthread_mutex_lock(&counts->lock);
    struct du_counts_row *row = du_counts_row_find(counts, &key);
    if (row != NULL && row->count > 0) {
        row->count--;
        row->ceiling--;
        row->refused = false;
        pump(row);
    }
    pthread_mutex_unlock(&counts->lock);
    return DU_OK;
}

static int64_t counts_read(struct du_counter *counter, const char *scope, const char *subject,
                           int32_t day) {
    struct du_counts *counts = (struct du_counts *)counter;
    struct du_counts_key key;
    du_counts_key_make(&key, scope, subject, day);
    pthread_mutex_lock(&counts->lock);
    struct du_counts_row *row = du_counts_row_find(counts, &key);
    int64_t count = row != NULL ? row->count : 0;
    pthread_mutex_unlock(&counts->lock);
    return count;
}

/* The clean end: what was granted is what the next start reads. */
static void write_exactly(struct du_counts *counts) {
    struct du_counts_row *row, *next;
    pthread_mutex_lock(&counts->lock);
    HASH_ITER(hh, counts->rows, row, next) {
        row->ceiling = row->count;
        row->refused = false;
        pump(row);
    }
    while (counts->writing > 0)
        pthread_cond_wait(&counts->idle, &counts->lock);
    pthread_mutex_unlock(&counts->lock);
}

static void counts_free(struct du_counter *counter) {
    struct du_counts *counts = (struct du_counts *)counter;
    struct du_counts_row *row, *next;
    write_exactly(counts);
    HASH_ITER(hh, counts->rows, row, next) {
        du_counts_row_free(row);
    }
    pthread_cond_destroy(&counts->idle);
    pthread_mutex_destroy(&counts->lock);
    du_free(counts);
}

/* Start ------------------------------------------------------------------------------------- */

struct load {
    struct du_counts *counts;
    int32_t today;
    bool failed;
};

static bool load_row(void *user, sqlite3_stmt *statement) {
    struct load *load = user;
    struct du_counts_key key;
    int32_t day = sqlite3_column_int(statement, 0);
    const char *scope = (const char *)sqlite3_column_text(statement, 1);
    const char *subject = (const char *)sqlite3_column_text(statement, 2);
    if (scope == NULL || subject == NULL)
        return true;
    du_counts_key_make(&key, scope, subject, day);
    struct du_counts_row *row = key.size > 0 ? du_counts_row_new(load->counts, &key, day) : NULL;
    if (row == NULL) {
        load->failed = true;
        return false;
    }
    row->count = row->ceiling = row->durable = sqlite3_column_int64(statement, 3);
    du_counts_note_day(load->counts, day, load->today);
    return true;
}

static enum du_error_kind load(struct du_counts *counts, struct du_error *error) {
    struct load state = {.counts = counts,
                         .today = du_clock_day(du_clock_wall_ms(&counts->base->clock))};
    enum du_error_kind kind = du_ledger_read(
        counts->ledger, "SELECT day, scope, subject, ceiling FROM ceilings ORDER BY day", load_row,
        &state, error);
    if (kind == DU_OK && state.failed)
        kind = du_error_set(error, DU_MEMORY, "load the counts");
    return kind;
}

enum du_error_kind du_counts_new(struct du_counter **counter, struct du_base *base,
                                 struct du_ledger *ledger, struct du_error *error) {
    static const struct du_counter_type type = {counts_add, counts_give_back, counts_read,
                                                counts_free};
    struct du_counts *made = du_calloc(1, sizeof *made);
    *counter = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "load the counts");
    made->counter.type = &type;
    made->base = base;
    made->ledger = ledger;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->idle, NULL);
    enum du_error_kind kind = load(made, error);
    *counter = &made->counter;
    if (kind != DU_OK)
        du_counter_free(counter);
    return kind;
}
