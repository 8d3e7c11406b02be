#ifndef DU_LANE_H
#define DU_LANE_H

/* A lane: a small pool of threads with a bounded queue, for what may block (disk, passwords).
 *
 * Invariants
 *  1. A job that was accepted runs once, and its done is called once, on its home's loop.
 *  2. A full queue refuses (DU_OVERLOADED); it never blocks the caller.
 *  3. Lanes share nothing: one cannot starve another.
 *  4. All signals are blocked in a lane's threads.
 *
 * Thread: submit from any.
 */

#include "error.h"
#include "mailbox.h"

#include <stddef.h>

struct du_lane;

struct du_job {
    struct du_mail mail;              /* private */
    void (*work)(struct du_job *job); /* on a thread of the lane */
    void (*done)(struct du_job *job); /* on home's loop; may be NULL: then nothing is posted */
    struct du_mailbox *home;
    struct du_job *next; /* private */
};

/* bound: jobs that may queue; 0 for no bound (for lanes whose callers bound themselves). */
enum du_error_kind du_lane_new(struct du_lane **lane, const char *name, unsigned threads,
                               size_t bound);
/* Runs what was accepted, ends the threads. Their mails are then posted; homes still stand. */
void du_lane_free(struct du_lane **lane);
enum du_error_kind du_lane_submit(struct du_lane *lane, struct du_job *job);
size_t du_lane_queued(struct du_lane *lane);

#endif
