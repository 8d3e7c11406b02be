#ifndef DU_LEDGER_FILE_H
#define DU_LEDGER_FILE_H

/* The file behind a ledger's writer, and what becomes of it when somebody moves it away.
 *
 * An open file that has no name any more can still be written, and nothing written to it is there
 * after a restart. So the writer asks before each transaction whether what it has open is what is
 * at its path.
 *
 * Invariants
 *  1. After du_ledger_file_check said DU_OK, `database` is open on the files at path and path-wal.
 *  2. What was removed is written again from what is still open, so nothing is lost. What was put
 * in its place is somebody else's: it is neither written to nor removed, and checks fail until it
 * is gone or the ledger is opened anew.
 *
 * Thread: the opener's, then the ledger's writer.
 */

#include "base.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <sys/types.h>

/* Which file a name stood for; inode 0: none. */
struct du_ledger_place {
    dev_t device;
    ino_t inode;
};

struct du_ledger_file {
    struct du_base *base;
    char *path, *wal, *shm, *fresh; /* fresh: where the file is written again */
    const char *schema;
    bool full_sync;
    sqlite3 *database; /* NULL: not open */
    struct du_ledger_place main_place, wal_place;
};

/* Opens path, or makes it. schema is run at every open, and outlives the file. */
enum du_error_kind du_ledger_file_open(struct du_ledger_file *file, struct du_base *base,
                                       const char *path, const char *schema, bool full_sync,
                                       struct du_error *error);
void du_ledger_file_close(struct du_ledger_file *file);

enum du_error_kind du_ledger_file_check(struct du_ledger_file *file, struct du_error *error);

/* A connection of its own to the path, by SQLite's flags. */
enum du_error_kind du_ledger_file_connect(const struct du_ledger_file *file, int flags,
                                          sqlite3 **database, struct du_error *error);
/* DU_STORE with what SQLite says. */
enum du_error_kind du_ledger_file_failed(const struct du_ledger_file *file, sqlite3 *database,
                                         int code, struct du_error *error);

#endif
