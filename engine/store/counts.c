#include "counts.h"

#include "list.h"
#include "map.h"
#include "mem.h"
#include "sql.h"

#include <pthread.h>
#include <string.h>

enum { DAYS = 4, KEY_ROOM = 1024, BLOCK_UNLIMITED = 1024, BLOCKS_A_CAP = 64 };

struct counts;

/*     IDLE --- pump: an add waits, or the ceiling was lowered ---> WRITING
 *     IDLE <-- written: waiters are granted or failed ------------ WRITING
 */
struct row {
    UT_hash_handle hh;
    struct du_entry entry; /* its write, while writing */
    struct counts *counts;
    int64_t count, ceiling;
    int64_t durable; /* the highest ceiling that the ledger may hold */
    int64_t target;  /* the ceiling that is being written */
    int64_t block;   /* by which it is being raised; 0: it is lowered */
    bool writing;
    bool refused;                   /* the last write failed: lowering waits for the next refund */
    struct du_count *first, **last; /* adds that wait for a raise, linked by `link` */
    int32_t day;
    size_t key_size;
    char *subject; /* into key */
    char key[];    /* the day's bytes, scope, NUL, subject, NUL */
};

struct counts {
    struct du_counter counter;
    struct du_base *base;
    struct du_ledger *ledger;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* nothing is being written */
    struct row *rows;
    size_t writing;
    int32_t days[DAYS]; /* that have rows */
    int day_count;
};

/* A key on the stack; too long is size 0. */
struct key {
    size_t size, subject_at;
    char bytes[KEY_ROOM];
};

static void make_key(struct key *key, const char *scope, const char *subject, int32_t day) {
    size_t scope_size = strlen(scope) + 1, subject_size = strlen(subject) + 1;
    key->size = 0;
    key->subject_at = sizeof day + scope_size;
    if (scope_size > KEY_ROOM / 4 || subject_size > KEY_ROOM / 2)
        return;
    memcpy(key->bytes, &day, sizeof day);
    memcpy(key->bytes + sizeof day, scope, scope_size);
    memcpy(key->bytes + key->subject_at, subject, subject_size);
    key->size = key->subject_at + subject_size;
}

/* Rows -------------------------------------------------------------------------------------- */

static int apply_ceiling(struct du_entry *entry, sqlite3 *database) {
    struct row *row = du_container_of(entry, struct row, entry);
    return DU_SQL(database,
                  "INSERT OR REPLACE INTO ceilings (day, scope, subject, ceiling)"
                  " VALUES (?,?,?,?)",
                  du_sql_integer(row->day), du_sql_text(row->key + sizeof row->day),
                  du_sql_text(row->subject), du_sql_integer(row->target));
}

static void written(struct du_entry *entry, enum du_error_kind result, const char *message);

static struct row *row_new(struct counts *counts, const struct key *key, int32_t day) {
    struct row *row = du_calloc(1, sizeof *row + key->size);
    if (row == NULL)
        return NULL;
    row->entry.apply = apply_ceiling;
    row->entry.done = written;
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

static struct row *find(struct counts *counts, const struct key *key) {
    struct row *row;
    HASH_FIND(hh, counts->rows, key->bytes, key->size, row);
    return row;
}

static void row_free(struct row *row) {
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

static void purge_day(struct counts *counts, int32_t day) {
    struct row *row, *next;
    HASH_ITER(hh, counts->rows, row, next) {
        if (row->day == day && !row->writing)
            row_free(row);
    }
    struct purge *purge = du_malloc(sizeof *purge);
    /* Short of memory its rows stay in the ledger until a start finds them too old. */
    if (purge == NULL)
        return;
    *purge = (struct purge){.entry = {.apply = apply_purge, .done = purged}, .day = day};
    du_ledger_post(counts->ledger, &purge->entry);
}

static bool knows_day(const struct counts *counts, int32_t day) {
    for (int i = 0; i < counts->day_count; i++)
        if (counts->days[i] == day)
            return true;
    return false;
}

/* Remembers a day that gets its first row; for it the oldest day but keep goes. */
static void note_day(struct counts *counts, int32_t day, int32_t keep) {
    if (knows_day(counts, day))
        return;
    if (counts->day_count < DAYS) {
        counts->days[counts->day_count++] = day;
        return;
    }
    int oldest = -1;
    for (int i = 0; i < DAYS; i++)
        if (counts->days[i] != keep && (oldest < 0 || counts->days[i] < counts->days[oldest]))
            oldest = i;
    int32_t gone = counts->days[oldest];
    counts->days[oldest] = day;
    purge_day(counts, gone);
}

/* Ceilings ---------------------------------------------------------------------------------- */

static int64_t block_of(int64_t cap) {
    if (cap < 0)
        return BLOCK_UNLIMITED;
    return cap > BLOCKS_A_CAP ? cap / BLOCKS_A_CAP : 1;
}

static int64_t raised(const struct row *row, int64_t cap) {
    int64_t target = row->count + block_of(cap);
    return cap >= 0 && target > cap ? cap : target;
}

/* Starts the row's next write, if it needs one and none is on its way. */
static void pump(struct row *row) {
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
    row->writing = true;
    row->counts->writing++;
    du_ledger_post(row->counts->ledger, &row->entry);
}

/* Counts one if it can be decided now: granted, or over the cap. */
static bool decide(struct row *row, struct du_count *count) {
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

static void wait(struct row *row, struct du_count *count) {
    count->link = NULL;
    *row->last = count;
    row->last = (struct du_count **)&count->link;
}

static struct du_count *take_waiter(struct row *row) {
    struct du_count *count = row->first;
    row->first = count->link;
    if (row->first == NULL)
        row->last = &row->first;
    return count;
}

/* Takes the waiters that are decided (all of them when the ledger failed) off the row. */
static struct du_count *settle(struct row *row, enum du_error_kind result, const char *message) {
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
static void close_gap(struct row *row) {
    if (row->ceiling > row->count + row->block)
        row->ceiling = row->count + row->block;
}

static void written(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct row *row = du_container_of(entry, struct row, entry);
    struct counts *counts = row->counts;
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

static enum du_step add_to(struct counts *counts, const struct key *key, struct du_count *count) {
    struct row *row = find(counts, key);
    if (row == NULL) {
        row = row_new(counts, key, count->day);
        if (row == NULL)
            return fail(count, DU_MEMORY, "out of memory");
        note_day(counts, count->day, count->day);
    }
    if (row->first == NULL && decide(row, count))
        return DU_STEP_DONE;
    wait(row, count);
    pump(row);
    return DU_STEP_PENDING;
}

static enum du_step counts_add(struct du_counter *counter, struct du_count *count) {
    struct counts *counts = (struct counts *)counter;
    struct key key;
    if (du_fault(&counts->base->faults, DU_FAULT_COUNTER_ADD) != 0)
        return fail(count, DU_STORE, "fault counter.add");
    make_key(&key, count->scope, count->subject, count->day);
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
    struct counts *counts = (struct counts *)counter;
    struct key key;
    if (du_fault(&counts->base->faults, DU_FAULT_COUNTER_GIVE_BACK) != 0)
        return du_error_set(error, DU_STORE, "give back to %s: fault counter.give_back", subject);
    make_key(&key, scope, subject, day);
    pthread_mutex_lock(&counts->lock);
    struct row *row = find(counts, &key);
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
    struct counts *counts = (struct counts *)counter;
    struct key key;
    make_key(&key, scope, subject, day);
    pthread_mutex_lock(&counts->lock);
    struct row *row = find(counts, &key);
    int64_t count = row != NULL ? row->count : 0;
    pthread_mutex_unlock(&counts->lock);
    return count;
}

/* The clean end: what was granted is what the next start reads. */
static void write_exactly(struct counts *counts) {
    struct row *row, *next;
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
    struct counts *counts = (struct counts *)counter;
    struct row *row, *next;
    write_exactly(counts);
    HASH_ITER(hh, counts->rows, row, next) {
        row_free(row);
    }
    pthread_cond_destroy(&counts->idle);
    pthread_mutex_destroy(&counts->lock);
    du_free(counts);
}

/* Start ------------------------------------------------------------------------------------- */

struct load {
    struct counts *counts;
    int32_t today;
    bool failed;
};

static bool load_row(void *user, sqlite3_stmt *statement) {
    struct load *load = user;
    struct key key;
    int32_t day = sqlite3_column_int(statement, 0);
    const char *scope = (const char *)sqlite3_column_text(statement, 1);
    const char *subject = (const char *)sqlite3_column_text(statement, 2);
    if (scope == NULL || subject == NULL)
        return true;
    make_key(&key, scope, subject, day);
    struct row *row = key.size > 0 ? row_new(load->counts, &key, day) : NULL;
    if (row == NULL) {
        load->failed = true;
        return false;
    }
    row->count = row->ceiling = row->durable = sqlite3_column_int64(statement, 3);
    note_day(load->counts, day, load->today);
    return true;
}

static enum du_error_kind load(struct counts *counts, struct du_error *error) {
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
    struct counts *made = du_calloc(1, sizeof *made);
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
