#ifndef DU_FILLER_H
#define DU_FILLER_H

/* A filler: the operation of a fill's flight. It moves what upstream sends into the store.
 *
 *     inflow -> one job at a time in the disk lane -> the fill
 *
 * Invariants
 *  1. At most one job is in the lane. What arrives meanwhile gathers in the inflow, which then
 *     waits until the disk has taken it. So the disk paces upstream, and no reader ever does.
 *  2. `partial`, `writing`, `place`, `disk_error` and `no_room` are the job's while it is in the
 *     lane, else the loop's.
 *  3. The fill is published as soon as its file stands and its space is reserved (of a body of
 *     unknown length: before each write); what fails
 *     before that is the flight's outcome, what fails later travels through the fill.
 *  4. It ends exactly once. Well: fill verified, flight completed. Badly: flight completed (so
 *     that nobody joins a fill that has failed), fill failed, file discarded. A filler that is
 *     verifying is not cancelled any more; that ends by itself and soon.
 *  5. Where the cache has no room for it, it makes way before it is published: the flight ends well
 *     with the want for its value, and all who wait pass the body through, each for himself
 *     (passage.h). One of unknown length that outgrows the store breaks; the next request for it
 *     passes it through.
 *  6. A body that breaks is gone on with (inflow.h). Its readers wait meanwhile; nothing of the
 * file changes but that it grows.
 *  7. It begins when it has its turn; where too many wait for theirs, it is Overloaded.
 *
 * Its jobs in order: create, write …, finish; or, whenever something failed, discard. What comes
 * again is compared by the job that would write it.
 *
 * Thread: the leader's loop, and for its jobs the disk lane.
 */

#include "desk.h"
#include "want.h"

/* Takes the flight, and completes it whatever happens. */
void du_filler_start(struct du_desk *desk, struct du_want *want, struct du_flight **flight);
/* For the desk, over its list. Cancels those that nobody wants and that may be cancelled then. */
void du_filler_check_all(struct du_list *fillers);
void du_filler_cancel_all(struct du_list *fillers);
/* Those whose turn has come. */
void du_filler_start_queued(struct du_list *fillers);

#endif
