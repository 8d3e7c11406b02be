#ifndef DU_COUNTS_H
#define DU_COUNTS_H

/* The durable counter: counts in memory, under ceilings in a ledger (counts.db, opened with full
 * sync).
 *
 * A row (scope, subject, UTC day) has a count, and a ceiling that the ledger knows. Grants up to
 * the ceiling touch memory only. The grant that would pass it waits while the ceiling is raised by
 * one block: max(1, cap / 64), never above the cap; 1,024 without a cap.
 *
 * Invariants
 *  1. count <= ceiling in memory <= every ceiling that is in the ledger or on its way there. So
 *     whatever a start reads is at least what was granted, and a crash never lets a subject exceed
 *     its cap.
 *  2. A start takes the ceiling for the count. A clean end writes the count as the ceiling; a crash
 *     costs a subject at most one block, and the refunds that were not written yet.
 *  3. At most one write a row is on its way. Lowering a ceiling after a refund is queued, never
 *     waited for.
 *  4. A ledger that fails fails the adds that wait for it (DU_STORE), and changes no count.
 *  5. The day in use and the three latest others are kept, older ones are purged; a clock that goes
 *     back finds that day's rows.
 *
 * Thread: any. done is called on the ledger's writer, perhaps before add has returned to its
 * caller.
 */

#include "base.h"
#include "counter.h"
#include "ledger.h"

#define DU_COUNTS_SCHEMA                                                                           \
    "CREATE TABLE IF NOT EXISTS ceilings (day INTEGER NOT NULL, scope TEXT NOT NULL,"              \
    " subject TEXT NOT NULL, ceiling INTEGER NOT NULL, PRIMARY KEY (day, scope, subject))"         \
    " WITHOUT ROWID;"

/* Reads what the ledger knows. Ended with du_counter_free, before the ledger is closed and when no
 * add is pending: that writes the counts and waits for it. */
enum du_error_kind du_counts_new(struct du_counter **counter, struct du_base *base,
                                 struct du_ledger *ledger, struct du_error *error);

#endif
