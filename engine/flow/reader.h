#ifndef DU_READER_H
#define DU_READER_H

/* A reader: a blob, or a fill, as the body of one reply. Each has its own range and its own pace.
 * What comes by a passage is read as passage.h says.
 *
 * Invariants
 *  1. It never passes `committed`.
 *  2. It never gives the last 64 KiB of its own range (or, if that is smaller, its last byte)
 *     before the fill is verified. An empty range gives nothing but still waits for the
 *     verification.
 *  3. Caught up, it is parked in the fill: no timer, no polling. It is woken only when there is
 *     more to send, or the end.
 *  4. It gives only what is in memory (warm.h); what is not is read ahead in the disk lane first,
 *     a piece at a time, so that no loop waits for a disk.
 *     A small blob is given as bytes, so that it leaves in one call with its head.
 *  5. A fill that fails makes it BROKEN, whatever it has sent; so does a file that turns out too
 *     short, or cannot be read.
 *  6. Closing gives back the flight's hold; and the pin or the fill, once nothing is being read
 *     ahead.
 *
 * Thread: the connection's loop.
 */

#include "body.h"
#include "cache.h"

/* Takes open's blob, its passage, or its fill and hold (and nulls them). first and length: the
 * range; length -1: to the end, which for a fill of unknown length is wherever it ends. NULL: out
 * of memory or the blob's file is gone (*error), and nothing was taken. */
struct du_body *du_reader_new(struct du_cache_open *open, int64_t first, int64_t length,
                              struct du_error *error);
/* Why it said BROKEN; kind DU_OK before that. */
const struct du_error *du_reader_error(const struct du_body *body);
/* Of all that it reads a part of; NULL while that is not verified. Good until it is closed. */
const struct du_digest *du_reader_digest(const struct du_body *body);

#endif
