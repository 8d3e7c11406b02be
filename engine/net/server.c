#include "server.h"

#include "exchange_int.h"
#include "listener.h"
#include "mem.h"
#include "server_int.h"
#include "socket_int.h"

#include <string.h>

const struct du_server_limits du_server_limits_default = {.header_bytes = 32 << 10,
                                                          .body_bytes = 1 << 20,
                                                          .connections = 16384,
                                                          .header_ms = 10000,
                                                          .idle_ms = 60000,
                                                          .body_ms = 30000,
                                                          .send_ms = 30000,
                                                          .send_bytes = 30 << 10,
                                                          .linger_ms = 2000};

/* ---- what its parts share ---- */

int64_t du_server_now_ms(const struct du_server *server) {
    return du_clock_mono_ms(&server->base->clock);
}

const char *du_server_date(struct du_server *server) {
    int64_t now_ms = du_clock_wall_ms(&server->base->clock);
    if (now_ms / 1000 != server->date_second || server->date[0] == '\0') {
        du_clock_http_date(now_ms, server->date);
        server->date_second = now_ms / 1000;
    }
    return server->date;
}

void du_server_refused(struct du_server *server, int status, const char *reason) {
    struct du_log_field fields[] = {{.key = "status", .type = DU_LOG_INTEGER, .as.integer = status},
                                    {.key = "reason", .type = DU_LOG_STRING, .as.string = reason}};
    du_log_write(server->base->log, DU_LOG_DEBUG, NULL, "request refused", fields, 2);
    if (server->hooks.refused != NULL)
        server->hooks.refused(server->user, status, reason);
}

void du_server_has_room(struct du_server *server) {
    if (!server->starved)
        return;
    server->starved = false;
    du_list_each(node, &server->listeners)
        du_listener_resume(du_container_of(node, struct du_listener, node));
}

struct du_conn *du_server_take_conn(struct du_server *server) {
    struct du_list *spare = du_list_take(&server->spare_conns);
    struct du_conn *conn =
        spare != NULL ? du_container_of(spare, struct du_conn, node) : du_malloc(sizeof(*conn));
    if (conn == NULL)
        return NULL;
    if (spare != NULL)
        server->spare_conn_count--;
    memset(conn, 0, sizeof(*conn));
    server->connections++;
    return conn;
}

void du_server_give_conn(struct du_server *server, struct du_conn *conn) {
    server->connections--;
    if (server->spare_conn_count == DU_SERVER_SPARES) {
        du_free(conn);
    } else {
        du_list_append(&server->spare_conns, &conn->node);
        server->spare_conn_count++;
    }
    du_server_has_room(server);
}

/* ---- its life ---- */

enum du_error_kind du_server_new(struct du_server **server, uv_loop_t *loop,
                                 struct du_timers *timers, struct du_base *base,
                                 const struct du_server_limits *limits,
                                 const struct du_server_hooks *hooks, void *user) {
    struct du_server *new = du_calloc(1, sizeof(*new));
    if (new == NULL)
        return DU_MEMORY;
    int result = du_poller_init(&new->poller, loop);
    if (result != 0) {
        du_free(new);
        return du_error_errno(NULL, result, "make", "an epoll set");
    }
    new->timers = timers;
    new->base = base;
    new->limits = *limits;
    new->hooks = *hooks;
    new->user = user;
    du_list_init(&new->listeners);
    du_list_init(&new->closed_listeners);
    du_list_init(&new->idle);
    du_list_init(&new->busy);
    du_list_init(&new->spare_conns);
    du_list_init(&new->spare_exchanges);
    *server = new;
    return DU_OK;
}

enum du_error_kind du_server_accept(struct du_server *server, struct du_socket *socket,
                                    unsigned worker, int tag, struct du_error *error) {
    int fd = du_socket_share(socket, worker);
    int result = fd < 0 ? -fd : du_listener_open(server, fd, tag);
    if (result != 0)
        return du_error_errno(error, result, "accept on", du_socket_address(socket));
    du_socket_shared(socket, worker);
    return DU_OK;
}

void du_server_drain(struct du_server *server) {
    struct du_list idle;
    server->draining = true;
    du_list_init(&idle);
    du_list_move(&idle, &server->idle);
    for (struct du_list *node; (node = du_list_take(&idle)) != NULL;)
        du_conn_dismiss(du_container_of(node, struct du_conn, node));
}

static void close_listeners(struct du_server *server) {
    while (!du_list_empty(&server->listeners))
        du_listener_close(du_container_of(server->listeners.next, struct du_listener, node));
}

void du_server_stop(struct du_server *server) {
    du_list_each(node, &server->listeners)
        du_listener_accept(du_container_of(node, struct du_listener, node));
    close_listeners(server);
}

static void on_closed(struct du_poller *poller) {
    struct du_server *server = du_container_of(poller, struct du_server, poller);
    void (*closed)(void *) = server->closed;
    void *user = server->closed_user;
    for (struct du_list *node; (node = du_list_take(&server->closed_listeners)) != NULL;)
        du_free(du_container_of(node, struct du_listener, node));
    for (struct du_list *node; (node = du_list_take(&server->spare_conns)) != NULL;)
        du_free(du_container_of(node, struct du_conn, node));
    for (struct du_list *node; (node = du_list_take(&server->spare_exchanges)) != NULL;)
        du_exchange_free(du_container_of(node, struct du_exchange, node));
    du_free(server);
    if (closed != NULL)
        closed(user);
}

static void shut_all(struct du_list *conns) {
    struct du_list list;
    du_list_init(&list);
    du_list_move(&list, conns);
    for (struct du_list *node; (node = du_list_take(&list)) != NULL;)
        du_conn_shut(du_container_of(node, struct du_conn, node));
}

void du_server_close(struct du_server **server, void (*closed)(void *user), void *user) {
    struct du_server *old = *server;
    *server = NULL;
    old->draining = true;
    old->closed = closed;
    old->closed_user = user;
    close_listeners(old);
    shut_all(&old->idle);
    shut_all(&old->busy);
    du_poller_close(&old->poller, on_closed);
}

size_t du_server_connections(const struct du_server *server) {
    return server->connections;
}

size_t du_server_exchanges(const struct du_server *server) {
    return server->exchanges;
}
