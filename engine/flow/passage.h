#ifndef DU_PASSAGE_H
#define DU_PASSAGE_H

/* A passage: a body for which the cache has no room, streamed from upstream through to the one
 * reader who asked for it, past the store.
 *
 *     inflow -> (disk lane: hash) -> chunk -> ready -> the reader's socket
 *
 *     new -> begun, when it has its turn -> opened (its head is there, or it failed) -> read ->
 * VERIFIED | FAILED -> closed
 *
 * Invariants
 *  1. Its reader paces it: a chunk is taken from the inflow when the one before has gone, so what
 *     it holds in memory is bounded (some 700 KiB), whatever the body's size.
 *  2. It never gives the last 64 KiB of the reader's own range (or, if that is smaller, its last
 *     byte) before all of the body went by and its digest and size were checked. So for a range,
 *     too, all of the body is fetched; what is outside of the range is hashed and dropped.
 *  3. A mismatch, or a failure that resuming could not mend, makes the reader BROKEN.
 *  4. What comes again after a break is compared by its hash.
 *  5. It belongs to its desk until it is VERIFIED or FAILED and no job of its is in the lane.
 *
 * Thread: the loop of its desk, and for its job the disk lane.
 */

#include "body.h"
#include "desk.h"
#include "want.h"

struct du_passage;

/* NULL: out of memory. opened is called once after begin, from the loop and maybe before begin
 * returns; it must not close the passage. */
struct du_passage *du_passage_new(struct du_desk *desk, struct du_want *want,
                                  void (*opened)(void *user), void *user);
void du_passage_begin(struct du_passage *passage);
/* In any state, unless its body has been given away: that closes it. Harmless for NULL. */
void du_passage_close(struct du_passage **passage);

/* Of the whole body, -1 when nobody said. Once it is opened. */
int64_t du_passage_length(const struct du_passage *passage);
/* Why it failed; kind DU_OK when it did not. */
const struct du_error *du_passage_error(const struct du_passage *passage);
/* Of the whole; NULL while that is not verified. */
const struct du_digest *du_passage_digest(const struct du_passage *passage);
/* As a reply's body, with its range (length -1: to the end). Nulls the pointer. */
struct du_body *du_passage_read(struct du_passage **passage, int64_t first, int64_t length);
/* NULL when the body is something else. */
const struct du_passage *du_passage_of(const struct du_body *body);

/* For the desk, over its list: fails them as Cancelled. */
void du_passage_cancel_all(struct du_list *passages);
/* Those whose turn has come. */
void du_passage_start_queued(struct du_list *passages);

#endif
