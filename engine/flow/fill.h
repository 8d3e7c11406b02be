#ifndef DU_FILL_H
#define DU_FILL_H

/* A fill: one upstream body on its way into the store, shared by all who read it meanwhile.
 *
 *     fetch chunk -> buffer -> (disk lane: hash, write) -> `committed` moves -> readers are woken
 *
 * This is what readers see of it; filler.h moves it.
 *
 * Invariants
 *  1. `committed` only grows, and every byte below it is in the file.
 *  2. A fill ends exactly once: VERIFIED (verified, synced, visible, in the index, in that order)
 *     or FAILED (nothing of it is kept).
 *  3. From VERIFYING on `committed` is the whole.
 *  4. A parked reader is woken on its own loop, once, when what it waits for has come: bytes
 *     beyond those it has seen, or the end. For all readers of a loop there is at most one mail
 *     under way.
 *  5. The file's descriptor stays open until the last holder of the fill has gone, and so long its
 *     space is accounted for, as reserved or as a pinned blob.
 *
 * A fill's states: FILLING -> VERIFYING -> VERIFIED | FAILED, and FILLING -> FAILED.
 *
 * Thread: any, but park, unpark and woken, which are of the port's loop.
 */

#include "digest.h"
#include "error.h"
#include "list.h"
#include "mailbox.h"
#include "value.h"

#include <stdint.h>

struct du_fill;      /* a du_value: what a flight publishes */
struct du_fill_port; /* where the readers of one loop park; lives as long as the fill */

enum du_fill_state { DU_FILL_FILLING, DU_FILL_VERIFYING, DU_FILL_VERIFIED, DU_FILL_FAILED };

/* One reader that may park. Init node, set woken. */
struct du_fill_parked {
    struct du_list node;
    int64_t seen;
    void (*woken)(struct du_fill_parked *parked);
};

struct du_value *du_fill_value(struct du_fill *fill);
struct du_fill *du_fill_of(struct du_value *value); /* NULL when the value is something else */
void du_fill_unref(struct du_fill **fill);

/* Of the whole body, -1 when neither upstream nor the caller said. */
int64_t du_fill_length(const struct du_fill *fill);
int du_fill_fd(const struct du_fill *fill);
/* What is in the file so far, and how the fill stands. *error (may be NULL) is filled when it
 * FAILED. */
enum du_fill_state du_fill_look(const struct du_fill *fill, int64_t *committed,
                                struct du_error *error);

/* Of the whole; NULL before it is VERIFIED. Lives as long as the fill. */
const struct du_digest *du_fill_digest(const struct du_fill *fill);

/* The port of that loop; NULL: out of memory. */
struct du_fill_port *du_fill_port(struct du_fill *fill, struct du_mailbox *home);
/* Parks until more than `seen` bytes are committed (INT64_MAX: never) or the fill has ended. False:
 * so it is already; look again instead. */
bool du_fill_park(struct du_fill_port *port, struct du_fill_parked *parked, int64_t seen);
/* woken will not be called. Harmless when it is not parked. */
void du_fill_unpark(struct du_fill_port *port, struct du_fill_parked *parked);

#endif
