#include "ledger.h"

#include "ledger_file.h"
#include "mem.h"
#include "sql.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RESERVE = 4 << 20, RESERVE_AGAIN_MS = 60000 };
enum { PATIENCE_MS = 20, GATHERED_MOST = 1024 };

struct du_ledger {
    struct du_base *base;
    struct du_ledger_file file; /* the writer's, once it runs, as is released_ms */
    char *reserve;
    int64_t released_ms; /* when the reserve was given up, mono; 0: it was not */
    bool running;
    pthread_t writer;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t posted;
    struct du_entry *first, **last;
    size_t waiting;
    bool urgent; /* one of them is not patient, or they are many */
    bool stop, failing;
    uint64_t entries, commits;
};

/* How a transaction went. */
struct outcome {
    int code;
    bool unbegun; /* none of its entries is to blame */
    char message[256];
};

static void note(struct outcome *outcome, int code, sqlite3 *database) {
    outcome->code = code;
    snprintf(outcome->message, sizeof outcome->message, "%s",
             database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(code));
}

/* Writing ----------------------------------------------------------------------------------- */

static bool begin(struct du_ledger *ledger, struct outcome *outcome) {
    struct du_error error;
    *outcome = (struct outcome){.code = SQLITE_OK};
    if (du_ledger_file_check(&ledger->file, &error) != DU_OK) {
        outcome->code = SQLITE_READONLY_DBMOVED;
        snprintf(outcome->message, sizeof outcome->message, "%s", error.message);
    } else {
        int code = du_sql_run(ledger->file.database, "BEGIN IMMEDIATE", NULL, 0);
        if (code != SQLITE_OK)
            note(outcome, code, ledger->file.database);
    }
    outcome->unbegun = outcome->code != SQLITE_OK;
    return !outcome->unbegun;
}

/* Applies and commits count entries from first as one transaction, or none of them. */
static bool write_group(struct du_ledger *ledger, struct du_entry *first, size_t count,
                        struct outcome *outcome) {
    if (!begin(ledger, outcome))
        return false;
    sqlite3 *database = ledger->file.database;
    int code = SQLITE_OK;
    for (struct du_entry *entry = first; code == SQLITE_OK && count > 0; count--) {
        code = entry->apply(entry, database);
        entry = entry->next;
    }
    int fault = code == SQLITE_OK ? du_fault(&ledger->base->faults, DU_FAULT_LEDGER_COMMIT) : 0;
    if (code == SQLITE_OK && fault == 0)
        code = du_sql_run(database, "COMMIT", NULL, 0);
    if (code == SQLITE_OK && fault == 0)
        return true;
    note(outcome, fault != 0 ? fault : code, fault != 0 ? NULL : database);
    if (sqlite3_get_autocommit(database) == 0)
        sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

/* Best effort: a disk that is full already has nothing to set aside. */
static bool make_reserve(struct du_ledger *ledger) {
    int fd = open(ledger->reserve, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool made = fd >= 0 && posix_fallocate(fd, 0, RESERVE) == 0;
    if (fd >= 0) {
        close(fd);
        if (!made)
            unlink(ledger->reserve);
    }
    return made;
}

/* A full disk: gives up the reserve, so that the ledger goes on where nothing else can. */
static bool release_reserve(struct du_ledger *ledger, const struct outcome *outcome) {
    bool full = (outcome->code & 0xff) == SQLITE_FULL || outcome->code == ENOSPC;
    if (!full || unlink(ledger->reserve) != 0)
        return false;
    ledger->released_ms = du_clock_mono_ms(&ledger->base->clock);
    du_log_format(ledger->base->log, DU_LOG_WARN, "disk full: %s goes on in its reserve",
                  ledger->file.path);
    return true;
}

/* Sets the reserve aside again, once a minute at most. */
static void restore_reserve(struct du_ledger *ledger) {
    int64_t now = du_clock_mono_ms(&ledger->base->clock);
    if (ledger->released_ms == 0 || now - ledger->released_ms < RESERVE_AGAIN_MS)
        return;
    ledger->released_ms = make_reserve(ledger) ? 0 : now;
}

static bool write_or_reserve(struct du_ledger *ledger, struct du_entry *first, size_t count,
                             struct outcome *outcome) {
    if (write_group(ledger, first, count, outcome))
        return true;
    return release_reserve(ledger, outcome) && write_group(ledger, first, count, outcome);
}

/* Counts a commit and says what changed, once per change. */
static void settle(struct du_ledger *ledger, size_t entries, const struct outcome *outcome) {
    bool failed = outcome->code != SQLITE_OK;
    pthread_mutex_lock(&ledger->lock);
    bool news = failed != ledger->failing;
    ledger->failing = failed;
    ledger->entries += entries;
    ledger->commits += failed ? 0 : 1;
    pthread_mutex_unlock(&ledger->lock);
    if (news && failed)
        du_log_format(ledger->base->log, DU_LOG_ERROR, "%s cannot be written: %s",
                      ledger->file.path, outcome->message);
    else if (news)
        du_log_format(ledger->base->log, DU_LOG_INFO, "%s can be written again", ledger->file.path);
}

static void finish(struct du_entry *entry, const struct outcome *outcome) {
    if (entry->done == NULL)
        return;
    bool good = outcome->code == SQLITE_OK;
    entry->done(entry, good ? DU_OK : DU_STORE, good ? "" : outcome->message);
}

static void write_all(struct du_ledger *ledger, struct du_entry *first) {
    struct outcome outcome;
    size_t count = 0;
    for (struct du_entry *entry = first; entry != NULL; entry = entry->next)
        count++;
    bool together = write_or_reserve(ledger, first, count, &outcome) || outcome.unbegun;
    if (together)
        settle(ledger, count, &outcome);
    for (struct du_entry *entry = first, *next; entry != NULL; entry = next) {
        /* Its memory is its owner's again once it is finished. */
        next = entry->next;
        if (!together) {
            write_or_reserve(ledger, entry, 1, &outcome);
            settle(ledger, 1, &outcome);
        }
        finish(entry, &outcome);
    }
}

/* The lock is held. A commit costs as much as ten entries, so what can wait makes one of many. */
static void gather(struct du_ledger *ledger) {
    struct timespec until = du_clock_deadline(PATIENCE_MS);
    int result = 0;
    while (!ledger->urgent && !ledger->stop && result == 0)
        result = pthread_cond_timedwait(&ledger->posted, &ledger->lock, &until);
}

static struct du_entry *wait_for_entries(struct du_ledger *ledger) {
    pthread_mutex_lock(&ledger->lock);
    while (ledger->first == NULL && !ledger->stop)
        pthread_cond_wait(&ledger->posted, &ledger->lock);
    gather(ledger);
    struct du_entry *first = ledger->first;
    ledger->first = NULL;
    ledger->last = &ledger->first;
    ledger->waiting = 0;
    ledger->urgent = false;
    pthread_mutex_unlock(&ledger->lock);
    return first;
}

static void *write_entries(void *user) {
    struct du_ledger *ledger = user;
    for (struct du_entry *first; (first = wait_for_entries(ledger)) != NULL;) {
        write_all(ledger, first);
        restore_reserve(ledger);
    }
    return NULL;
}

/* Open and close ---------------------------------------------------------------------------- */

static enum du_error_kind start_writer(struct du_ledger *ledger, struct du_error *error) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&ledger->writer, NULL, write_entries, ledger);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    ledger->running = number == 0;
    return number == 0 ? DU_OK
                       : du_error_errno(error, number, "start a writer for", ledger->file.path);
}

static enum du_error_kind set_aside(struct du_ledger *ledger, const char *path,
                                    struct du_error *error) {
    size_t size = strlen(path) + sizeof ".reserve";
    ledger->reserve = du_malloc(size);
    if (ledger->reserve == NULL)
        return du_error_set(error, DU_MEMORY, "open %s", path);
    snprintf(ledger->reserve, size, "%s.reserve", path);
    if (!make_reserve(ledger))
        du_log_format(ledger->base->log, DU_LOG_WARN, "no space to set aside for %s", path);
    return DU_OK;
}

enum du_error_kind du_ledger_open(struct du_ledger **ledger, struct du_base *base, const char *path,
                                  const char *schema, bool full_sync, struct du_error *error) {
    struct du_ledger *made = du_calloc(1, sizeof *made);
    *ledger = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "open %s", path);
    made->base = base;
    made->last = &made->first;
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&made->posted, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum du_error_kind kind =
        du_ledger_file_open(&made->file, base, path, schema, full_sync, error);
    if (kind == DU_OK)
        kind = set_aside(made, path, error);
    if (kind == DU_OK)
        kind = start_writer(made, error);
    if (kind != DU_OK)
        du_ledger_close(&made);
    *ledger = made;
    return kind;
}

void du_ledger_close(struct du_ledger **ledger) {
    struct du_ledger *old = *ledger;
    if (old == NULL)
        return;
    if (old->running) {
        pthread_mutex_lock(&old->lock);
        old->stop = true;
        pthread_cond_signal(&old->posted);
        pthread_mutex_unlock(&old->lock);
        pthread_join(old->writer, NULL);
        du_ledger_file_check(&old->file, NULL); /* what was removed is there at the next start */
    }
    du_ledger_file_close(&old->file);
    pthread_cond_destroy(&old->posted);
    pthread_mutex_destroy(&old->lock);
    du_free(old->reserve);
    du_free(old);
    *ledger = NULL;
}

/* Posting ----------------------------------------------------------------------------------- */

void du_ledger_post(struct du_ledger *ledger, struct du_entry *entry) {
    entry->next = NULL;
    pthread_mutex_lock(&ledger->lock);
    bool is_first = ledger->first == NULL;
    *ledger->last = entry;
    ledger->last = &entry->next;
    bool urgent = !entry->patient || ++ledger->waiting >= GATHERED_MOST;
    bool news = is_first || (urgent && !ledger->urgent);
    ledger->urgent = ledger->urgent || urgent;
    if (news)
        pthread_cond_signal(&ledger->posted);
    pthread_mutex_unlock(&ledger->lock);
}

struct flush {
    struct du_entry entry;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over;
    enum du_error_kind result;
};

static int apply_nothing(struct du_entry *entry, sqlite3 *database) {
    (void)entry, (void)database;
    return SQLITE_OK;
}

static void flushed(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct flush *flush = (struct flush *)entry;
    (void)message;
    pthread_mutex_lock(&flush->lock);
    flush->over = true;
    flush->result = result;
    pthread_cond_signal(&flush->changed);
    pthread_mutex_unlock(&flush->lock);
}

enum du_error_kind du_ledger_flush(struct du_ledger *ledger) {
    struct flush flush = {.entry = {.apply = apply_nothing, .done = flushed},
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    du_ledger_post(ledger, &flush.entry);
    pthread_mutex_lock(&flush.lock);
    while (!flush.over)
        pthread_cond_wait(&flush.changed, &flush.lock);
    pthread_mutex_unlock(&flush.lock);
    return flush.result;
}

/* Reading ----------------------------------------------------------------------------------- */

enum du_error_kind du_ledger_read(struct du_ledger *ledger, const char *sql,
                                  bool (*row)(void *user, sqlite3_stmt *statement), void *user,
                                  struct du_error *error) {
    int fault = du_fault(&ledger->base->faults, DU_FAULT_LEDGER_OPEN);
    if (fault != 0)
        return du_ledger_file_failed(&ledger->file, NULL, fault, error);
    return du_ledger_read_file(ledger->file.path, sql, row, user, error);
}

enum du_error_kind du_ledger_reader(struct du_ledger *ledger, sqlite3 **database,
                                    struct du_error *error) {
    return du_ledger_file_connect(&ledger->file, SQLITE_OPEN_READONLY, database, error);
}

void du_ledger_figures(struct du_ledger *ledger, uint64_t *entries, uint64_t *commits,
                       bool *failing) {
    pthread_mutex_lock(&ledger->lock);
    *entries = ledger->entries;
    *commits = ledger->commits;
    *failing = ledger->failing;
    pthread_mutex_unlock(&ledger->lock);
}

const char *du_ledger_version(void) {
    return sqlite3_libversion();
}
