/* Many clients at once for one object.
 *
 *     stampede PORT PATH NAME CLIENTS SIZE CHECKED [HEADER…]
 *
 * All connect to 127.0.0.1:PORT; when all stand they ask together for PATH. Of the bytes of the
 * first CHECKED clients each is compared with what the object NAME holds; of the others only the
 * number counts, and they leave the bytes in the kernel (MSG_TRUNC), so that this side does not
 * become the limit. Times run from the moment when the first request is sent. It prints one line of
 * JSON: milliseconds to the first and the last byte of the body.
 */

#include "pattern.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_MOST = 4096, PIECE = 256 * 1024, EVENTS = 256, GIVE_UP_MS = 120000 };

struct client {
    int fd;
    bool checked, ended, in_body, good;
    long body;          /* bytes of it so far */
    double first, last; /* ms */
    size_t head_size;
    char head[HEAD_MOST];
};

static char request[HEAD_MOST], piece[PIECE];
static size_t request_size;
static long size;
static uint64_t seed;
static double began;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void connect_to(struct client *client, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
}

static void end(struct client *client, bool good) {
    client->ended = true;
    client->good = good && client->body == size;
    client->last = now_ms() - began;
    close(client->fd);
}

static bool is_right(const char *data, size_t count, long at) {
    size_t i = 0;
    for (; i < count && (at + (long)i) % 8 != 0; i++)
        if ((unsigned char)data[i] != pattern_byte(seed, (uint64_t)at + i))
            return false;
    for (; i + 8 <= count; i += 8) {
        uint64_t word = pattern_word(seed, ((uint64_t)at + i) / 8);
        if (memcmp(&word, data + i, 8) != 0)
            return false;
    }
    for (; i < count; i++)
        if ((unsigned char)data[i] != pattern_byte(seed, (uint64_t)at + i))
            return false;
    return true;
}

/* Bytes of the body; data is NULL where they were left in the kernel. */
static void take_body(struct client *client, const char *data, size_t count) {
    if (count == 0)
        return;
    if (client->body == 0)
        client->first = now_ms() - began;
    bool good = data == NULL || is_right(data, count, client->body);
    client->body += (long)count;
    if (!good || client->body >= size)
        end(client, good);
}

/* The head must be of a 200 that announces the size (no chunks). */
static bool is_good_head(const struct client *client) {
    const char *length = strcasestr(client->head, "\r\ncontent-length:");
    return strncmp(client->head, "HTTP/1.1 200 ", 13) == 0 && length != NULL &&
           atol(length + 17) == size;
}

static void take_head(struct client *client) {
    ssize_t got = recv(client->fd, client->head + client->head_size,
                       HEAD_MOST - 1 - client->head_size, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        end(client, false);
        return;
    }
    client->head_size += (size_t)got;
    client->head[client->head_size] = '\0';
    /* The body's bytes may hold NULs: only what stands before them is searched. */
    char *stop = memmem(client->head, client->head_size, "\r\n\r\n", 4);
    if (stop == NULL) {
        if (client->head_size == HEAD_MOST - 1)
            end(client, false);
        return;
    }
    char *body = stop + 4, *behind = client->head + client->head_size;
    *stop = '\0';
    client->in_body = true;
    if (is_good_head(client))
        take_body(client, body, (size_t)(behind - body));
    else
        end(client, false);
}

static void take(struct client *client) {
    if (!client->in_body) {
        take_head(client);
        return;
    }
    int flags = MSG_DONTWAIT | (client->checked ? 0 : MSG_TRUNC);
    ssize_t got = recv(client->fd, piece, sizeof piece, flags);
    if (got > 0)
        take_body(client, client->checked ? piece : NULL, (size_t)got);
    else if (got == 0 || errno != EAGAIN)
        end(client, false);
}

static void make_request(char **arguments, int headers) {
    int used =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", arguments[2]);
    for (int i = 0; i < headers; i++)
        used += snprintf(request + used, sizeof request - (size_t)used, "%s\r\n", arguments[7 + i]);
    used += snprintf(request + used, sizeof request - (size_t)used, "\r\n");
    if ((size_t)used >= sizeof request)
        fail("request");
    request_size = (size_t)used;
}

static void run(struct client *clients, int count) {
    struct epoll_event events[EVENTS];
    int poller = epoll_create1(EPOLL_CLOEXEC), left = count;
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &clients[i]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event) != 0)
            fail("epoll");
    }
    began = now_ms();
    for (int i = 0; i < count; i++)
        if (send(clients[i].fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size)
            fail("send");
    while (left > 0 && now_ms() - began < GIVE_UP_MS) {
        int ready = epoll_wait(poller, events, EVENTS, 1000);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            take(client);
            left -= client->ended;
        }
    }
    close(poller);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double part_of(const double *sorted, int count, double part) {
    int at = (int)(part * count);
    return count > 0 ? sorted[at < count ? at : count - 1] : -1;
}

static void report(const struct client *clients, int count) {
    double *first = calloc((size_t)count, sizeof *first);
    double *last = calloc((size_t)count, sizeof *last);
    int good = 0;
    if (first == NULL || last == NULL)
        fail("calloc");
    for (int i = 0; i < count; i++)
        if (clients[i].good) {
            first[good] = clients[i].first;
            last[good++] = clients[i].last;
        }
    qsort(first, (size_t)good, sizeof *first, by_size);
    qsort(last, (size_t)good, sizeof *last, by_size);
    printf("{\"clients\":%d,\"good\":%d,\"first_p50\":%.1f,\"first_p99\":%.1f,"
           "\"last_p50\":%.1f,\"last_p99\":%.1f}\n",
           count, good, part_of(first, good, 0.5), part_of(first, good, 0.99),
           part_of(last, good, 0.5), part_of(last, good, 0.99));
    free(first);
    free(last);
}

int main(int count, char **arguments) {
    if (count < 7) {
        fprintf(stderr, "usage: stampede PORT PATH NAME CLIENTS SIZE CHECKED [HEADER…]\n");
        return 2;
    }
    int clients_count = atoi(arguments[4]), checked = atoi(arguments[6]);
    size = atol(arguments[5]);
    seed = pattern_seed(arguments[3]);
    make_request(arguments, count - 7);
    struct client *clients = calloc((size_t)clients_count, sizeof *clients);
    if (clients == NULL)
        fail("calloc");
    for (int i = 0; i < clients_count; i++) {
        clients[i].checked = i < checked;
        connect_to(&clients[i], atoi(arguments[1]));
    }
    run(clients, clients_count);
    report(clients, clients_count);
    free(clients);
    return 0;
}
