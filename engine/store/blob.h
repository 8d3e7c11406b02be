#ifndef DU_BLOB_H
#define DU_BLOB_H

/* Blob files: content-addressed under a folder, visible only when complete and verified.
 *
 *     FOLDER/mark               what the journal knows this folder by
 *     FOLDER/sha256/ab/HEX      visible blobs
 *     FOLDER/partial/N          partials, each with a name of its own; all removed at start
 *     FOLDER/quarantine/HEX     what did not verify any more; nothing of ours reads it
 *
 * Invariants
 *  1. A partial is created with O_EXCL, hashed as it is written, and becomes visible in this order:
 *     verify, sync, rename, sync of the folder.
 *  2. Whatever fails before the rename leaves nothing visible; discarding leaves nothing at all.
 *  3. A partial's descriptor stays good after commit, so readers go on without opening anew.
 *
 * Thread: the folder any; a partial one thread at a time (the disk lane's), its descriptor any. All
 * of these calls may block: lanes only, except at start-up.
 */

#include "base.h"
#include "digest.h"

#include <stdint.h>

struct du_blobs;
struct du_partial;

/* Opens or creates the folder. mark: what must stand in its mark file, NULL when this folder is new
 * to the ledger (then a mark is written). A folder that lacks the right mark, or that is new to the
 * ledger and holds anything, is refused with DU_STORE and a message that names the way out, unless
 * accept_empty (then it is marked anew). new_mark: the mark that now stands there, 33 bytes with
 * NUL. Removes leftover partials. DU_IO: the folder cannot be made, or written. */
enum du_error_kind du_blobs_open(struct du_blobs **blobs, struct du_base *base, const char *folder,
                                 const char *mark, bool accept_empty, char new_mark[33],
                                 struct du_error *error);
void du_blobs_close(struct du_blobs **blobs);

/* size: how many bytes are to come, reserved on disk at once; -1 when unknown. */
enum du_error_kind du_partial_new(struct du_blobs *blobs, int64_t size, struct du_partial **partial,
                                  struct du_error *error);
/* All or an error; after an error only discard is left. */
enum du_error_kind du_partial_write(struct du_partial *partial, const void *data, size_t size,
                                    struct du_error *error);
/* What was written at `offset`, against these bytes: all of them must be written already. DU_OK,
 * DU_INTEGRITY when they differ, or DU_IO. */
enum du_error_kind du_partial_compare(struct du_partial *partial, int64_t offset, const char *data,
                                      size_t size, struct du_error *error);
int64_t du_partial_size(const struct du_partial *partial); /* written so far */
/* For reading what is written. Owned by the partial until du_partial_take_fd. */
int du_partial_fd(const struct du_partial *partial);
/* Verifies against what is known (expected may be NULL, expected_size -1): DU_INTEGRITY with both
 * sides in *error. Then syncs. Not yet visible. */
enum du_error_kind du_partial_verify(struct du_partial *partial, const struct du_digest *expected,
                                     int64_t expected_size, struct du_digest *digest,
                                     struct du_error *error);
/* Makes the verified partial visible. */
enum du_error_kind du_partial_publish(struct du_partial *partial, struct du_error *error);
/* The descriptor is the caller's now. */
int du_partial_take_fd(struct du_partial *partial);
/* Frees it; removes the file unless it was made visible. */
void du_partial_free(struct du_partial **partial);

/* Opens a visible blob for reading; -1 with errno and *error when it cannot. */
int du_blobs_read(struct du_blobs *blobs, const struct du_digest *digest, struct du_error *error);
/* The same without waiting for the disk: -1 and *cold when only that would tell. */
int du_blobs_read_now(struct du_blobs *blobs, const struct du_digest *digest, bool *cold);
/* Whether a visible blob is there. True also when that cannot be told. */
bool du_blobs_has(struct du_blobs *blobs, const struct du_digest *digest);
enum du_error_kind du_blobs_remove(struct du_blobs *blobs, const struct du_digest *digest,
                                   struct du_error *error);
/* Moves a visible blob's file out of sight, into FOLDER/quarantine; `place` gets its path there, or
 * "" with an error. */
enum du_error_kind du_blobs_quarantine(struct du_blobs *blobs, const struct du_digest *digest,
                                       char *place, size_t size, struct du_error *error);
/* What is free for us on the folder's disk, and its size; false when it cannot be told. */
bool du_blobs_space(struct du_blobs *blobs, int64_t *free, int64_t *size);
/* Calls each with every visible blob until it says false; for recovery. fresh: it became visible
 * after the folder was opened, or just before. */
enum du_error_kind du_blobs_each(struct du_blobs *blobs,
                                 bool (*each)(void *user, const struct du_digest *digest,
                                              int64_t size, bool fresh),
                                 void *user, struct du_error *error);

#endif
