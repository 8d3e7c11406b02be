#include "course.h"
#include "exchange_int.h"
#include "mem.h"
#include "server_int.h"

#include <arpa/inet.h>

/* ---- its memory ---- */

struct du_exchange *du_exchange_take(struct du_server *server, struct du_conn *conn) {
    struct du_list *spare = du_list_take(&server->spare_exchanges);
    struct du_exchange *exchange;
    if (spare != NULL) {
        exchange = du_container_of(spare, struct du_exchange, node);
        server->spare_exchange_count--;
    } else {
        exchange = du_calloc(1, sizeof(*exchange));
        if (exchange == NULL)
            return NULL;
        du_list_init(&exchange->node);
    }
    exchange->conn = conn;
    if (du_intake_reserve(&exchange->in, DU_INTAKE_ROOM))
        return exchange;
    du_exchange_free(exchange);
    return NULL;
}

void du_exchange_give(struct du_server *server, struct du_exchange *exchange) {
    if (server->spare_exchange_count == DU_SERVER_SPARES) {
        du_exchange_free(exchange);
        return;
    }
    du_intake_clear(&exchange->in);
    du_list_append(&server->spare_exchanges, &exchange->node);
    server->spare_exchange_count++;
}

void du_exchange_free(struct du_exchange *exchange) {
    du_intake_deinit(&exchange->in);
    du_free(exchange);
}

void du_exchange_begin(struct du_exchange *exchange, int64_t now_ns) {
    exchange->user = NULL;
    exchange->began_ns = now_ns;
    du_http1_init(&exchange->request);
    exchange->body_taken = 0;
    du_bytes_init(&exchange->body);
    exchange->read = NULL;
    exchange->handed = exchange->replied = exchange->gone = false;
    exchange->continued = exchange->keep_alive = false;
    exchange->sender.body_sent = 0;
    exchange->peer[0] = '\0';
}

/* ---- the request ---- */

static struct du_slice slice(const struct du_exchange *exchange, struct du_http1_span span) {
    return du_http1_slice(exchange->in.data + exchange->in.start, span);
}

struct du_slice du_exchange_method(const struct du_exchange *exchange) {
    return slice(exchange, exchange->request.method);
}

struct du_slice du_exchange_target(const struct du_exchange *exchange) {
    return slice(exchange, exchange->request.target);
}

struct du_slice du_exchange_path(const struct du_exchange *exchange) {
    /* "http://host" has none: RFC 9112 section 3.2.1. */
    return exchange->request.path.size > 0 ? slice(exchange, exchange->request.path)
                                           : DU_SLICE("/");
}

struct du_slice du_exchange_query(const struct du_exchange *exchange) {
    return slice(exchange, exchange->request.query);
}

size_t du_exchange_header_count(const struct du_exchange *exchange) {
    return exchange->request.count;
}

void du_exchange_header_at(const struct du_exchange *exchange, size_t at, struct du_slice *name,
                           struct du_slice *value) {
    *name = slice(exchange, exchange->request.header[at].name);
    *value = slice(exchange, exchange->request.header[at].value);
}

bool du_exchange_header(const struct du_exchange *exchange, const char *name, size_t *from,
                        struct du_slice *value) {
    struct du_slice wanted = du_slice_of(name);
    for (; *from < exchange->request.count; ++*from) {
        struct du_http1_span here = exchange->request.header[*from].name;
        if (here.size != wanted.size || !du_slice_equal_fold(slice(exchange, here), wanted))
            continue;
        *value = slice(exchange, exchange->request.header[(*from)++].value);
        return true;
    }
    return false;
}

const char *du_exchange_peer(struct du_exchange *exchange) {
    const struct du_conn *conn = exchange->conn;
    if (exchange->peer[0] != '\0')
        return exchange->peer;
    const struct in6_addr *v6 = &conn->peer.v6.sin6_addr;
    if (conn->peer.any.sa_family == AF_INET)
        return inet_ntop(AF_INET, &conn->peer.v4.sin_addr, exchange->peer, INET6_ADDRSTRLEN);
    if (conn->peer.any.sa_family != AF_INET6)
        return "unix";
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return inet_ntop(AF_INET, &v6->s6_addr[12], exchange->peer, INET6_ADDRSTRLEN);
    return inet_ntop(AF_INET6, v6, exchange->peer, INET6_ADDRSTRLEN);
}

int du_exchange_peer_port(const struct du_exchange *exchange) {
    const struct du_conn *conn = exchange->conn;
    if (conn->peer.any.sa_family == AF_INET)
        return ntohs(conn->peer.v4.sin_port);
    return conn->peer.any.sa_family == AF_INET6 ? ntohs(conn->peer.v6.sin6_port) : 0;
}

int du_exchange_tag(const struct du_exchange *exchange) {
    return exchange->conn->tag;
}

int64_t du_exchange_began_ns(const struct du_exchange *exchange) {
    return exchange->began_ns;
}

int64_t du_exchange_sent_bytes(const struct du_exchange *exchange) {
    return exchange->sender.body_sent;
}

void du_exchange_set_user(struct du_exchange *exchange, void *user) {
    exchange->user = user;
}

void *du_exchange_user(const struct du_exchange *exchange) {
    return exchange->user;
}

bool du_exchange_is_head(const struct du_exchange *exchange) {
    return exchange->request.parser.method == HTTP_HEAD;
}

/* ---- what is done with it ---- */

void du_exchange_read(struct du_exchange *exchange,
                      void (*read)(void *user, enum du_error_kind result, struct du_slice body),
                      void *user) {
    if (exchange->gone || exchange->replied)
        return;
    exchange->read = read;
    exchange->read_user = user;
    du_course_read(exchange->conn);
}

void du_exchange_reply(struct du_exchange *exchange, struct du_reply *reply) {
    if (exchange->gone || exchange->replied)
        du_reply_deinit(reply);
    else
        du_course_reply(exchange->conn, reply);
}
