#include "conn.h"

#include "course.h"
#include "exchange_int.h"
#include "refusal.h"
#include "server_int.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STEPS = 64,        /* before others have their turn */
    LINGER_READS = 16, /* the same, in LINGERING */
    LINGER_ROOM = 16384
};

/* ---- deadlines ---- */

void du_conn_due(struct du_conn *conn, int64_t ms) {
    conn->due_ms = du_server_now_ms(conn->server) + ms;
}

static int64_t deadline_of(const struct du_server *server, enum du_conn_state state) {
    const struct du_server_limits *limits = &server->limits;
    switch (state) {
    case DU_CONN_IDLE:
        return server->draining && limits->header_ms < limits->idle_ms ? limits->header_ms
                                                                       : limits->idle_ms;
    case DU_CONN_HEADER:
        return limits->header_ms;
    case DU_CONN_READING:
    case DU_CONN_SKIPPING:
        return limits->body_ms;
    case DU_CONN_LINGERING:
        return limits->linger_ms;
    case DU_CONN_HANDLING:
    case DU_CONN_SENDING: /* from the first write that is refused */
    case DU_CONN_PARKED:
    case DU_CONN_CLOSED:
        break;
    }
    return DU_CONN_NEVER;
}

void du_conn_enter(struct du_conn *conn, enum du_conn_state state) {
    struct du_server *server = conn->server;
    int64_t ms = deadline_of(server, state);
    if ((conn->state == DU_CONN_IDLE) != (state == DU_CONN_IDLE)) {
        du_list_remove(&conn->node);
        du_list_append(state == DU_CONN_IDLE ? &server->idle : &server->busy, &conn->node);
    }
    conn->state = state;
    conn->due_ms = DU_CONN_NEVER;
    if (ms != DU_CONN_NEVER)
        du_conn_due(conn, ms);
    if (state == DU_CONN_IDLE)
        du_server_has_room(server);
}

/* ---- waiting and ending ---- */

static void release_exchange(struct du_conn *conn) {
    if (conn->exchange != NULL)
        du_exchange_give(conn->server, conn->exchange);
    conn->exchange = NULL;
}

void du_conn_close(struct du_conn *conn, bool reset) {
    if (conn->state == DU_CONN_CLOSED)
        return;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (reset)
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    du_poller_forget(&conn->server->poller, &conn->watch);
    close(conn->fd);
    du_timers_stop(conn->server->timers, &conn->timer);
    du_list_remove(&conn->node);
    conn->state = DU_CONN_CLOSED;
}

static uint32_t wanted_events(const struct du_conn *conn) {
    return EPOLLIN | EPOLLRDHUP | EPOLLET | (conn->wants_writing ? EPOLLOUT : 0u);
}

/* Has the kernel tell what happens from now on, and what has happened already. False: it cannot. */
static bool watch(struct du_conn *conn) {
    struct du_poller *poller = &conn->server->poller;
    int result = conn->watched
                     ? du_poller_change(poller, conn->fd, &conn->watch, wanted_events(conn))
                     : du_poller_add(poller, conn->fd, &conn->watch, wanted_events(conn));
    conn->watched = true;
    conn->watched_writing = conn->wants_writing;
    return result == 0;
}

void du_conn_yield(struct du_conn *conn) {
    conn->wants_writing = true;
    conn->watched_writing = false;
}

/* What a connection needs that has to wait. False: there is no memory for it. */
static bool settle(struct du_conn *conn) {
    bool is_watched = conn->watched && conn->wants_writing == conn->watched_writing;
    if (!is_watched && !watch(conn))
        return false;
    if (conn->due_ms == DU_CONN_NEVER)
        return true;
    if (du_timer_running(&conn->timer) && conn->timer.due_ms <= conn->due_ms)
        return true;
    int64_t left = conn->due_ms - du_server_now_ms(conn->server);
    return du_timers_start(conn->server->timers, &conn->timer, left) == DU_OK;
}

static bool has_exchange(const struct du_conn *conn) {
    return conn->exchange != NULL && conn->exchange->handed;
}

static void end(struct du_conn *conn, enum du_exchange_end how) {
    if (has_exchange(conn))
        du_course_abort(conn, how);
    else
        du_conn_close(conn, false);
}

/* The counterpart of running = true. */
static void leave(struct du_conn *conn) {
    if (conn->state != DU_CONN_CLOSED && !settle(conn))
        end(conn, DU_EXCHANGE_ABORTED);
    conn->running = false;
    if (conn->state != DU_CONN_CLOSED)
        return;
    release_exchange(conn);
    du_server_give_conn(conn->server, conn);
}

/* ---- IDLE and HEADER ---- */

enum du_intake_result du_conn_receive(struct du_conn *conn) {
    bool drained;
    enum du_intake_result result = du_intake_receive(&conn->exchange->in, conn->fd, &drained);
    /* Once it has hung up no further edge comes: read until recv says so. */
    conn->readable = !drained || (conn->hung_up && result == DU_INTAKE_GOT);
    return result;
}

static void begin_header(struct du_conn *conn) {
    du_exchange_begin(conn->exchange, du_clock_mono_ns(&conn->server->base->clock));
    du_conn_enter(conn, DU_CONN_HEADER);
}

static bool step_idle(struct du_conn *conn) {
    if (!conn->readable)
        return false;
    if (conn->exchange == NULL)
        conn->exchange = du_exchange_take(conn->server, conn);
    if (conn->exchange == NULL) {
        du_conn_refuse(conn, 503, "no memory for a request");
        return true;
    }
    switch (du_conn_receive(conn)) {
    case DU_INTAKE_GOT:
        begin_header(conn);
        return true;
    case DU_INTAKE_NOTHING:
        release_exchange(conn);
        break;
    case DU_INTAKE_LEFT:
        du_conn_close(conn, false);
        break;
    }
    return false;
}

/* Reads more of a header. */
static bool continue_header(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    if (!conn->readable)
        return false;
    if (!du_intake_reserve(&exchange->in, 1)) {
        du_conn_refuse(conn, 503, "no memory for a request");
        return true;
    }
    switch (du_conn_receive(conn)) {
    case DU_INTAKE_GOT:
        return true;
    case DU_INTAKE_NOTHING:
        break;
    case DU_INTAKE_LEFT:
        du_conn_close(conn, false);
        break;
    }
    return false;
}

static bool step_header(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    struct du_intake *in = &exchange->in;
    switch (du_http1_parse(&exchange->request, in->data + in->start, in->size - in->start,
                           conn->server->limits.header_bytes)) {
    case DU_HTTP1_MORE:
        return continue_header(conn);
    case DU_HTTP1_DONE:
        du_course_begin(conn);
        return true;
    case DU_HTTP1_ANSWER:
        du_conn_refuse(conn, exchange->request.status, exchange->request.reason);
        return true;
    }
    return false;
}

void du_conn_next(struct du_conn *conn) {
    struct du_intake *in = &conn->exchange->in;
    in->start = in->at;
    if (in->start < in->size) {
        begin_header(conn);
        return;
    }
    release_exchange(conn);
    du_conn_enter(conn, DU_CONN_IDLE);
}

/* ---- refusing and lingering ---- */

static bool is_head_request(const struct du_exchange *exchange) {
    return exchange != NULL && exchange->in.size - exchange->in.start >= 5 &&
           memcmp(exchange->in.data + exchange->in.start, "HEAD ", 5) == 0;
}

void du_conn_refuse(struct du_conn *conn, int status, const char *reason) {
    du_server_refused(conn->server, status, reason);
    if (conn->state == DU_CONN_CLOSED)
        return;
    if (status == 0) {
        du_conn_close(conn, false);
        return;
    }
    char text[DU_REFUSAL_ROOM];
    const char *date = du_server_date(conn->server);
    size_t size = du_refusal_write(text, status, date, is_head_request(conn->exchange));
    /* No answer is under way, so the socket has room, unless the client does not read at all. */
    if (send(conn->fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size)
        du_conn_linger(conn);
    else
        du_conn_close(conn, false);
}

void du_conn_linger(struct du_conn *conn) {
    shutdown(conn->fd, SHUT_WR);
    conn->readable = true;
    du_conn_enter(conn, DU_CONN_LINGERING);
}

static bool step_lingering(struct du_conn *conn) {
    char dropped[LINGER_ROOM];
    if (!has_exchange(conn))
        release_exchange(conn);
    if (!conn->readable)
        return false;
    for (int i = 0; i < LINGER_READS; i++) {
        ssize_t size = recv(conn->fd, dropped, sizeof(dropped), 0);
        if (size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            du_conn_close(conn, false);
            return false;
        }
        if (size < 0 && errno != EINTR) {
            conn->readable = false;
            return false;
        }
    }
    du_conn_yield(conn);
    return false;
}

/* ---- running ---- */

static bool step(struct du_conn *conn) {
    switch (conn->state) {
    case DU_CONN_IDLE:
        return step_idle(conn);
    case DU_CONN_HEADER:
        return step_header(conn);
    case DU_CONN_HANDLING:
        return du_course_step_handling(conn);
    case DU_CONN_READING:
        return du_course_step_reading(conn);
    case DU_CONN_SENDING:
        return du_course_step_sending(conn);
    case DU_CONN_PARKED:
        return du_course_step_parked(conn);
    case DU_CONN_SKIPPING:
        return du_course_step_skipping(conn);
    case DU_CONN_LINGERING:
        return step_lingering(conn);
    case DU_CONN_CLOSED:
        break;
    }
    return false;
}

void du_conn_run(struct du_conn *conn) {
    if (conn->running)
        return;
    conn->running = true;
    for (unsigned steps = 0; step(conn);)
        if (++steps == STEPS) {
            du_conn_yield(conn);
            break;
        }
    leave(conn);
}

void du_conn_shut(struct du_conn *conn) {
    bool outer = conn->running;
    conn->running = true;
    end(conn, DU_EXCHANGE_DRAINED);
    if (!outer)
        leave(conn);
}

bool du_conn_dismiss(struct du_conn *conn) {
    conn->running = true;
    conn->readable = true;
    while (step(conn))
        ;
    bool closed = conn->state == DU_CONN_IDLE || conn->state == DU_CONN_CLOSED;
    if (closed)
        du_conn_close(conn, false);
    leave(conn);
    return closed;
}

/* ---- what happens to it ---- */

static void on_ready(struct du_watch *watch, uint32_t events) {
    struct du_conn *conn = du_container_of(watch, struct du_conn, watch);
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->readable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        conn->hung_up = true;
    du_conn_run(conn);
}

static void expire(struct du_conn *conn) {
    switch (conn->state) {
    case DU_CONN_HEADER:
        du_conn_refuse(conn, 408, "the header took too long");
        break;
    case DU_CONN_READING:
        du_course_stalled(conn);
        break;
    case DU_CONN_SENDING:
        du_course_window(conn);
        break;
    case DU_CONN_IDLE:
    case DU_CONN_SKIPPING:
    case DU_CONN_LINGERING:
        du_conn_close(conn, false);
        break;
    case DU_CONN_HANDLING:
    case DU_CONN_PARKED:
    case DU_CONN_CLOSED:
        break;
    }
}

static void on_timer(struct du_timer *timer) {
    struct du_conn *conn = du_container_of(timer, struct du_conn, timer);
    conn->running = true;
    if (conn->due_ms <= du_server_now_ms(conn->server))
        expire(conn);
    leave(conn);
}

void du_conn_open(struct du_server *server, int fd, int tag, const struct sockaddr *peer) {
    struct du_conn *conn = du_server_take_conn(server);
    if (conn == NULL) {
        close(fd);
        return;
    }
    conn->watch.ready = on_ready;
    conn->timer.fire = on_timer;
    conn->server = server;
    conn->fd = fd;
    conn->tag = tag;
    conn->peer.any.sa_family = peer->sa_family;
    if (peer->sa_family == AF_INET)
        conn->peer.v4 = *(const struct sockaddr_in *)(const void *)peer;
    if (peer->sa_family == AF_INET6)
        conn->peer.v6 = *(const struct sockaddr_in6 *)(const void *)peer;
    conn->state = DU_CONN_IDLE;
    du_list_init(&conn->node);
    du_list_append(&server->idle, &conn->node);
    du_conn_due(conn, deadline_of(server, DU_CONN_IDLE));
    /* Under load the request is here already: then the socket need not be watched at all. */
    conn->readable = true;
    du_conn_run(conn);
}
