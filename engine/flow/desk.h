#ifndef DU_DESK_H
#define DU_DESK_H

/* A desk: one worker's place in the cache. It knows the fills that the worker's client leads, so
 * that they can be told when nobody wants them any more and when the worker ends.
 *
 * Invariants
 *  1. It lives as long as the cache, because other threads' hooks may point at it; its client and
 *     its mailbox are used until it has closed.
 *  2. A desk that is closing starts no fill. It has closed when its last filler, its last
 *     passage and its last opening (somebody of this worker who waits) have gone.
 *
 * Thread: the worker's loop, but find and abandoned, which are any.
 */

#include "cache_int.h"

struct du_desk {
    struct du_cache *cache;
    struct du_list fillers, passages;
    size_t openings;
    bool closing;
    void (*closed)(void *user);
    void *user;
    /* Under the cache's lock: */
    struct du_list in_cache;
    struct du_client *client; /* both NULL once it has closed */
    struct du_mailbox *home;
    struct du_mail mail; /* that one looks */
    bool posted;
};

/* The client's desk, made when it is the first time; NULL: out of memory. */
struct du_desk *du_desk_find(struct du_cache *cache, struct du_client *client,
                             struct du_mailbox *home);
/* NULL when the client has none. */
struct du_desk *du_desk_look_up(struct du_cache *cache, const struct du_client *client);
/* Cancels its fills and passages. DONE, or PENDING and closed will be called. */
enum du_step du_desk_close(struct du_desk *desk, void (*closed)(void *user), void *user);
/* A filler, a passage or an opening has gone. */
void du_desk_left(struct du_desk *desk);
/* Looks soon, from the loop: who is abandoned, whose turn it is, whether it has closed. */
void du_desk_look(struct du_desk *desk);
/* A turn's granted hook; user is the desk of who waits. */
void du_desk_turn(void *user);
/* A flight's on_abandon hook; user is the leader's desk. */
void du_desk_abandoned(struct du_flight *flight, void *user);
/* It has closed, or nothing of it is up. */
void du_desk_free(struct du_desk **desk);

#endif
