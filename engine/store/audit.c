#include "audit_int.h"

#include "mem.h"
#include "sql.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* On their way to the journal at a time; what comes on top is lost. */
enum { WAITING_MOST = 16384 };

/* The texts of an event, in the order of the schema's columns. */
enum text {
    KIND,
    MEMBER,
    CREDENTIAL,
    APPLICATION,
    VERSION,
    DIGEST,
    ASSET,
    ADDRESS,
    REQUEST,
    REASON,
    TEXTS
};

struct event {
    struct du_entry entry;
    struct du_audit *audit;
    int64_t at_ms, bytes;
    uint64_t number;
    enum du_audit_outcome outcome;
    struct event *end;        /* of a request that ended before it was written, or NULL */
    const char *texts[TEXTS]; /* into the block, or NULL */
};

const char *du_audit_outcome_name(enum du_audit_outcome outcome) {
    switch (outcome) {
#define DU_AUDIT_OUTCOME(constant, name)                                                           \
    case DU_AUDIT_##constant:                                                                      \
        return name;
#include "audit_outcome.def"
#undef DU_AUDIT_OUTCOME
    }
    return "";
}

bool du_audit_outcome_of(const char *name, enum du_audit_outcome *outcome) {
    static const enum du_audit_outcome all[] = {
#define DU_AUDIT_OUTCOME(constant, name) DU_AUDIT_##constant,
#include "audit_outcome.def"
#undef DU_AUDIT_OUTCOME
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(du_audit_outcome_name(all[i]), name) != 0)
            continue;
        *outcome = all[i];
        return true;
    }
    return false;
}

/* Writing ----------------------------------------------------------------------------------- */

/* Says so at the first, second, fourth … loss: a full disk must not fill the log too. */
static void lose(struct du_audit *audit, const char *why) {
    uint64_t lost = atomic_fetch_add(&audit->lost, 1) + 1;
    if ((lost & (lost - 1)) == 0)
        du_log_format(audit->base->log, DU_LOG_ERROR, "audit: %" PRIu64 " events lost so far: %s",
                      lost, why);
}

static struct event **place_of(struct du_audit *audit, uint64_t number) {
    return &audit->begun[number % DU_AUDIT_BEGUN];
}

/* From now on it can be ended. */
static void enter(struct event *event) {
    pthread_mutex_lock(&event->audit->lock);
    struct event **place = place_of(event->audit, event->number);
    if (*place == NULL)
        *place = event;
    pthread_mutex_unlock(&event->audit->lock);
}

/* From now on its end is its own. */
static void leave(struct event *event) {
    pthread_mutex_lock(&event->audit->lock);
    struct event **place = place_of(event->audit, event->number);
    if (*place == event)
        *place = NULL;
    pthread_mutex_unlock(&event->audit->lock);
}

/* True: the end goes with its request, or it is not the first. */
static bool joins(struct event *end) {
    struct du_audit *audit = end->audit;
    pthread_mutex_lock(&audit->lock);
    struct event *event = *place_of(audit, end->number);
    bool waits = event != NULL && event->number == end->number;
    bool first = waits && event->end == NULL;
    if (first)
        event->end = end;
    pthread_mutex_unlock(&audit->lock);
    if (waits && !first)
        du_free(end);
    return waits;
}

static void event_done(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct event *event = (struct event *)entry;
    leave(event);
    atomic_fetch_sub(&event->audit->waiting, 1);
    if (result != DU_OK)
        lose(event->audit, message);
    du_free(event->end);
    du_free(event);
}

/* An event with copies of the texts. */
static struct event *event_new(struct du_audit *audit, const char *const texts[TEXTS]) {
    size_t size = sizeof(struct event);
    for (int i = 0; i < TEXTS; i++)
        size += texts[i] != NULL ? strlen(texts[i]) + 1 : 0;
    struct event *event = du_malloc(size);
    if (event == NULL)
        return NULL;
    memset(event, 0, sizeof *event);
    event->entry.done = event_done;
    event->entry.patient = true;
    event->audit = audit;
    event->at_ms = du_clock_wall_ms(&audit->base->clock);
    char *at = (char *)(event + 1);
    for (int i = 0; i < TEXTS; i++) {
        if (texts[i] == NULL)
            continue;
        size_t length = strlen(texts[i]) + 1;
        event->texts[i] = memcpy(at, texts[i], length);
        at += length;
    }
    return event;
}

static void post(struct du_audit *audit, struct event *event,
                 int (*apply)(struct du_entry *, sqlite3 *)) {
    if (event == NULL) {
        lose(audit, "out of memory");
        return;
    }
    if (atomic_fetch_add(&audit->waiting, 1) >= WAITING_MOST) {
        atomic_fetch_sub(&audit->waiting, 1);
        lose(audit, "too many at once");
        leave(event);
        du_free(event);
        return;
    }
    event->entry.apply = apply;
    du_ledger_post(audit->journal, &event->entry);
}

/* A row's columns: those of ASKED, then these. */
enum { ITS_DIGEST = 7, AT = 11, EVENT, BYTES, WHY, ROW };

#define ASKED                                                                                      \
    "boot, number, kind, member, credential, application, version, digest, asset, address, "       \
    "request"

/* How a request ended that was never open. */
static void set_end(struct du_sql_value row[ROW], const struct event *end) {
    row[AT] = du_sql_integer(end->at_ms);
    row[EVENT] = du_sql_text(du_audit_outcome_name(end->outcome));
    row[BYTES] = du_sql_integer(end->bytes);
    row[WHY] = du_sql_text(end->texts[REASON]);
    if (end->texts[DIGEST] != NULL)
        row[ITS_DIGEST] = du_sql_text(end->texts[DIGEST]);
}

static int insert_row(sqlite3 *database, const struct du_sql_value row[ROW]) {
    return du_sql_run(database,
                      "INSERT INTO audit (" ASKED ", at, event, bytes, reason)"
                      " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                      row, ROW);
}

static int apply_begin(struct du_entry *entry, sqlite3 *database) {
    struct event *event = (struct event *)entry;
    const char *const *texts = event->texts;
    struct du_sql_value row[ROW] = {
        du_sql_text(event->audit->boot),    du_sql_integer((int64_t)event->number),
        du_sql_text(texts[KIND]),           du_sql_text(texts[MEMBER]),
        du_sql_text(texts[CREDENTIAL]),     du_sql_text(texts[APPLICATION]),
        du_sql_text(texts[VERSION]),        [ITS_DIGEST] = du_sql_text(texts[DIGEST]),
        du_sql_text(texts[ASSET]),          du_sql_text(texts[ADDRESS]),
        du_sql_text(texts[REQUEST]),        [AT] = du_sql_integer(event->at_ms),
        [EVENT] = du_sql_text("requested"), [BYTES] = du_sql_text(NULL),
        [WHY] = du_sql_text(NULL),
    };
    leave(event);
    int code = insert_row(database, row);
    if (code != SQLITE_OK)
        return code;
    if (event->end == NULL)
        return du_sql_run(
            database, "INSERT INTO audit_open (" ASKED ") VALUES (?,?,?,?,?,?,?,?,?,?,?)", row, AT);
    set_end(row, event->end);
    return insert_row(database, row);
}

/* A row that ends those of audit_open which the condition picks, with what their requests said.
 * They say it there too: a table that is read while it is written is copied first. */
#define END_ROWS                                                                                   \
    "INSERT INTO audit (at, event, digest, bytes, reason, boot, number, kind, member, credential," \
    " application, version, asset, address, request)"                                              \
    " SELECT ?, ?, coalesce(?, digest), ?, ?, boot, number, kind, member, credential,"             \
    " application, version, asset, address, request FROM audit_open WHERE "

static int apply_end(struct du_entry *entry, sqlite3 *database) {
    const struct event *event = (const struct event *)entry;
    struct du_sql_value boot = du_sql_text(event->audit->boot);
    struct du_sql_value number = du_sql_integer((int64_t)event->number);
    int code = DU_SQL(database, END_ROWS "boot = ? AND number = ?", du_sql_integer(event->at_ms),
                      du_sql_text(du_audit_outcome_name(event->outcome)),
                      du_sql_text(event->texts[DIGEST]), du_sql_integer(event->bytes),
                      du_sql_text(event->texts[REASON]), boot, number);
    if (code != SQLITE_OK)
        return code;
    return DU_SQL(database, "DELETE FROM audit_open WHERE boot = ? AND number = ?", boot, number);
}

static int apply_interrupted(struct du_entry *entry, sqlite3 *database) {
    const struct event *event = (const struct event *)entry;
    struct du_sql_value boot = du_sql_text(event->audit->boot), none = du_sql_text(NULL);
    int code =
        DU_SQL(database, END_ROWS "boot <> ?", du_sql_integer(event->at_ms),
               du_sql_text(du_audit_outcome_name(DU_AUDIT_INTERRUPTED)), none, none, none, boot);
    if (code != SQLITE_OK)
        return code;
    return DU_SQL(database, "DELETE FROM audit_open WHERE boot <> ?", boot);
}

uint64_t du_audit_begin(struct du_audit *audit, const struct du_audit_request *request) {
    const char *const texts[TEXTS] = {[KIND] = request->kind,
                                      [MEMBER] = request->member,
                                      [CREDENTIAL] = request->credential,
                                      [APPLICATION] = request->application,
                                      [VERSION] = request->version,
                                      [DIGEST] = request->digest,
                                      [ASSET] = request->asset,
                                      [ADDRESS] = request->address,
                                      [REQUEST] = request->request};
    uint64_t number = atomic_fetch_add(&audit->number, 1) + 1;
    struct event *event = event_new(audit, texts);
    if (event != NULL) {
        event->number = number;
        enter(event);
    }
    post(audit, event, apply_begin);
    du_audit_sweep(audit);
    return number;
}

void du_audit_end(struct du_audit *audit, uint64_t number, const struct du_audit_end *end) {
    const char *const texts[TEXTS] = {[DIGEST] = end->digest, [REASON] = end->reason};
    struct event *event = event_new(audit, texts);
    if (event != NULL) {
        event->number = number;
        event->outcome = end->outcome;
        event->bytes = end->bytes;
        if (joins(event))
            return;
    }
    post(audit, event, apply_end);
}

struct du_ledger *du_audit_journal(const struct du_audit *audit) {
    return audit->journal;
}

uint64_t du_audit_lost(const struct du_audit *audit) {
    return atomic_load(&audit->lost);
}

/* Start and end ----------------------------------------------------------------------------- */

static bool draw_boot(struct du_audit *audit) {
    unsigned char random[(DU_AUDIT_BOOT - 1) / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(audit->boot + 2 * i, 3, "%02x", random[i]);
    return true;
}

enum du_error_kind du_audit_new(struct du_audit **audit, struct du_base *base,
                                struct du_ledger *journal, struct du_error *error) {
    static const char *const nothing[TEXTS] = {NULL};
    struct du_audit *made = du_calloc(1, sizeof *made);
    *audit = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "open the audit");
    made->base = base;
    made->journal = journal;
    pthread_mutex_init(&made->lock, NULL);
    if (!draw_boot(made)) {
        du_audit_free(&made);
        return du_error_set(error, DU_STORE, "open the audit: no random name for this process");
    }
    post(made, event_new(made, nothing), apply_interrupted);
    *audit = made;
    return DU_OK;
}

void du_audit_free(struct du_audit **audit) {
    if (*audit != NULL)
        pthread_mutex_destroy(&(*audit)->lock);
    du_free(*audit);
    *audit = NULL;
}
