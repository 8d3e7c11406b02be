#include "desk.h"

#include "filler.h"
#include "mem.h"
#include "passage.h"

#include <assert.h>

static bool is_empty(const struct du_desk *desk) {
    return desk->openings == 0 && du_list_empty(&desk->fillers) && du_list_empty(&desk->passages);
}

void du_desk_look(struct du_desk *desk) {
    pthread_mutex_lock(&desk->cache->lock);
    if (desk->home != NULL && !desk->posted) {
        desk->posted = true;
        du_mailbox_post(desk->home, &desk->mail);
    }
    pthread_mutex_unlock(&desk->cache->lock);
}

/* True once: when all has gone and no mail can come any more. */
static bool has_closed(struct du_desk *desk) {
    if (!desk->closing || !is_empty(desk))
        return false;
    pthread_mutex_lock(&desk->cache->lock);
    bool now = desk->home != NULL && !desk->posted;
    if (now) {
        desk->home = NULL;
        desk->client = NULL;
    }
    pthread_mutex_unlock(&desk->cache->lock);
    return now;
}

static void look(struct du_mail *mail) {
    struct du_desk *desk = du_container_of(mail, struct du_desk, mail);
    pthread_mutex_lock(&desk->cache->lock);
    desk->posted = false;
    pthread_mutex_unlock(&desk->cache->lock);
    du_filler_check_all(&desk->fillers);
    du_filler_start_queued(&desk->fillers);
    du_passage_start_queued(&desk->passages);
    if (has_closed(desk) && desk->closed != NULL)
        desk->closed(desk->user);
}

/* The cache's lock is held. */
static struct du_desk *find(struct du_cache *cache, const struct du_client *client) {
    du_list_each(node, &cache->desks) {
        struct du_desk *desk = du_container_of(node, struct du_desk, in_cache);
        if (desk->client == client)
            return desk;
    }
    return NULL;
}

struct du_desk *du_desk_look_up(struct du_cache *cache, const struct du_client *client) {
    pthread_mutex_lock(&cache->lock);
    struct du_desk *desk = find(cache, client);
    pthread_mutex_unlock(&cache->lock);
    return desk;
}

struct du_desk *du_desk_find(struct du_cache *cache, struct du_client *client,
                             struct du_mailbox *home) {
    pthread_mutex_lock(&cache->lock);
    struct du_desk *desk = find(cache, client);
    if (desk == NULL && (desk = du_calloc(1, sizeof *desk)) != NULL) {
        du_list_init(&desk->fillers);
        du_list_init(&desk->passages);
        desk->cache = cache;
        desk->client = client;
        desk->home = home;
        desk->mail.deliver = look;
        du_list_append(&cache->desks, &desk->in_cache);
    }
    pthread_mutex_unlock(&cache->lock);
    return desk;
}

enum du_step du_desk_close(struct du_desk *desk, void (*closed)(void *user), void *user) {
    desk->closing = true;
    du_filler_cancel_all(&desk->fillers);
    du_passage_cancel_all(&desk->passages);
    if (has_closed(desk))
        return DU_STEP_DONE;
    desk->closed = closed;
    desk->user = user;
    return DU_STEP_PENDING;
}

void du_desk_left(struct du_desk *desk) {
    if (desk->closing && is_empty(desk))
        du_desk_look(desk);
}

void du_desk_turn(void *user) {
    du_desk_look(user);
}

void du_desk_abandoned(struct du_flight *flight, void *user) {
    (void)flight;
    du_desk_look(user);
}

void du_desk_free(struct du_desk **desk) {
    assert(is_empty(*desk) && !(*desk)->posted);
    du_free(*desk);
    *desk = NULL;
}
