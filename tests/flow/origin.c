#include "origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The origin ----------------------------------------------------------------------------------- */

static void send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
    }
}

static bool read_request(int fd, char text[4096]) {
    size_t size = 0;
    while (size < 4095) {
        ssize_t got = recv(fd, text + size, 4095 - size, 0);
        if (got <= 0)
            return false;
        size += (size_t)got;
        text[size] = '\0';
        if (strstr(text, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static bool is_wanted(const struct play *play, const char *request) {
    for (size_t i = 0; i < sizeof play->wants / sizeof *play->wants; i++)
        if (play->wants[i] != NULL && strstr(request, play->wants[i]) == NULL)
            return false;
    return true;
}

static void answer(struct origin *origin, int fd, struct play *play) {
    char request[4096];
    size_t half = play->send / 2;
    if (!read_request(fd, request))
        return;
    origin->odd = origin->odd || !is_wanted(play, request);
    if (play->head == NULL)
        return;
    send_all(fd, play->head, strlen(play->head));
    send_all(fd, origin->body + play->from, half);
    rig_gate_pass(&play->half);
    send_all(fd, origin->body + play->from + half, play->send - half);
}

static void *serve(void *user) {
    struct origin *origin = user;
    int fd;
    while ((fd = accept(origin->listener, NULL, NULL)) >= 0) {
        answer(origin, fd, &origin->plays[origin->at]);
        if (origin->at + 1 < ORIGIN_PLAYS && origin->plays[origin->at + 1].head != NULL)
            origin->at++;
        close(fd);
        rig_lock();
        origin->served++;
        rig_tell();
        rig_unlock();
    }
    return NULL;
}

static void origin_start(struct origin *origin) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    origin->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(origin->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(origin->listener, 16), 0);
    assert_int_equal(getsockname(origin->listener, (struct sockaddr *)&address, &size), 0);
    origin->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&origin->thread, NULL, serve, origin), 0);
}

void origin_stop(struct origin *origin) {
    if (origin->listener < 0)
        return;
    shutdown(origin->listener, SHUT_RDWR);
    pthread_join(origin->thread, NULL);
    close(origin->listener);
    origin->listener = -1;
}

/* The stand ------------------------------------------------------------------------------------ */

struct making {
    struct rig *rig;
    struct rig_worker *worker;
    bool closed; /* under the rig's lock */
};

static void make_client(void *user) {
    struct making *making = user;
    struct rig_worker *worker = making->worker;
    assert_int_equal(du_client_new(&worker->client, &worker->loop, &worker->timers,
                                   &worker->mailbox, &making->rig->base),
                     DU_OK);
}

static void note_closed(void *user) {
    rig_lock();
    ((struct making *)user)->closed = true;
    rig_tell();
    rig_unlock();
}

static void close_client(void *user) {
    struct making *making = user;
    du_client_close(&making->worker->client, note_closed, making);
}

static bool is_closed(void *user) {
    return ((struct making *)user)->closed;
}

static void make_origin(struct stand *stand, enum du_origin_kind kind) {
    char url[64];
    struct du_cidr loopback[2];
    struct du_origin_options options = {.name = "origin",
                                        .kind = kind,
                                        .url = url,
                                        .username = kind == DU_ORIGIN_OCI ? "user" : NULL,
                                        .password = kind == DU_ORIGIN_OCI ? "password" : NULL,
                                        .allow_private = loopback,
                                        .allow_private_count = 2};
    assert_int_equal(du_cidr_parse("127.0.0.0/8", &loopback[0], NULL), DU_OK);
    assert_int_equal(du_cidr_parse("::1", &loopback[1], NULL), DU_OK);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", stand->server.port);
    assert_int_equal(
        du_origin_new(&stand->rig->origin, stand->rig->domain, &stand->rig->base, &options, NULL),
        DU_OK);
}

struct stand *stand_new(const char *body, enum du_origin_kind kind) {
    struct stand *stand = calloc(1, sizeof *stand);
    assert_non_null(stand);
    stand->rig = rig_new();
    stand->server.body = body;
    origin_start(&stand->server);
    make_origin(stand, kind);
    for (int i = 0; i < RIG_WORKERS; i++) {
        struct making making = {stand->rig, &stand->rig->workers[i], false};
        rig_run(making.worker, make_client, &making);
    }
    return stand;
}

bool stand_is_quiet(struct stand *stand) {
    rig_lock();
    unsigned served = stand->server.served;
    rig_unlock();
    return du_origin_requests(stand->rig->origin) == served;
}

void stand_free(struct stand *stand) {
    for (int i = 0; i < RIG_WORKERS; i++) {
        struct making making = {stand->rig, &stand->rig->workers[i], false};
        if (!making.worker->shutting)
            rig_shut(stand->rig, i);
        rig_wait_shut(stand->rig, i);
        rig_run(making.worker, close_client, &making);
        rig_wait(is_closed, &making);
    }
    origin_stop(&stand->server);
    assert_false(stand->server.odd);
    du_origin_unref(&stand->rig->origin);
    rig_free(stand->rig);
    free(stand);
}
