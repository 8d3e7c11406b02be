#ifndef DU_INDEX_H
#define DU_INDEX_H

/* The index: which blobs are there, in memory, with names for those whose digest nobody knows
 * before.
 *
 * Invariants
 *  1. What the index finds is visible on disk and was verified when it was written.
 *  2. A pinned blob is not removed; its descriptor stays open until the last pin is gone.
 *  3. A name (an asset's row) points at one blob, with the version it was stored under; a blob's
 *     file goes when its last name and its last pin are gone and it was not stored by digest.
 *  4. Changes go to the journal behind the caller's back; a lost tail costs a re-fetch, never a
 *     wrong byte.
 *  5. What is added while the same digest is on its way out, or whose file went meanwhile, is good
 *     for its own readers and not kept.
 *  6. Blobs, reservations and what is gone but still read are together never more than the limit.
 *     Room is made of the blobs that nobody reads, least recently used first; when all of them
 *     would not do, none goes. (A file that was evicted is removed behind the caller's back.)
 *  7. A reservation leaves min_free_bytes on the disk, so that the ledgers keep room. (Those that
 *     are made in the same moment do not see each other there; the next one does.)
 *  8. It serves while it still loads. Until all rows are in memory, who asks for one that is not
 *     gets it from the journal, so nothing known is fetched again; only then is it known who must
 *     leave, so a reservation that needs room waits for it (and one under a limit for the sum of
 *     all rows). Files are compared with the rows last: a row without a file is dropped, a file
 *     without a row taken in by digest; until then a hit whose file is gone shows when it is
 *     opened, and a file without a row is not known.
 *  9. The order of last use survives a restart, to the minute: a use is noted in the journal at
 *     most once a minute per blob.
 *
 * Thread: any. No call blocks on the disk but du_blob_open's first open of a blob, reserve, and,
 * until all rows are in memory, a look for one that is not.
 */

#include "blob.h"
#include "digest.h"

#define DU_INDEX_SCHEMA                                                                            \
    "CREATE TABLE IF NOT EXISTS blobs (digest BLOB PRIMARY KEY, size INTEGER NOT NULL,"            \
    " by_digest INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;"                           \
    "CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, version TEXT,"                       \
    " digest BLOB NOT NULL) WITHOUT ROWID;"

struct du_index;
struct du_blob; /* a pin */
struct du_ledger;

/* Space that is spoken for. Zeroed: none. */
struct du_reservation {
    struct du_index *index;
    int64_t bytes;
};

/* It can be asked at once, and is to be loaded next. journal may be NULL (memory only, for tests):
 * then all that the folder has is loaded when it returns. */
enum du_error_kind du_index_new(struct du_index **index, struct du_base *base,
                                struct du_blobs *blobs, struct du_ledger *journal,
                                struct du_error *error);
/* Begins to load what the journal knows and what the folder has, on a thread of its own. Once. */
enum du_error_kind du_index_load(struct du_index *index, struct du_error *error);
/* Waits until all is loaded and compared with the folder; for tests and the CLI. */
void du_index_wait(struct du_index *index);
/* All pins and reservations must be gone. */
void du_index_free(struct du_index **index);

/* A pin, or NULL: not there. version (may be NULL: any) must be the one the name was stored
 * under. */
struct du_blob *du_index_find(struct du_index *index, const struct du_digest *digest);
struct du_blob *du_index_find_name(struct du_index *index, const char *name, const char *version);
/* Is it there, and how large? By digest, or else by name as above. No use of it: it may be evicted
 * the next moment. */
bool du_index_peek(struct du_index *index, const struct du_digest *digest, const char *name,
                   const char *version, int64_t *size);
/* Enters a blob that was just made visible; takes fd (closed with the last pin; -1: none). name may
 * be NULL: stored by digest. Replaces the name's older row. */
enum du_error_kind du_index_add(struct du_index *index, const struct du_digest *digest,
                                int64_t size, int fd, const char *name, const char *version,
                                struct du_blob **blob);
/* Forgets a name; the file goes when nothing refers to it. False: no such name. */
bool du_index_forget(struct du_index *index, const char *name);
/* Drops a blob that proved unreadable or wrong (all names, the row, the file). */
void du_index_drop(struct du_index *index, const struct du_digest *digest);

const struct du_digest *du_blob_digest(const struct du_blob *blob);
int64_t du_blob_size(const struct du_blob *blob);
/* A descriptor for reading, good while the pin lasts; -1 and *error when it cannot be opened. */
int du_blob_open(struct du_blob *blob, struct du_error *error);
/* The same for who may not wait for the disk: -1, and *cold when du_blob_open might do it. */
int du_blob_open_now(struct du_blob *blob, bool *cold);
/* DU_OK, or DU_IO: its bytes proved wrong while it was pinned, and no more of them may be given. */
enum du_error_kind du_blob_check(const struct du_blob *blob, struct du_error *error);
struct du_blob *du_blob_ref(struct du_blob *blob);
void du_blob_unref(struct du_blob **blob);

/* At start and at any time. max_bytes: -1 for no limit; what is there beyond it goes once it is
 * known. * min_free_bytes: what must stay free on the disk, -1 for 1 % of it, 256 MiB at most.
 * Without this call: no limits. */
void du_index_limit(struct du_index *index, int64_t max_bytes, int64_t min_free_bytes);
/* Raises the reservation to `bytes` in all; evicts for that. DU_OVERLOADED: there is no room, as
 * the blob is larger than the limit, or too much is being filled and read. DU_IO: the disk would
 * have too little left. After an error it stays as it was. May block: lanes only. */
enum du_error_kind du_index_reserve(struct du_index *index, struct du_reservation *reservation,
                                    int64_t bytes, struct du_error *error);
/* Whether it would have room if all others went. */
bool du_index_may_hold(struct du_index *index, int64_t bytes);
/* Once what it was for is in the index, or gone. Harmless when there is none. */
void du_index_release(struct du_reservation *reservation);

/* Blobs evicted so far. */
uint64_t du_index_evictions(struct du_index *index);
size_t du_index_count(struct du_index *index);
int64_t du_index_bytes(struct du_index *index);

#endif
