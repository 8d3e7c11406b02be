#include "site.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void request(void *user, struct du_exchange *exchange) {
    struct site *site = user;
    du_bindings_request(&site->worker.context, site->dispatch, exchange);
}

static void gone(void *user, struct du_exchange *exchange) {
    (void)user;
    du_bindings_gone(exchange);
}

static void finished(void *user, struct du_exchange *exchange, enum du_exchange_end end) {
    (void)user;
    du_bindings_finished(exchange, end);
}

static void refused(void *user, int status, const char *reason) {
    du_bindings_refused(&((struct site *)user)->worker.context, status, reason);
}

static const struct du_server_hooks hooks = {request, gone, finished, refused};

static void note_line(void *user, enum du_log_level level, const char *line, size_t size) {
    struct site *site = user;
    (void)level;
    snprintf(site->log[site->lines++ % SITE_LOG], sizeof *site->log, "%.*s", (int)size, line);
}

static int open_upstream(char url[64]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void start_server(struct site *site) {
    struct worker *worker = &site->worker;
    assert_int_equal(du_socket_listen("127.0.0.1:0", 1, &site->socket, NULL), DU_OK);
    site->port = atoi(strrchr(du_socket_address(site->socket), ':') + 1);
    assert_int_equal(du_server_new(&site->server, &worker->loop, &worker->timers, worker->base,
                                   &du_server_limits_default, &hooks, site),
                     DU_OK);
    assert_int_equal(du_server_accept(site->server, site->socket, 0, DU_LISTENER_MAIN, NULL),
                     DU_OK);
}

void site_start(struct site *site, const char *text) {
    char url[64];
    memset(site, 0, sizeof *site);
    engine_start(&site->engine);
    assert_int_equal(du_log_new(&site->engine.base.log, &site->engine.base.clock, DU_LOG_JSON,
                                DU_LOG_DEBUG, "/dev/null", NULL),
                     DU_OK);
    du_log_set_sink(site->engine.base.log, note_line, site);
    site->upstream_fd = open_upstream(url);
    engine_add_origin(&site->engine, url);
    worker_start(&site->worker, &site->engine, 0);
    gate_install(&site->worker);
    if (luaL_dofile(site->worker.L, DU_LUA_TESTS "/prelude.lua") != LUA_OK ||
        luaL_dostring(site->worker.L, text) != LUA_OK)
        fail_msg("%s", lua_tostring(site->worker.L, -1));
    site->dispatch = luaL_ref(site->worker.L, LUA_REGISTRYINDEX);
    start_server(site);
}

static void note_closed(void *user) {
    *(bool *)user = true;
}

void site_end(struct site *site) {
    du_server_close(&site->server, note_closed, &site->server_closed);
    worker_turn_until(&site->worker, &site->server_closed);
    du_socket_close(&site->socket);
    worker_end(&site->worker);
    close(site->upstream_fd);
    assert_int_equal(site->worker.requests_left, 0);
    du_log_free(&site->engine.base.log);
    engine_end(&site->engine);
}

/* One who asks gets the answer, and the end of the connection. */
static void serve_upstream(struct site *site) {
    char asked[4096];
    int fd = accept(site->upstream_fd, NULL, NULL);
    if (fd < 0)
        return;
    site->upstream_asked++;
    assert_true(recv(fd, asked, sizeof asked, 0) > 0);
    size_t size = strlen(site->upstream_answer);
    assert_int_equal(send(fd, site->upstream_answer, size, MSG_NOSIGNAL), size);
    if (site->upstream_holds)
        site->upstream_held = fd;
    else
        close(fd);
}

void site_settle(struct site *site) {
    for (int i = 0; i < 100; i++) {
        uv_run(&site->worker.loop, UV_RUN_NOWAIT);
        serve_upstream(site);
    }
}

void site_advance(struct site *site, int64_t ms) {
    worker_advance(&site->worker, ms);
}

void site_send(struct site *site, struct answer *answer, const char *text) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {htonl(INADDR_LOOPBACK)},
                                  .sin_port = htons((uint16_t)site->port)};
    memset(answer, 0, sizeof *answer);
    answer->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(answer->fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(answer->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    fcntl(answer->fd, F_SETFL, O_NONBLOCK);
}

void site_take(struct site *site, struct answer *answer) {
    uv_run(&site->worker.loop, UV_RUN_NOWAIT);
    serve_upstream(site);
    ssize_t got =
        recv(answer->fd, answer->text + answer->size, sizeof answer->text - answer->size - 1, 0);
    if (got > 0)
        answer->size += (size_t)got;
    else if (got == 0 || errno != EAGAIN)
        answer->closed = true;
}

void site_leave(struct answer *answer) {
    close(answer->fd);
    answer->closed = true;
}

static void give_up(uv_timer_t *timer) {
    (void)timer;
    fail_msg("no answer for a long time");
}

void site_finish(struct site *site, struct answer *answer) {
    uv_timer_t patience;
    uv_timer_init(&site->worker.loop, &patience);
    uv_timer_start(&patience, give_up, 30 * 1000, 0);
    while (!answer->closed)
        site_take(site, answer);
    uv_close((uv_handle_t *)&patience, NULL);
    close(answer->fd);
    site_settle(site);
}

void site_ask(struct site *site, struct answer *answer, const char *text) {
    site_send(site, answer, text);
    site_finish(site, answer);
}

const char *answer_body(const struct answer *answer) {
    const char *end = strstr(answer->text, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

bool answer_says(const struct answer *answer, const char *text) {
    return strstr(answer->text, text) != NULL;
}

bool site_logged(struct site *site, ...) {
    for (int i = 0; i < SITE_LOG && i < site->lines; i++) {
        va_list texts;
        bool all = true;
        va_start(texts, site);
        for (const char *text; (text = va_arg(texts, const char *)) != NULL;)
            all &= strstr(site->log[i], text) != NULL;
        va_end(texts);
        if (all)
            return true;
    }
    return false;
}
