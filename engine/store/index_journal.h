#ifndef DU_INDEX_JOURNAL_H
#define DU_INDEX_JOURNAL_H

/* The index's rows in the journal. Posts go in the order of the calls, behind the caller's back;
 * what cannot be posted for want of memory is lost, which costs a fetch (index.h, invariant 4).
 * Thread: any; load at start. */

#include "digest.h"

struct du_index;
struct du_ledger;

void du_index_journal_save(struct du_ledger *journal, const struct du_digest *digest, int64_t size,
                           bool by_digest, int64_t used_ms);
void du_index_journal_use(struct du_ledger *journal, const struct du_digest *digest,
                          int64_t used_ms);
void du_index_journal_name(struct du_ledger *journal, const char *name, const char *version,
                           const struct du_digest *digest);
void du_index_journal_forget(struct du_ledger *journal, const char *name);

/* Removes the blob's file and row, then calls removed on the journal's thread. False: out of
 * memory. */
struct du_index_removal {
    enum du_error_kind (*remove)(struct du_index *index, const struct du_digest *digest);
    void (*removed)(struct du_index *index, const struct du_digest *digest);
};
bool du_index_journal_remove(struct du_ledger *journal, struct du_index *index,
                             const struct du_digest *digest,
                             const struct du_index_removal *removal);

struct du_index_rows {
    bool (*blob)(void *user, const struct du_digest *digest, int64_t size, bool by_digest,
                 int64_t used_ms);
    bool (*name)(void *user, const char *name, const char *version, const struct du_digest *digest);
    void *user;
};
/* All blobs, the least recently used first, then all names; a callback that says false ends the
 * reading. */
enum du_error_kind du_index_journal_load(struct du_ledger *journal, struct du_index_rows *rows,
                                         struct du_error *error);

#endif
