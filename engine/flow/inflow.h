#ifndef DU_INFLOW_H
#define DU_INFLOW_H

/* An inflow: one body as it comes from upstream, gone on with when it breaks (resume.h). Embedded
 * in who takes it: a filler, or a passage.
 *
 *     begin -> headed -> bytes gather, are taken ... -> arrived
 *      ^  |                  ^     |
 *      └──┘ busy             |     |
 *                            |   broken: all that came is taken first
 *                            └── go_on: not at once, a few times
 *     or, from any of them, it fails: `error`.
 *
 * Invariants
 *  1. What nobody has taken yet gathers up to a bound, then the fetch is paused. So who takes it
 *     paces upstream. Paused time is no stall.
 *  2. `moved` is called when there is something new to look at: the head, bytes, a break, the end,
 *     a failure. While the fetch is up its owner must not free it from there.
 *  3. A body whose end proves nothing has not arrived unless a digest or a size proves it.
 *  4. After a break the same bytes may come again: `du_inflow_take` says where they belong.
 *
 * Thread: the loop of its desk.
 */

#include "desk.h"
#include "resume.h"

struct du_inflow {
    struct du_desk *desk;
    struct du_want *want;
    void (*moved)(struct du_inflow *inflow);
    size_t most;    /* that may gather; one chunk more may come */
    int64_t length; /* of the whole, once headed; -1: nobody said */
    bool headed, broken, arrived;
    struct du_error error; /* why it fails; its owner may set it, too, while no fetch is up */
    /* private: */
    struct du_fetch *fetch; /* NULL once it has ended */
    bool paused;
    int64_t received; /* up to where, of the whole */
    int64_t kept;     /* taken when it broke */
    struct du_bytes gathered;
    struct du_resume resume;
    struct du_timer pause; /* before the next try */
};

/* Takes a reference to the want. */
void du_inflow_init(struct du_inflow *inflow, struct du_desk *desk, struct du_want *want,
                    size_t most, void (*moved)(struct du_inflow *inflow));
/* No fetch is up. */
void du_inflow_deinit(struct du_inflow *inflow);

/* Asks upstream. What fails at once is in `error`; moved is not called for it. */
void du_inflow_begin(struct du_inflow *inflow);
static inline bool du_inflow_is_failing(const struct du_inflow *inflow) {
    return inflow->error.kind != DU_OK;
}
static inline bool du_inflow_has_bytes(const struct du_inflow *inflow) {
    return inflow->gathered.size > 0;
}
/* Swaps what has gathered for the empty buffer. Gives its place in the whole. */
int64_t du_inflow_take(struct du_inflow *inflow, struct du_bytes *empty);
/* After taking: the fetch goes on. May call moved before it returns. */
void du_inflow_flow(struct du_inflow *inflow);
/* It is broken, and all that came is taken: `kept` bytes of the whole. Harmless when it waits for
 * the next try already. */
void du_inflow_go_on(struct du_inflow *inflow, int64_t kept);
/* Stops. moved is not called. */
void du_inflow_fail(struct du_inflow *inflow, const struct du_error *error);

#endif
