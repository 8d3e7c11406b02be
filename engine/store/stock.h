#ifndef DU_STOCK_H
#define DU_STOCK_H

/* The store of blobs for those who keep it: what is there, whether it is still right, and out with
 * it.
 *
 * Invariants
 *  1. Listing and looking never keep a blob from being evicted, nor count as a use.
 *  2. What does not verify is found by nobody any more, and whoever reads it is cut off
 *     (du_blob_check); its file is kept in FOLDER/quarantine for a look.
 *  3. A blob that somebody reads leaves the index at once, its file when the last reader is done.
 *
 * Thread: any. All may block, on the disk or until the index knows all rows: lanes only.
 */

#include "index.h"

struct du_stock_row {
    struct du_digest digest;
    int64_t size, used_ms; /* wall time of the last use, to the minute */
    size_t readers;        /* who hold it now */
    bool by_digest;
    char *names; /* one after the other, each with its NUL; an empty one ends them */
};

/* Where a listing goes on. Zeroed: at the beginning. */
struct du_stock_place {
    struct du_digest digest;
    uint64_t number; /* 0: at the beginning, or at the end */
};

/* Up to `most` rows from the place on, oldest entry first; moves the place, whose number is 0 when
 * no more are to come. What comes or goes meanwhile may be in it or not. Rows: du_stock_free_rows.
 */
enum du_error_kind du_stock_list(struct du_index *index, struct du_stock_place *place, size_t most,
                                 struct du_stock_row **rows, size_t *count);
void du_stock_free_rows(struct du_stock_row **rows, size_t count);

/* Digests that begin with these hex digits (1 to 64, lower case), up to `most`; how many there are
 * in all. */
size_t du_stock_find(struct du_index *index, const char *hex, struct du_digest *found, size_t most);

enum du_stock_verdict {
    DU_STOCK_OPEN,  /* not read to its end yet */
    DU_STOCK_SOUND, /* its bytes are what its digest says */
    DU_STOCK_WRONG, /* they are not, or cannot be read: quarantined */
    DU_STOCK_GONE   /* its file is not there: dropped */
};

/* One blob being verified. */
struct du_stock_check;
/* DU_NOT_FOUND: no such blob. */
enum du_error_kind du_stock_check_new(struct du_stock_check **check, struct du_index *index,
                                      const struct du_digest *digest, struct du_error *error);
/* Goes on for `bytes` at most. An error ends it without a verdict (out of memory, of descriptors).
 * DU_OK with WRONG has filled *error too: why. */
enum du_error_kind du_stock_check_go(struct du_stock_check *check, int64_t bytes,
                                     struct du_error *error);
enum du_stock_verdict du_stock_check_verdict(const struct du_stock_check *check);
/* Where a WRONG one's file is now; "" when it could not be moved. */
const char *du_stock_check_place(const struct du_stock_check *check);
void du_stock_check_free(struct du_stock_check **check);

struct du_stock_change {
    size_t blobs;  /* that left */
    int64_t bytes; /* of theirs */
    size_t held;   /* of them, still read: their files go later */
};
/* Evicts what nobody reads, the least recently used first, until all blobs together are `bytes` at
 * most, or all that are left are read. The files are gone when it returns. */
void du_stock_evict(struct du_index *index, int64_t bytes, struct du_stock_change *change);
/* Removes one blob with all its names; change->blobs 0: there was none. Its file is gone when it
 * returns, unless it is read. */
void du_stock_remove(struct du_index *index, const struct du_digest *digest,
                     struct du_stock_change *change);

#endif
