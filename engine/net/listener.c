#include "listener.h"

#include "mem.h"
#include "server_int.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 64,
    MOST_QUEUED = 8192, /* twice the backlog: who comes meanwhile may come for ever */
    RETRY_MS = 1000,
    DISMISSALS = 8
};

static void pause_it(struct du_listener *listener) {
    struct du_server *server = listener->server;
    if (!listener->paused)
        du_poller_change(&server->poller, listener->fd, &listener->watch, 0);
    listener->paused = true;
    server->starved = true;
    du_timers_start(server->timers, &listener->retry, RETRY_MS);
}

void du_listener_resume(struct du_listener *listener) {
    if (!listener->paused)
        return;
    listener->paused = false;
    du_timers_stop(listener->server->timers, &listener->retry);
    du_poller_change(&listener->server->poller, listener->fd, &listener->watch, EPOLLIN);
}

static bool has_somebody(const struct du_listener *listener) {
    struct pollfd waiting = {listener->fd, POLLIN, 0};
    return poll(&waiting, 1, 0) > 0;
}

/* Below the bound, if need be by dismissing idle connections. */
static bool make_room(struct du_server *server) {
    for (int tries = 0; server->connections >= server->limits.connections; tries++) {
        if (tries == DISMISSALS || du_list_empty(&server->idle))
            return false;
        du_conn_dismiss(du_container_of(server->idle.next, struct du_conn, node));
    }
    return true;
}

static void say_starved(struct du_listener *listener, const char *why) {
    if (!listener->paused)
        du_log_format(listener->server->base->log, DU_LOG_WARN, "accepting pauses: %s", why);
}

/* One connection. False: no more at present; its request may even have closed the listener. */
static bool accept_one(struct du_listener *listener) {
    struct du_server *server = listener->server;
    if (listener->fd < 0)
        return false;
    bool full = server->connections >= server->limits.connections;
    if (full && !has_somebody(listener))
        return false;
    if (full && !make_room(server)) {
        say_starved(listener, "the bound on connections is reached");
        pause_it(listener);
        return false;
    }
    struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof(peer);
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        du_conn_open(server, fd, listener->tag, (const struct sockaddr *)&peer);
        return true;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return false;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        say_starved(listener, strerror(errno));
        pause_it(listener);
        return false;
    }
    /* Anything else is that one connection's: accept(2), "Error handling". */
    return errno != EBADF && errno != EINVAL && errno != ENOTSOCK;
}

static void on_ready(struct du_watch *watch, uint32_t events) {
    struct du_listener *listener = du_container_of(watch, struct du_listener, watch);
    (void)events;
    for (int i = 0; i < BATCH && accept_one(listener); i++)
        ;
}

static void on_retry(struct du_timer *timer) {
    du_listener_resume(du_container_of(timer, struct du_listener, retry));
}

int du_listener_open(struct du_server *server, int fd, int tag) {
    struct du_listener *listener = du_calloc(1, sizeof(*listener));
    if (listener == NULL)
        return ENOMEM;
    listener->watch.ready = on_ready;
    listener->retry.fire = on_retry;
    listener->server = server;
    listener->fd = fd;
    listener->tag = tag;
    /* A unix socket is shared by the workers; level-triggered, so that a batch may leave some. */
    int result = du_poller_add(&server->poller, fd, &listener->watch, EPOLLIN);
    if (result != 0) {
        du_free(listener);
        return result;
    }
    du_list_init(&listener->node);
    du_list_append(&server->listeners, &listener->node);
    return 0;
}

void du_listener_accept(struct du_listener *listener) {
    for (int i = 0; i < MOST_QUEUED && accept_one(listener); i++)
        ;
}

void du_listener_close(struct du_listener *listener) {
    struct du_server *server = listener->server;
    du_poller_remove(&server->poller, listener->fd, &listener->watch);
    du_timers_stop(server->timers, &listener->retry);
    du_list_remove(&listener->node);
    du_list_append(&server->closed_listeners, &listener->node);
    close(listener->fd);
    listener->fd = -1;
}
