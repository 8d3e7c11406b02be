#ifndef DU_AUDIT_H
#define DU_AUDIT_H

/* The audit: who got what. Each pull and download is "requested" once and ends once, with an
 * outcome.
 *
 * Invariants
 *  1. Of the ends of one request the first counts; the others leave no trace.
 *  2. What was open when a process died is "interrupted", noted at the next start.
 *  3. Nothing here waits or fails its caller: what cannot be written (short of memory, too much at
 *     once, a failing journal) is lost, counted and logged.
 *  4. A request that ends before its row is written is never open: both rows go in at once, in its
 *     place. Of equal times, rows stand as they were written.
 *  5. It shares the journal's writer, never a transaction with counts.
 *  6. Rows older than what is kept go a few hundred at a time, so that nothing waits behind them.
 *
 * Thread: any; reading blocks.
 */

#include "base.h"
#include "ledger.h"

#include <stdbool.h>
#include <stdint.h>

#define DU_AUDIT_SCHEMA                                                                            \
    "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL,"               \
    " boot TEXT NOT NULL, number INTEGER NOT NULL, event TEXT NOT NULL, kind TEXT, member TEXT,"   \
    " credential TEXT, application TEXT, version TEXT, digest TEXT, asset TEXT, bytes INTEGER,"    \
    " address TEXT, request TEXT, reason TEXT);"                                                   \
    "CREATE INDEX IF NOT EXISTS audit_at ON audit (at);"                                           \
    "CREATE TABLE IF NOT EXISTS audit_open (boot TEXT NOT NULL, number INTEGER NOT NULL,"          \
    " kind TEXT, member TEXT, credential TEXT, application TEXT, version TEXT, digest TEXT,"       \
    " asset TEXT, address TEXT, request TEXT, PRIMARY KEY (boot, number)) WITHOUT ROWID;"

struct du_audit;

enum du_audit_outcome {
#define DU_AUDIT_OUTCOME(constant, name) DU_AUDIT_##constant,
#include "audit_outcome.def"
#undef DU_AUDIT_OUTCOME
};

/* What is known at the request; any may be NULL. Copied. */
struct du_audit_request {
    const char *kind; /* "pull", "part" (of an image, by digest), "download" */
    const char *member, *credential, *application, *version, *digest, *asset, *address;
    const char *request; /* the request's id */
};

/* What is known at its end. */
struct du_audit_end {
    enum du_audit_outcome outcome;
    const char *reason; /* may be NULL */
    const char *digest; /* NULL: as at the request */
    int64_t bytes;      /* sent */
};

/* Notes as interrupted what the processes before left open. */
enum du_error_kind du_audit_new(struct du_audit **audit, struct du_base *base,
                                struct du_ledger *journal, struct du_error *error);
/* After the journal was flushed or closed: what is on its way there refers to the audit. */
void du_audit_free(struct du_audit **audit);

/* Notes the request; its number, for its end. */
uint64_t du_audit_begin(struct du_audit *audit, const struct du_audit_request *request);
void du_audit_end(struct du_audit *audit, uint64_t number, const struct du_audit_end *end);
/* Removes what is older, from now on and while events come; 0: keeps everything. Once, before
 * others use it. */
void du_audit_keep(struct du_audit *audit, int64_t keep_ms);
/* Where it writes. */
struct du_ledger *du_audit_journal(const struct du_audit *audit);
/* Events lost so far. */
uint64_t du_audit_lost(const struct du_audit *audit);
const char *du_audit_outcome_name(enum du_audit_outcome outcome);
/* False: no outcome has that name. */
bool du_audit_outcome_of(const char *name, enum du_audit_outcome *outcome);

struct du_audit_filter {
    const char *member, *application; /* NULL: any */
    /* Only ends by which something of it may have been received, also of the same asset where the
     * end came before its digest was known. NULL: all events. */
    const char *digest;
    int64_t since_ms; /* wall time */
};

/* A row as it was written; texts are "" where nothing was known. */
struct du_audit_row {
    int64_t at_ms, bytes;
    const char *event; /* "requested", or an outcome's name */
    const char *kind, *member, *credential, *application, *version, *digest, *asset, *address;
    const char *request, *reason;
};

/* Calls each with what matches, oldest first, until it says false. */
enum du_error_kind du_audit_read(struct du_ledger *journal, const struct du_audit_filter *filter,
                                 bool (*each)(void *user, const struct du_audit_row *row),
                                 void *user, struct du_error *error);
/* The same of a journal's file, whether an engine has it open or not. What was posted in the last
 * moments may not be in it yet. */
enum du_error_kind du_audit_read_file(const char *path, const struct du_audit_filter *filter,
                                      bool (*each)(void *user, const struct du_audit_row *row),
                                      void *user, struct du_error *error);

#endif
