#include "double.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWERS_MOST = 64,
    REQUESTS_MOST = 1024,
    CONNECTIONS_MOST = 512,
    REQUEST_MOST = 2 * 1024 * 1024
};

struct connection {
    struct double_server *server;
    pthread_t thread;
    int fd;
};

struct double_server {
    int fd, port;
    char host[32], url[512];
    pthread_t thread;
    pthread_mutex_t lock;
    bool ending;
    struct double_answer script[ANSWERS_MOST];
    size_t answers;
    char *requests[REQUESTS_MOST];
    size_t request_count;
    struct connection connections[CONNECTIONS_MOST];
    size_t connection_count;
    void (*asked)(void *user);
    void *user;
};

static const struct double_answer no_answer = {
    .to = "", .send = "HTTP/1.1 599 Unscripted\r\nContent-Length: 0\r\n\r\n"};

char double_byte(size_t at) {
    return (char)('a' + at % 26 + at / 65536 % 3);
}

static bool fits(const struct double_answer *answer, const char *request) {
    return !answer->used && strncmp(request, answer->to, strlen(answer->to)) == 0 &&
           (answer->holding == NULL || strstr(request, answer->holding) != NULL);
}

static struct double_answer choose(struct double_server *server, const char *request) {
    struct double_answer chosen = no_answer;
    pthread_mutex_lock(&server->lock);
    assert(server->request_count < REQUESTS_MOST);
    server->requests[server->request_count++] = strdup(request);
    for (size_t i = 0; i < server->answers; i++) {
        if (fits(&server->script[i], request)) {
            chosen = server->script[i];
            server->script[i].used = !chosen.always;
            break;
        }
    }
    pthread_mutex_unlock(&server->lock);
    return chosen;
}

static bool send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_fill(int fd, size_t size) {
    char block[8192];
    for (size_t at = 0; at < size;) {
        size_t part = size - at < sizeof block ? size - at : sizeof block;
        for (size_t i = 0; i < part; i++)
            block[i] = double_byte(at + i);
        if (!send_all(fd, block, part))
            return false;
        at += part;
    }
    return true;
}

/* One request's header, and its body after it. False: the client left. */
static bool read_request(int fd, char *request) {
    size_t size = 0, wanted = 0;
    request[0] = '\0';
    while (wanted == 0 || size < wanted) {
        ssize_t got = recv(fd, request + size, wanted > 0 ? wanted - size : 1, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || size + (size_t)got >= REQUEST_MOST)
            return false;
        size += (size_t)got;
        request[size] = '\0';
        if (wanted == 0 && size >= 4 && strcmp(request + size - 4, "\r\n\r\n") == 0) {
            const char *length = strcasestr(request, "\r\nContent-Length:");
            wanted = size + (length != NULL ? strtoul(length + 17, NULL, 10) : 0);
        }
    }
    return true;
}

static void hold(int fd) {
    char ignored[256];
    while (recv(fd, ignored, sizeof ignored, 0) > 0)
        continue;
}

static void reset(int fd) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void pass(sem_t *gate) {
    while (gate != NULL && sem_wait(gate) != 0)
        continue;
}

static bool answer_one(struct connection *connection, char *request) {
    struct double_server *server = connection->server;
    if (!read_request(connection->fd, request))
        return false;
    struct double_answer answer = choose(server, request);
    if (server->asked != NULL)
        server->asked(server->user);
    pass(answer.gate);
    if (!send_all(connection->fd, answer.send, strlen(answer.send)))
        return false;
    pass(answer.fill_gate);
    if (!send_fill(connection->fd, answer.fill))
        return false;
    switch (answer.then) {
    case DOUBLE_KEEP:
        return true;
    case DOUBLE_CLOSE:
        return false;
    case DOUBLE_RESET:
        reset(connection->fd);
        return false;
    case DOUBLE_HOLD:
        hold(connection->fd);
        return false;
    }
    return false;
}

static void *serve(void *argument) {
    struct connection *connection = argument;
    char *request = malloc(REQUEST_MOST);
    while (answer_one(connection, request))
        continue;
    free(request);
    pthread_mutex_lock(&connection->server->lock);
    close(connection->fd);
    connection->fd = -1;
    pthread_mutex_unlock(&connection->server->lock);
    return NULL;
}

static void *accept_all(void *argument) {
    struct double_server *server = argument;
    int fd;
    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        pthread_mutex_lock(&server->lock);
        assert(server->connection_count < CONNECTIONS_MOST);
        struct connection *connection = &server->connections[server->connection_count];
        *connection = (struct connection){.server = server, .fd = fd};
        if (server->ending) {
            close(fd);
        } else {
            server->connection_count++;
            pthread_create(&connection->thread, NULL, serve, connection);
        }
        pthread_mutex_unlock(&server->lock);
    }
    return NULL;
}

struct double_server *double_listen(const char *host, void (*asked)(void *user), void *user) {
    struct double_server *server = calloc(1, sizeof *server);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    server->asked = asked;
    server->user = user;
    snprintf(server->host, sizeof server->host, "%s", host);
    inet_pton(AF_INET, host, &address.sin_addr);
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->fd, (struct sockaddr *)&address, size) != 0 || listen(server->fd, 256) != 0)
        abort();
    getsockname(server->fd, (struct sockaddr *)&address, &size);
    server->port = ntohs(address.sin_port);
    pthread_mutex_init(&server->lock, NULL);
    pthread_create(&server->thread, NULL, accept_all, server);
    return server;
}

void double_play(struct double_server *server, const struct double_answer *script) {
    pthread_mutex_lock(&server->lock);
    for (; script->to != NULL; script++) {
        assert(server->answers < ANSWERS_MOST);
        struct double_answer *answer = &server->script[server->answers++];
        *answer = *script;
        answer->to = strdup(script->to);
        answer->send = strdup(script->send);
        answer->holding = script->holding != NULL ? strdup(script->holding) : NULL;
    }
    pthread_mutex_unlock(&server->lock);
}

struct double_server *double_new(const char *host, const struct double_answer *script,
                                 void (*asked)(void *user), void *user) {
    struct double_server *server = double_listen(host, asked, user);
    double_play(server, script);
    return server;
}

void double_free(struct double_server *server) {
    pthread_mutex_lock(&server->lock);
    server->ending = true;
    for (size_t i = 0; i < server->connection_count; i++) {
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    for (size_t i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->fd);
    for (size_t i = 0; i < server->request_count; i++)
        free(server->requests[i]);
    for (size_t i = 0; i < server->answers; i++) {
        free((char *)server->script[i].to);
        free((char *)server->script[i].send);
        free((char *)server->script[i].holding);
    }
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int double_port(const struct double_server *server) {
    return server->port;
}

const char *double_url(struct double_server *server, const char *path) {
    snprintf(server->url, sizeof server->url, "http://%s:%d%s", server->host, server->port, path);
    return server->url;
}

size_t double_requests(struct double_server *server) {
    pthread_mutex_lock(&server->lock);
    size_t count = server->request_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

size_t double_saw(struct double_server *server, const char *text) {
    size_t count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->request_count; i++)
        count += strstr(server->requests[i], text) != NULL;
    pthread_mutex_unlock(&server->lock);
    return count;
}

size_t double_connections(struct double_server *server) {
    pthread_mutex_lock(&server->lock);
    size_t count = server->connection_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

size_t double_open(struct double_server *server) {
    size_t count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->connection_count; i++)
        count += server->connections[i].fd >= 0;
    pthread_mutex_unlock(&server->lock);
    return count;
}
