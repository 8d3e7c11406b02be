#include "stand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

/* ---- the application ---- */

static void on_request(void *user, struct du_exchange *exchange) {
    struct stand *stand = user;
    stand->requests++;
    stand->exchange = exchange;
    stand->on_request(stand, exchange);
}

static void on_gone(void *user, struct du_exchange *exchange) {
    struct stand *stand = user;
    stand->gones++;
    if (stand->on_gone != NULL)
        stand->on_gone(stand, exchange);
}

static void on_finished(void *user, struct du_exchange *exchange, enum du_exchange_end end) {
    struct stand *stand = user;
    stand->finishes++;
    stand->end = end;
    stand->sent_bytes = du_exchange_sent_bytes(exchange);
}

static void on_refused(void *user, int status, const char *reason) {
    struct stand *stand = user;
    assert_non_null(reason);
    stand->refusals++;
    stand->refused_status = status;
}

void reply_text(struct du_exchange *exchange, int status, const char *text) {
    struct du_reply reply;
    du_reply_init(&reply, status);
    du_bytes_text(&reply.bytes, text);
    du_exchange_reply(exchange, &reply);
    assert_null(reply.bytes.data);
}

static void say_hello(struct stand *stand, struct du_exchange *exchange) {
    (void)stand;
    reply_text(exchange, 200, "hello");
}

void keep_exchange(struct stand *stand, struct du_exchange *exchange) {
    (void)stand;
    (void)exchange;
}

/* ---- the stand ---- */

static const struct du_server_hooks hooks = {
    .request = on_request, .gone = on_gone, .finished = on_finished, .refused = on_refused};

void stand_start_on(struct stand *stand, const struct du_server_limits *limits,
                    const char *address) {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    memset(stand, 0, sizeof(*stand));
    stand->on_request = say_hello;
    stand->live = du_mem_live();
    du_clock_init_manual(&stand->base.clock, 1700000000000);
    du_faults_init(&stand->base.faults);
    assert_int_equal(uv_loop_init(&stand->loop), 0);
    assert_int_equal(du_timers_init(&stand->timers, &stand->loop, &stand->base.clock), 0);
    stand->limits = limits != NULL ? *limits : du_server_limits_default;
    assert_int_equal(du_server_new(&stand->server, &stand->loop, &stand->timers, &stand->base,
                                   &stand->limits, &hooks, stand),
                     DU_OK);
    assert_int_equal(du_socket_listen(address, 1, &stand->socket, NULL), DU_OK);
    assert_int_equal(du_server_accept(stand->server, stand->socket, 0, 7, NULL), DU_OK);
}

void stand_start(struct stand *stand, const struct du_server_limits *limits) {
    stand_start_on(stand, limits, "127.0.0.1:0");
}

static void on_server_closed(void *user) {
    struct stand *stand = user;
    stand->server_closed = true;
}

void stand_end(struct stand *stand) {
    if (stand->server != NULL)
        du_server_close(&stand->server, on_server_closed, stand);
    du_timers_close(&stand->timers, NULL);
    uv_run(&stand->loop, UV_RUN_DEFAULT);
    assert_true(stand->server_closed);
    assert_int_equal(uv_loop_close(&stand->loop), 0);
    if (stand->socket != NULL)
        du_socket_close(&stand->socket);
    for (int i = 0; i < stand->client_count; i++) {
        client_close(&stand->clients[i]);
        du_bytes_deinit(&stand->clients[i].got);
    }
    assert_int_equal(stand->requests, stand->finishes);
    assert_int_equal(du_mem_live(), stand->live);
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int connect_tcp(const char *address) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

struct client *stand_connect(struct stand *stand) {
    assert_true(stand->client_count < STAND_CLIENTS);
    struct client *client = &stand->clients[stand->client_count++];
    const char *address = du_socket_address(stand->socket);
    memset(client, 0, sizeof(*client));
    client->fd =
        strncmp(address, "unix:", 5) == 0 ? connect_unix(address + 5) : connect_tcp(address);
    client->reading = true;
    return client;
}

void stand_advance(struct stand *stand, int64_t ms) {
    stand_settle(stand);
    du_clock_advance(&stand->base.clock, ms);
    du_timers_run(&stand->timers);
    stand_settle(stand);
}

/* Takes what has come; true when something had. */
static bool client_take(struct client *client) {
    char part[65536];
    if (client->fd < 0 || client->closed || !client->reading)
        return false;
    ssize_t size = recv(client->fd, part, sizeof(part), MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN)
        return false;
    if (size > 0)
        du_bytes_add(&client->got, part, (size_t)size);
    client->closed = size <= 0;
    client->reset = size < 0 && errno == ECONNRESET;
    return true;
}

static bool turn(struct stand *stand) {
    bool something = false;
    uv_run(&stand->loop, UV_RUN_NOWAIT);
    for (int i = 0; i < stand->client_count; i++)
        while (client_take(&stand->clients[i]))
            something = true;
    return something;
}

static int wait_ready(struct stand *stand, int ms) {
    struct pollfd fds[STAND_CLIENTS + 1] = {{uv_backend_fd(&stand->loop), POLLIN, 0}};
    nfds_t count = 1;
    for (int i = 0; i < stand->client_count; i++)
        if (stand->clients[i].fd >= 0 && !stand->clients[i].closed && stand->clients[i].reading)
            fds[count++] = (struct pollfd){stand->clients[i].fd, POLLIN, 0};
    return poll(fds, count, ms);
}

void stand_turn(struct stand *stand) {
    /* Not before the first turn, in which libuv tells the kernel what to watch. */
    if (stand->waiting && wait_ready(stand, PATIENCE_MS) == 0)
        fail_msg("nothing happens any more");
    stand->waiting = !turn(stand);
}

void stand_settle(struct stand *stand) {
    for (int quiet = 0; quiet < 3;)
        quiet = turn(stand) || wait_ready(stand, 0) > 0 ? 0 : quiet + 1;
}

/* ---- clients ---- */

void client_send_bytes(struct client *client, const void *data, size_t size) {
    assert_int_equal(send(client->fd, data, size, MSG_NOSIGNAL), size);
}

void client_send(struct client *client, const char *text) {
    client_send_bytes(client, text, strlen(text));
}

void client_shut(struct client *client) {
    shutdown(client->fd, SHUT_WR);
}

void client_close(struct client *client) {
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

struct client *stand_ask(struct stand *stand, const char *text) {
    struct client *client = stand_connect(stand);
    client_send(client, text);
    UNTIL(stand, client->closed);
    return client;
}

bool client_has(const struct client *client, const char *text) {
    return client_count(client, text) > 0;
}

int client_count(const struct client *client, const char *text) {
    int count = 0;
    size_t size = strlen(text);
    for (size_t i = 0; i + size <= client->got.size; i++)
        count += memcmp(client->got.data + i, text, size) == 0;
    return count;
}

const char *client_body(const struct client *client) {
    const char *end = client->got.size > 0 ? strstr(client->got.data, "\r\n\r\n") : NULL;
    return end != NULL ? end + 4 : "(no header)";
}
