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

struct du_index_row {
    int64_t size, used_ms;
    bool by_digest;
};

struct du_index_rows {
    bool (*total)(void *user, int64_t count, int64_t bytes);
    bool (*blob)(void *user, const struct du_digest *digest, const struct du_index_row *row);
    bool (*name)(void *user, const char *name, const char *version, const struct du_digest *digest);
    void *user;
};
/* How many blobs there are. */
enum du_error_kind du_index_journal_count(struct du_ledger *journal, struct du_index_rows *rows,
                                          struct du_error *error);
/* All blobs, the least recently used first, then all names; a callback that says false ends the
 * reading. */
enum du_error_kind du_index_journal_load(struct du_ledger *journal, struct du_index_rows *rows,
                                         struct du_error *error);

/* Single rows, on a connection of its own that is good for one thread at a time: some microseconds
 * where the pages are in memory, a read of the disk where they are not. */
struct du_index_lookup;
enum du_error_kind du_index_lookup_open(struct du_index_lookup **lookup, struct du_ledger *journal,
                                        struct du_error *error);
/* Harmless with NULL. */
void du_index_lookup_close(struct du_index_lookup **lookup);
/* False: there is no such row, or it cannot be read. */
bool du_index_lookup_blob(struct du_index_lookup *lookup, const struct du_digest *digest,
                          struct du_index_row *row);
/* Calls `name` for it, if there is one. */
void du_index_lookup_name(struct du_index_lookup *lookup, const char *text,
                          bool (*name)(void *user, const char *name, const char *version,
                                       const struct du_digest *digest),
                          void *user);

#endif
