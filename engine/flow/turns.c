#include "turns.h"

#include "map.h"

#include <assert.h>
#include <string.h>

struct du_turn_share {
    UT_hash_handle hh; /* in its kind, by key */
    struct du_turn_kind *kind;
    size_t taken, waiting;
    char key[];
};

void du_turns_init(struct du_turns *turns, size_t per_upstream, size_t per_member) {
    *turns = (struct du_turns){.upstreams.most = per_upstream, .members.most = per_member};
    pthread_mutex_init(&turns->lock, NULL);
    du_list_init(&turns->waiting);
}

void du_turns_deinit(struct du_turns *turns) {
    assert(turns->upstreams.shares == NULL && turns->members.shares == NULL);
    pthread_mutex_destroy(&turns->lock);
}

/* Shares: from here to the next such line the lock is held --------------------------------------
 */

static struct du_turn_share *share_new(struct du_turn_kind *kind, const void *key, size_t size) {
    struct du_turn_share *share = du_calloc(1, sizeof *share + size);
    if (share == NULL)
        return NULL;
    share->kind = kind;
    memcpy(share->key, key, size);
    HASH_ADD_KEYPTR(hh, kind->shares, share->key, size, share);
    if (!du_map_failed(share))
        return share;
    du_free(share);
    return NULL;
}

static struct du_turn_share *share_of(struct du_turn_kind *kind, const void *key, size_t size) {
    struct du_turn_share *share;
    HASH_FIND(hh, kind->shares, key, size, share);
    return share != NULL ? share : share_new(kind, key, size);
}

static bool has_room(const struct du_turn_share *share) {
    return share == NULL || share->taken < share->kind->most;
}

static bool is_crowded(const struct du_turn_share *share) {
    return share != NULL && share->waiting == DU_TURNS_WAITING_MOST;
}

static void count(struct du_turn_share *share, size_t taken, size_t waiting) {
    if (share == NULL)
        return;
    share->taken += taken;
    share->waiting += waiting;
}

/* The share, unless somebody else has a part in it. */
static void forget(struct du_turn_share **share) {
    struct du_turn_share *unused = *share;
    *share = NULL;
    if (unused == NULL || unused->taken > 0 || unused->waiting > 0)
        return;
    HASH_DEL(unused->kind->shares, unused);
    du_free(unused);
}

static enum du_step enter(struct du_turns *turns, struct du_turn *turn, struct du_error *error) {
    if (has_room(turn->of_upstream) && has_room(turn->of_member)) {
        count(turn->of_upstream, 1, 0);
        count(turn->of_member, 1, 0);
        atomic_store(&turn->state, DU_TURN_TAKEN);
        return DU_STEP_DONE;
    }
    if (is_crowded(turn->of_upstream) || is_crowded(turn->of_member)) {
        du_error_set(error, DU_OVERLOADED, "too many fills wait for their turn");
        return DU_STEP_FAILED;
    }
    count(turn->of_upstream, 0, 1);
    count(turn->of_member, 0, 1);
    du_list_append(&turns->waiting, &turn->node);
    atomic_store(&turn->state, DU_TURN_WAITING);
    return DU_STEP_PENDING;
}

static enum du_step take(struct du_turns *turns, struct du_turn *turn,
                         const struct du_origin *origin, const char *member,
                         struct du_error *error) {
    turn->of_upstream = share_of(&turns->upstreams, &origin, sizeof origin);
    turn->of_member = member != NULL ? share_of(&turns->members, member, strlen(member)) : NULL;
    enum du_step step = DU_STEP_FAILED;
    if (turn->of_upstream == NULL || (member != NULL && turn->of_member == NULL))
        du_error_set(error, DU_MEMORY, "wait for a turn");
    else
        step = enter(turns, turn, error);
    if (step == DU_STEP_FAILED) {
        forget(&turn->of_upstream);
        forget(&turn->of_member);
    }
    return step;
}

static void grant(struct du_turn *turn) {
    du_list_remove(&turn->node);
    count(turn->of_upstream, 1, (size_t)-1);
    count(turn->of_member, 1, (size_t)-1);
    atomic_store(&turn->state, DU_TURN_TAKEN);
    turn->granted(turn->user);
}

static void grant_all_there_is_room_for(struct du_turns *turns) {
    du_list_each(node, &turns->waiting) {
        struct du_turn *turn = du_container_of(node, struct du_turn, node);
        if (has_room(turn->of_upstream) && has_room(turn->of_member))
            grant(turn);
    }
}

static void give(struct du_turns *turns, struct du_turn *turn) {
    bool waiting = atomic_load(&turn->state) == DU_TURN_WAITING;
    if (waiting)
        du_list_remove(&turn->node);
    count(turn->of_upstream, waiting ? 0 : (size_t)-1, waiting ? (size_t)-1 : 0);
    count(turn->of_member, waiting ? 0 : (size_t)-1, waiting ? (size_t)-1 : 0);
    forget(&turn->of_upstream);
    forget(&turn->of_member);
    atomic_store(&turn->state, DU_TURN_IDLE);
    if (!waiting)
        grant_all_there_is_room_for(turns);
}

/* From here on it is not held on entry. ---------------------------------------------------------
 */

void du_turns_limit(struct du_turns *turns, size_t per_upstream, size_t per_member) {
    pthread_mutex_lock(&turns->lock);
    turns->upstreams.most = per_upstream;
    turns->members.most = per_member;
    grant_all_there_is_room_for(turns);
    pthread_mutex_unlock(&turns->lock);
}

enum du_step du_turns_take(struct du_turns *turns, struct du_turn *turn,
                           const struct du_origin *origin, const char *member,
                           struct du_error *error) {
    pthread_mutex_lock(&turns->lock);
    enum du_step step = take(turns, turn, origin, member, error);
    pthread_mutex_unlock(&turns->lock);
    return step;
}

void du_turns_give(struct du_turns *turns, struct du_turn *turn) {
    if (atomic_load(&turn->state) == DU_TURN_IDLE)
        return;
    pthread_mutex_lock(&turns->lock);
    give(turns, turn);
    pthread_mutex_unlock(&turns->lock);
}
