#include "course.h"

#include "server_int.h"

#include <sys/socket.h>

enum { SCRATCH = 8192 }; /* where a body arrives before it is unframed */

static struct du_server *server_of(const struct du_conn *conn) {
    return conn->server;
}

/* ---- the end ---- */

/* Tells that nobody is to reply any more. */
static void take_away(struct du_exchange *exchange, enum du_error_kind why) {
    struct du_server *server = server_of(exchange->conn);
    void (*read)(void *, enum du_error_kind, struct du_slice) = exchange->read;
    exchange->gone = true;
    exchange->read = NULL;
    if (read != NULL)
        read(exchange->read_user, why, (struct du_slice){NULL, 0});
    server->hooks.gone(server->user, exchange);
}

static void finish(struct du_exchange *exchange, enum du_exchange_end end) {
    struct du_server *server = server_of(exchange->conn);
    if (exchange->replied)
        du_sender_end(&exchange->sender);
    exchange->handed = false;
    exchange->read = NULL;
    server->exchanges--;
    server->hooks.finished(server->user, exchange, end);
    du_bytes_deinit(&exchange->body);
}

void du_course_abort(struct du_conn *conn, enum du_exchange_end end) {
    struct du_exchange *exchange = conn->exchange;
    bool broke_open_end = exchange->replied && du_sender_ends_by_close(&exchange->sender);
    if (!exchange->replied && !exchange->gone)
        take_away(exchange, DU_CANCELLED);
    if (exchange->handed)
        finish(exchange, end);
    du_conn_close(conn, end == DU_EXCHANGE_SLOW || broke_open_end);
}

/* The server answers in the script's place. */
static void refuse(struct du_conn *conn, enum du_error_kind why, int status, const char *reason) {
    take_away(conn->exchange, why);
    du_conn_refuse(conn, status, reason);
    if (conn->exchange->handed)
        finish(conn->exchange, DU_EXCHANGE_ABORTED);
}

/* ---- the beginning ---- */

void du_course_begin(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    struct du_server *server = server_of(conn);
    struct du_intake *in = &exchange->in;
    in->at = in->start + exchange->request.size;
    du_framing_init(&exchange->framing, exchange->request.chunked, exchange->request.length);
    /* From here on the header must not move: the body's room is made now. */
    if (exchange->framing.state != DU_FRAMING_DONE && !du_intake_reserve(in, SCRATCH)) {
        du_conn_refuse(conn, 503, "no memory for a request");
        return;
    }
    exchange->handed = true;
    server->exchanges++;
    du_conn_enter(conn, DU_CONN_HANDLING);
    server->hooks.request(server->user, exchange);
}

bool du_course_step_handling(struct du_conn *conn) {
    if (conn->hung_up)
        du_course_abort(conn, DU_EXCHANGE_ABORTED);
    return false;
}

/* ---- the request's body ---- */

enum body_result { BODY_WHOLE, BODY_WAITS, BODY_LARGE, BODY_BAD, BODY_NO_MEMORY, BODY_LEFT };

/* Chunk lines count, too, but a client may well send small chunks. */
static bool is_large(const struct du_conn *conn) {
    const struct du_exchange *exchange = conn->exchange;
    size_t most = server_of(conn)->limits.body_bytes;
    return exchange->body.size > most || exchange->body_taken / 2 > most + SCRATCH ||
           (exchange->request.length >= 0 && (uint64_t)exchange->request.length > most);
}

/* Takes what has arrived; the body's bytes are kept or dropped. */
static enum body_result unframe(struct du_conn *conn, bool keep) {
    struct du_exchange *exchange = conn->exchange;
    struct du_intake *in = &exchange->in;
    struct du_framing *framing = &exchange->framing;
    while (in->at < in->size && framing->state != DU_FRAMING_DONE) {
        struct du_slice piece;
        size_t used = du_framing_take(framing, in->data + in->at, in->size - in->at, &piece);
        in->at += used;
        exchange->body_taken += used;
        if (framing->state == DU_FRAMING_BAD)
            return BODY_BAD;
        if (keep && exchange->body.size + piece.size <= server_of(conn)->limits.body_bytes)
            du_bytes_add(&exchange->body, piece.data, piece.size);
        else if (keep)
            return BODY_LARGE;
        if (is_large(conn))
            return BODY_LARGE;
    }
    if (du_bytes_check(&exchange->body) != DU_OK)
        return BODY_NO_MEMORY;
    return framing->state == DU_FRAMING_DONE ? BODY_WHOLE : BODY_WAITS;
}

static enum body_result take_body(struct du_conn *conn, bool keep) {
    struct du_exchange *exchange = conn->exchange;
    struct du_intake *in = &exchange->in;
    for (;;) {
        enum body_result result = is_large(conn) ? BODY_LARGE : unframe(conn, keep);
        if (result != BODY_WAITS || !conn->readable)
            return result;
        in->at = in->size = in->start + exchange->request.size;
        switch (du_conn_receive(conn)) {
        case DU_INTAKE_GOT:
            break;
        case DU_INTAKE_NOTHING:
            return BODY_WAITS;
        case DU_INTAKE_LEFT:
            return BODY_LEFT;
        }
    }
}

bool du_course_step_reading(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    switch (take_body(conn, true)) {
    case BODY_WAITS:
        return false;
    case BODY_WHOLE: {
        void (*read)(void *, enum du_error_kind, struct du_slice) = exchange->read;
        exchange->read = NULL;
        du_conn_enter(conn, DU_CONN_HANDLING);
        read(exchange->read_user, DU_OK,
             (struct du_slice){exchange->body.data, exchange->body.size});
        break;
    }
    case BODY_LARGE:
        refuse(conn, DU_OVERLOADED, 413, "the body is too large");
        break;
    case BODY_BAD:
        refuse(conn, DU_CANCELLED, 400, "a malformed chunk");
        break;
    case BODY_NO_MEMORY:
        refuse(conn, DU_MEMORY, 503, "no memory for a body");
        break;
    case BODY_LEFT:
        du_course_abort(conn, DU_EXCHANGE_ABORTED);
        break;
    }
    return true;
}

void du_course_stalled(struct du_conn *conn) {
    refuse(conn, DU_CANCELLED, 408, "the body took too long");
}

bool du_course_step_skipping(struct du_conn *conn) {
    switch (take_body(conn, false)) {
    case BODY_WAITS:
        return false;
    case BODY_WHOLE:
        du_conn_next(conn);
        return true;
    case BODY_LARGE:
    case BODY_BAD:
    case BODY_NO_MEMORY:
        du_conn_linger(conn);
        return true;
    case BODY_LEFT:
        du_conn_close(conn, false);
        break;
    }
    return false;
}

/* The client holds its body back until it is told to go on (RFC 9110 section 10.1.1). */
static bool is_held_back(const struct du_exchange *exchange) {
    return exchange->request.expects_continue && !exchange->continued &&
           exchange->framing.state != DU_FRAMING_DONE && exchange->in.at == exchange->in.size;
}

void du_course_read(struct du_conn *conn) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct du_exchange *exchange = conn->exchange;
    du_conn_enter(conn, DU_CONN_READING);
    if (is_held_back(exchange) && !is_large(conn)) {
        exchange->continued = true;
        /* What is refused here is noticed by reading. */
        if (send(conn->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL) != sizeof(go_on) - 1)
            conn->readable = true;
    }
    du_conn_run(conn);
}

/* ---- the reply ---- */

static void on_wake(struct du_body *body) {
    struct du_conn *conn = body->driver;
    du_sender_woken(&conn->exchange->sender);
    if (conn->state == DU_CONN_PARKED)
        du_conn_enter(conn, DU_CONN_SENDING);
    du_conn_run(conn);
}

/* Whether the connection can be used again after this reply. */
static bool can_be_kept(const struct du_conn *conn, const struct du_reply *reply, bool is_head) {
    const struct du_exchange *exchange = conn->exchange;
    bool open_end = reply->body != NULL && reply->body->length < 0 && !exchange->request.is_1_1;
    return exchange->request.keep_alive && !server_of(conn)->draining && !is_held_back(exchange) &&
           !is_large(conn) && (is_head || !open_end);
}

void du_course_reply(struct du_conn *conn, struct du_reply *reply) {
    struct du_exchange *exchange = conn->exchange;
    struct du_server *server = server_of(conn);
    bool is_head = du_exchange_is_head(exchange);
    exchange->replied = true;
    exchange->read = NULL;
    exchange->keep_alive = can_be_kept(conn, reply, is_head);
    if (reply->status < 200 || reply->status > 599)
        reply->status = 500;
    struct du_sender_manner manner = {.date = du_server_date(server),
                                      .keep_alive = exchange->keep_alive,
                                      .is_1_1 = exchange->request.is_1_1,
                                      .is_head = is_head};
    du_sender_start(&exchange->sender, reply, &manner, on_wake, conn);
    du_conn_enter(conn, DU_CONN_SENDING);
    du_conn_run(conn);
}

/* The last byte is with the kernel. */
static void complete(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    finish(exchange, DU_EXCHANGE_COMPLETED);
    if (conn->state == DU_CONN_CLOSED)
        return;
    bool whole = exchange->framing.state == DU_FRAMING_DONE;
    /* What is unread when a socket is closed resets it, and the client may lose its answer. */
    bool unread = !whole || conn->readable || exchange->in.at < exchange->in.size;
    if (exchange->keep_alive && whole)
        du_conn_next(conn);
    else if (exchange->keep_alive)
        du_conn_enter(conn, DU_CONN_SKIPPING);
    else if (exchange->request.keep_alive || unread)
        du_conn_linger(conn);
    else
        du_conn_close(conn, false); /* the client said that it sends no more */
}

/* From now on the client has to take something. */
static void open_window(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    if (conn->due_ms != DU_CONN_NEVER)
        return;
    exchange->window_taken = exchange->sender.taken;
    du_conn_due(conn, server_of(conn)->limits.send_ms);
}

void du_course_window(struct du_conn *conn) {
    struct du_exchange *exchange = conn->exchange;
    if (exchange->sender.taken - exchange->window_taken < server_of(conn)->limits.send_bytes) {
        du_course_abort(conn, DU_EXCHANGE_SLOW);
        return;
    }
    exchange->window_taken = exchange->sender.taken;
    du_conn_due(conn, server_of(conn)->limits.send_ms);
}

bool du_course_step_sending(struct du_conn *conn) {
    switch (du_sender_step(&conn->exchange->sender, conn->fd)) {
    case DU_SENDER_MORE:
        open_window(conn); /* the socket may be full to the brim */
        du_conn_yield(conn);
        return false;
    case DU_SENDER_BLOCKED:
        open_window(conn);
        conn->wants_writing = true;
        return false;
    case DU_SENDER_WAIT:
        du_conn_enter(conn, DU_CONN_PARKED);
        return true;
    case DU_SENDER_DONE:
        complete(conn);
        return true;
    case DU_SENDER_BROKEN:
        du_course_abort(conn, DU_EXCHANGE_BROKEN);
        return false;
    case DU_SENDER_LEFT:
        du_course_abort(conn, DU_EXCHANGE_ABORTED);
        return false;
    }
    return false;
}

bool du_course_step_parked(struct du_conn *conn) {
    if (conn->hung_up)
        du_course_abort(conn, DU_EXCHANGE_ABORTED);
    return false;
}
