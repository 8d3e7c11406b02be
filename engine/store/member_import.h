#ifndef DU_MEMBER_IMPORT_H
#define DU_MEMBER_IMPORT_H

/* Members from a CSV file, all of them in one change.
 *
 * The first line names the columns: id, and of email, password_hash, active, admin, entitlements
 * those that the file has. A row whose id the ledger knows changes that member; what the file has
 * no column for stays, as do active, admin and password_hash where the field is empty.
 *
 * Invariants
 *  1. Every finding is told, with its line; with one, nothing is changed, unless bad rows are to be
 *     skipped: then they alone are.
 *  2. Rows that say what is there already change nothing: importing a file twice is importing it
 *     once.
 *
 *      du_import_read (any thread) ──> du_members_import ──> done ──> du_import_deinit
 */

#include "bytes.h"
#include "members.h"

#include <stdbool.h>
#include <stddef.h>

struct du_import_row;

struct du_import {
    bool skip_bad, dry_run; /* in */
    /* out */
    bool applied;
    size_t added, changed, unchanged, bad;
    struct du_bytes findings; /* lines of "LINE<tab>what is wrong" */
    /* private */
    char *text;
    struct du_import_row *rows;
    size_t count, room;
    struct du_import_row **by_id; /* the good ones, sorted */
    size_t good;
};

/* Reads the rows. DU_MEMORY. Either way *import is ended with du_import_deinit. skip_bad and
 * dry_run are set before, all else is zero. */
enum du_error_kind du_import_read(struct du_import *import, const char *csv, size_t size);
void du_import_deinit(struct du_import *import);

/* A change as those of members.h: import stays put until done. DU_OK also when the findings or
 * dry_run kept it from being applied. */
enum du_error_kind du_members_import(struct du_members *members, struct du_import *import,
                                     du_members_done *done, void *user, struct du_error *error);

#endif
