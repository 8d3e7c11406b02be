#ifndef DU_LEDGER_H
#define DU_LEDGER_H

/* A ledger: one SQLite file, one writer thread, group commit. counts.db holds the day ceilings
 * (full sync); journal.db holds index, names, records, members, audit.
 *
 * Invariants
 *  1. Only the writer thread touches the connection, after du_ledger_open has returned.
 *  2. Entries are applied in the order they were posted; those that wait together commit together.
 *  3. done is called after the commit that holds the entry is durable (as far as the ledger syncs),
 *     with DU_OK, or with what failed; a failed group is tried again entry by entry, so that one
 *     bad entry does not take its neighbours down. So apply may run twice for one entry.
 *  4. Reading happens on connections of its own, at start or where it may block.
 *  5. Patient entries are gathered for some 20 ms, unless one that is not comes or many have come.
 *  6. A file that was removed while it is open is written again by the next commit; one that was
 * replaced fails every commit, and is not touched. What no entry is to blame for (that, or a lock
 * of somebody else's) fails all that wait together, after one second at most.
 *  7. A commit that finds the disk full gives up a file of 4 MiB that was set aside at open
 *     (PATH.reserve) and is tried once more; the file is made again when there is space.
 *
 * Thread: post from any.
 */

#include "base.h"

#include <sqlite3.h>
#include <stdbool.h>

struct du_ledger;

struct du_entry {
    /* On the writer thread, inside a transaction: bind and step (sql.h). An SQLite code. */
    int (*apply)(struct du_entry *entry, sqlite3 *database);
    /* On the writer thread, after the commit. The entry's memory is its owner's again (it may be
     * freed here, or posted home through a mailbox). May be NULL for entries that nobody frees. */
    void (*done)(struct du_entry *entry, enum du_error_kind result, const char *message);
    bool patient;          /* nobody waits for it: it may share a commit with what comes later */
    struct du_entry *next; /* private */
};

/* schema: SQL that is run at every open (CREATE … IF NOT EXISTS). full_sync: synchronous=FULL, else
 * NORMAL (safe from a crash of ours, not from a power cut); always WAL. A file that is no database,
 * is corrupt or locked is DU_STORE and says so. */
enum du_error_kind du_ledger_open(struct du_ledger **ledger, struct du_base *base, const char *path,
                                  const char *schema, bool full_sync, struct du_error *error);
/* Commits what was posted, ends the writer, closes. */
void du_ledger_close(struct du_ledger **ledger);

void du_ledger_post(struct du_ledger *ledger, struct du_entry *entry);
/* Waits until all that was posted before is committed; for shutting down, the CLI and tests.
 * Blocks. */
enum du_error_kind du_ledger_flush(struct du_ledger *ledger);
/* Runs a query on a connection of its own, row by row, until row says false. Blocks: start-up,
 * lanes. */
enum du_error_kind du_ledger_read(struct du_ledger *ledger, const char *sql,
                                  bool (*row)(void *user, sqlite3_stmt *statement), void *user,
                                  struct du_error *error);
/* The same of a ledger's file, whoever has it open. */
enum du_error_kind du_ledger_read_file(const char *path, const char *sql,
                                       bool (*row)(void *user, sqlite3_stmt *statement), void *user,
                                       struct du_error *error);
/* A connection of its own for reading, which its owner closes; one thread at a time. */
enum du_error_kind du_ledger_reader(struct du_ledger *ledger, sqlite3 **database,
                                    struct du_error *error);
/* Entries and commits so far, and whether the last commit failed (the store is then degraded). */
void du_ledger_figures(struct du_ledger *ledger, uint64_t *entries, uint64_t *commits,
                       bool *failing);

/* Of SQLite. */
const char *du_ledger_version(void);

#endif
