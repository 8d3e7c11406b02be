#ifndef DU_TURNS_H
#define DU_TURNS_H

/* Turns: how much comes in from one upstream, and for one member, at a time, over all workers. Who
 * comes too early waits for his turn.
 *
 *     idle ──take──> WAITING ──granted──> TAKEN
 *              └── there is room ───────────^        give: from each of them back to idle
 *
 * Invariants
 *  1. Of those that wait the first goes for whose upstream and whose member there is room. So each
 *     upstream and each member is served in order, and a member who waits for his own holds up
 *     nobody else.
 *  2. Nobody waits for whom there is room.
 *  3. An upstream or member that has no turn and waits for none costs no memory.
 *
 * Thread: any; a turn is its owner's.
 */

#include "error.h"
#include "list.h"
#include "upstream.h"

#include <pthread.h>
#include <stdatomic.h>

struct du_turn_share; /* what one upstream, or one member, has */

/* All upstreams, or all members. */
struct du_turn_kind {
    struct du_turn_share *shares;
    size_t most; /* that each may have at a time */
};

struct du_turns {
    pthread_mutex_t lock; /* all below, and all turns */
    struct du_turn_kind upstreams, members;
    struct du_list waiting; /* the first first */
};

enum { DU_TURNS_WAITING_MOST = 1024 }; /* for one upstream, or one member */

enum du_turn_state { DU_TURN_IDLE, DU_TURN_WAITING, DU_TURN_TAKEN };

/* Embedded in what takes it. Zero it, set granted and user. */
struct du_turn {
    /* After PENDING, once, on whatever thread, under the lock: it may only post. Not called once
     * it was given back. */
    void (*granted)(void *user);
    void *user;
    struct du_list node; /* private from here on */
    struct du_turn_share *of_upstream, *of_member;
    atomic_int state;
};

void du_turns_init(struct du_turns *turns, size_t per_upstream, size_t per_member);
/* All turns are given back. */
void du_turns_deinit(struct du_turns *turns);
/* Applies at once: who waits may be let in by it. */
void du_turns_limit(struct du_turns *turns, size_t per_upstream, size_t per_member);

/* DONE: taken. PENDING: granted will be called. FAILED: no memory, or too many wait for that
 * upstream or member (DU_OVERLOADED). member may be NULL: nobody's. */
enum du_step du_turns_take(struct du_turns *turns, struct du_turn *turn,
                           const struct du_origin *origin, const char *member,
                           struct du_error *error);
static inline bool du_turn_is_taken(const struct du_turn *turn) {
    return atomic_load(&turn->state) == DU_TURN_TAKEN;
}
/* Gives it back, or stops waiting. Harmless when it is idle. */
void du_turns_give(struct du_turns *turns, struct du_turn *turn);

#endif
