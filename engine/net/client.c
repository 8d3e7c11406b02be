#include "mem.h"
#include "transfer.h"

enum { IDLE_MOST = 64 }; /* connections kept open for whoever comes next */

/* curl's sockets, each with the handle that watches it. */
struct watch {
    uv_poll_t poll;
    struct du_client *client;
    curl_socket_t socket;
    int events;
};

/* How many connections to one origin are taken, and who waits for one. */
struct du_place_count {
    struct du_list node;
    struct du_origin *origin;
    long taken;
    struct du_list queue;
};

static void close_now(struct du_client *client);

/* ---- the way in and out of curl ---- */

static void admit_queued(struct du_client *client);

static bool settle_one(struct du_client *client) {
    int left;
    CURLMsg *message = curl_multi_info_read(client->multi, &left);
    if (message != NULL) {
        char *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        du_transfer_ended((struct du_transfer *)(void *)transfer, message->data.result);
        return true;
    }
    struct du_list *node = du_list_take(&client->later);
    if (node != NULL)
        du_transfer_settle(du_transfer_of_later(node));
    return node != NULL;
}

/* Does what had to wait for curl to return. Hooks called from here come back here: once is enough.
 */
static void settle(struct du_client *client) {
    if (client->settling)
        return;
    client->settling = true;
    do
        admit_queued(client);
    while (!client->closing && settle_one(client));
    client->settling = false;
    if (client->closing)
        close_now(client);
}

void du_client_enter(struct du_client *client) {
    client->inside++;
}

void du_client_leave(struct du_client *client) {
    if (--client->inside == 0)
        settle(client);
}

static void act(struct du_client *client, curl_socket_t socket, int events) {
    int running;
    du_client_enter(client);
    curl_multi_socket_action(client->multi, socket, events, &running);
    du_client_leave(client);
}

/* ---- the loop ---- */

static void come_home(struct du_client *client) {
    if (--client->abroad > 0)
        return;
    void (*closed)(void *user) = client->closed;
    void *user = client->user;
    du_free(client);
    if (closed != NULL)
        closed(user);
}

static void on_timer(uv_timer_t *timer) {
    act(du_container_of(timer, struct du_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *user) {
    struct du_client *client = user;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(&client->timer);
    else
        uv_timer_start(&client->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

static void on_watch_closed(uv_handle_t *handle) {
    struct watch *watch = du_container_of(handle, struct watch, poll);
    struct du_client *client = watch->client;
    du_free(watch);
    come_home(client);
}

/* A socket with an error on it: libuv stops watching it and tells no more. curl is to find the
 * error itself, once it has read what came before. */
static void on_ready(uv_poll_t *poll, int status, int events) {
    struct watch *watch = du_container_of(poll, struct watch, poll);
    int flags = status < 0 ? CURL_CSELECT_IN | CURL_CSELECT_OUT : 0;
    flags |= events & UV_READABLE ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE ? CURL_CSELECT_OUT : 0;
    if (status < 0)
        uv_poll_start(poll, watch->events, on_ready);
    act(watch->client, watch->socket, flags);
}

static struct watch *new_watch(struct du_client *client, curl_socket_t socket) {
    struct watch *watch = du_calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->client = client;
    watch->socket = socket;
    if (uv_poll_init_socket(client->loop, &watch->poll, socket) != 0) {
        du_free(watch);
        return NULL;
    }
    client->abroad++;
    curl_multi_assign(client->multi, socket, watch);
    return watch;
}

/* Told of a failure here, curl would give up all transfers: we end the one ourselves. */
static void go_without(CURL *easy) {
    char *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    if (transfer != NULL)
        du_transfer_break((struct du_transfer *)(void *)transfer, CURLE_OUT_OF_MEMORY);
}

static int on_socket(CURL *easy, curl_socket_t socket, int what, void *user, void *assigned) {
    struct du_client *client = user;
    struct watch *watch = assigned;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(client->multi, socket, NULL);
        if (watch != NULL)
            uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
        return 0;
    }
    if (watch == NULL)
        watch = new_watch(client, socket);
    if (watch == NULL) {
        go_without(easy);
    } else {
        watch->events = (what & CURL_POLL_IN ? UV_READABLE : 0);
        watch->events |= (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
        uv_poll_start(&watch->poll, watch->events, on_ready);
    }
    return 0;
}

void du_client_expect(struct du_client *client, int change) {
    du_mailbox_expect(client->mailbox, change);
    if (change > 0)
        client->abroad++;
    else
        come_home(client);
}

/* ---- places ---- */

static void on_kick(struct du_mail *mail) {
    struct du_client *client = du_container_of(mail, struct du_client, kick);
    client->kicked = false;
    if (!client->closing)
        settle(client);
    du_client_expect(client, -1);
}

/* Who gives a place back may be in the midst of something: who waits is admitted from the loop. */
static void kick(struct du_client *client) {
    if (client->kicked || client->closing)
        return;
    client->kicked = true;
    du_client_expect(client, 1);
    du_mailbox_post(client->mailbox, &client->kick);
}

static struct du_place_count *count_of(struct du_client *client, struct du_origin *origin) {
    du_list_each(node, &client->places) {
        struct du_place_count *count = du_container_of(node, struct du_place_count, node);
        if (count->origin == origin)
            return count;
    }
    struct du_place_count *count = du_calloc(1, sizeof *count);
    if (count == NULL)
        return NULL;
    count->origin = du_origin_ref(origin);
    du_list_init(&count->queue);
    du_list_append(&client->places, &count->node);
    return count;
}

enum du_step du_client_take_place(struct du_client *client, struct du_origin *origin,
                                  struct du_place *place) {
    du_list_init(&place->queued);
    place->count = count_of(client, origin);
    if (place->count == NULL)
        return DU_STEP_FAILED;
    if (place->count->taken < origin->connections && du_list_empty(&place->count->queue)) {
        place->count->taken++;
        return DU_STEP_DONE;
    }
    du_list_append(&place->count->queue, &place->queued);
    return DU_STEP_PENDING;
}

void du_client_give_place(struct du_client *client, struct du_place *place) {
    struct du_place_count *count = place->count;
    place->count = NULL;
    if (count == NULL)
        return;
    if (du_list_empty(&place->queued))
        count->taken--;
    du_list_remove(&place->queued);
    if (!du_list_empty(&count->queue)) {
        kick(client);
    } else if (count->taken == 0) {
        du_list_remove(&count->node);
        du_origin_unref(&count->origin);
        du_free(count);
    }
}

/* The first who waits and whose place is free. */
static struct du_place *next_admitted(struct du_client *client) {
    du_list_each(node, &client->places) {
        struct du_place_count *count = du_container_of(node, struct du_place_count, node);
        if (count->taken < count->origin->connections && !du_list_empty(&count->queue)) {
            count->taken++;
            return du_container_of(du_list_take(&count->queue), struct du_place, queued);
        }
    }
    return NULL;
}

static void admit_queued(struct du_client *client) {
    struct du_place *place;
    while (!client->closing && (place = next_admitted(client)) != NULL)
        place->admit(place);
}

/* ---- beginning and end ---- */

static bool set_up_multi(struct du_client *client) {
    CURLM *multi = curl_multi_init();
    if (multi == NULL)
        return false;
    client->multi = multi;
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timeout) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_MOST) == CURLM_OK;
}

enum du_error_kind du_client_new(struct du_client **made, uv_loop_t *loop, struct du_timers *timers,
                                 struct du_mailbox *mailbox, struct du_base *base) {
    struct du_client *client = du_calloc(1, sizeof *client);
    if (client == NULL)
        return DU_MEMORY;
    client->loop = loop;
    client->timers = timers;
    client->mailbox = mailbox;
    client->base = base;
    client->kick.deliver = on_kick;
    du_list_init(&client->later);
    du_list_init(&client->transfers);
    du_list_init(&client->fetches);
    du_list_init(&client->places);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        du_free(client);
        return DU_MEMORY;
    }
    if (!set_up_multi(client)) {
        curl_multi_cleanup(client->multi);
        curl_global_cleanup();
        du_free(client);
        return DU_MEMORY;
    }
    uv_timer_init(loop, &client->timer);
    client->abroad = 1;
    *made = client;
    return DU_OK;
}

struct du_timers *du_client_timers(const struct du_client *client) {
    return client->timers;
}

static void on_timer_closed(uv_handle_t *handle) {
    come_home(du_container_of(handle, struct du_client, timer));
}

static void close_now(struct du_client *client) {
    while (!du_list_empty(&client->fetches))
        du_fetch_abandon(du_fetch_of_node(client->fetches.next));
    while (!du_list_empty(&client->transfers))
        du_transfer_abandon(du_transfer_of_node(client->transfers.next));
    curl_multi_cleanup(client->multi);
    curl_global_cleanup();
    uv_close((uv_handle_t *)&client->timer, on_timer_closed);
}

void du_client_close(struct du_client **closed_client, void (*closed)(void *user), void *user) {
    struct du_client *client = *closed_client;
    *closed_client = NULL;
    client->closed = closed;
    client->user = user;
    client->closing = true;
    if (!client->inside && !client->settling)
        close_now(client);
}

const char *du_client_version(void) {
    return curl_version_info(CURLVERSION_NOW)->version;
}
