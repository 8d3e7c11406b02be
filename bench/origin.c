/* The upstream of the benchmarks: a Forgejo with one release, a thread for each connection.
 *
 *     origin OBJECTS SIZE FIRST_BYTE_MS BYTES_A_SECOND
 *
 * It prints its port and serves on 127.0.0.1 until it is killed:
 *   /api/v1/…         the release: "small" of 4 KiB and cold-0, cold-1 … of SIZE bytes each
 *   /fetches/NAME     how often the object was asked for so far
 *   any other path    the object that its last segment names: FIRST_BYTE_MS before anything comes,
 * then at the rate given, each connection by itself (0: as fast as it is read)
 */

#include "pattern.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OBJECTS_MOST = 512, SMALL = 4096, CHUNK = 128 * 1024, REQUEST_MOST = 16384 };

static long objects, size_of_each, first_byte_ms, rate;
static int port;
static atomic_int fetches[OBJECTS_MOST + 1]; /* the last: of "small" */

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void sleep_until(int64_t ns) {
    struct timespec until = {ns / 1000000000, ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ;
}

static bool send_all(int fd, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool send_head(int fd, int status, const char *type, long length) {
    char head[256];
    int size = snprintf(head, sizeof head,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %ld\r\n"
                        "Cache-Control: max-age=86400\r\n\r\n",
                        status, status == 200 ? "OK" : "Not Found", type, length);
    return send_all(fd, head, (size_t)size);
}

/* The number of the object, -1 when there is none of that name. */
static int number_of(const char *name) {
    char *end;
    if (strcmp(name, "small") == 0)
        return OBJECTS_MOST;
    if (strncmp(name, "cold-", 5) != 0)
        return -1;
    long number = strtol(name + 5, &end, 10);
    return end != name + 5 && *end == '\0' && number >= 0 && number < objects ? (int)number : -1;
}

static void write_asset(FILE *out, const char *name, int number, long size) {
    fprintf(
        out,
        "%s{\"id\":%d,\"uuid\":\"uuid-%s\",\"name\":\"%s\",\"size\":%ld,\"type\":\"attachment\","
        "\"browser_download_url\":\"http://127.0.0.1:%d/attachments/%s\"}",
        number > 0 ? "," : "", number + 1, name, name, size, port, name);
}

static bool send_release(int fd) {
    char *text = NULL, name[32];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("{\"tag_name\":\"v1.0.0\",\"name\":\"v1.0.0\",\"assets\":[", out);
    write_asset(out, "small", 0, SMALL);
    for (int i = 0; i < objects; i++) {
        snprintf(name, sizeof name, "cold-%d", i);
        write_asset(out, name, i + 1, size_of_each);
    }
    fputs("]}", out);
    fclose(out);
    bool sent = send_head(fd, 200, "application/json", (long)size) && send_all(fd, text, size);
    free(text);
    return sent;
}

static bool send_count(int fd, const char *name) {
    char text[32];
    int number = number_of(name);
    int size = snprintf(text, sizeof text, "%d\n", number < 0 ? 0 : atomic_load(&fetches[number]));
    return send_head(fd, 200, "text/plain", size) && send_all(fd, text, (size_t)size);
}

static bool send_object(int fd, const char *name, int number) {
    uint64_t chunk[CHUNK / 8], seed = pattern_seed(name);
    long size = number == OBJECTS_MOST ? SMALL : size_of_each;
    atomic_fetch_add(&fetches[number], 1);
    sleep_until(now_ns() + first_byte_ms * 1000000);
    if (!send_head(fd, 200, "application/octet-stream", size))
        return false;
    int64_t began = now_ns();
    for (long at = 0; at < size; at += CHUNK) {
        size_t part = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        for (size_t i = 0; i < CHUNK / 8; i++)
            chunk[i] = pattern_word(seed, (uint64_t)at / 8 + i);
        if (rate > 0)
            sleep_until(began + (int64_t)((double)(at + (long)part) * 1e9 / (double)rate));
        if (!send_all(fd, (const char *)chunk, part))
            return false;
    }
    return true;
}

static bool answer(int fd, char *path) {
    path[strcspn(path, " ?")] = '\0';
    const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;
    int number = number_of(name);
    if (strncmp(path, "/api/v1/", 8) == 0)
        return send_release(fd);
    if (strncmp(path, "/fetches/", 9) == 0)
        return send_count(fd, name);
    if (number < 0)
        return send_head(fd, 404, "text/plain", 0);
    return send_object(fd, name, number);
}

/* Requests have no bodies and do not come pipelined. */
static void *serve(void *argument) {
    int fd = (int)(intptr_t)argument;
    char request[REQUEST_MOST];
    size_t size = 0;
    for (;;) {
        ssize_t got = recv(fd, request + size, sizeof request - 1 - size, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = '\0';
        if (strstr(request, "\r\n\r\n") == NULL)
            continue;
        char *path = strchr(request, ' ');
        if (path == NULL || !answer(fd, path + 1))
            break;
        size = 0;
    }
    close(fd);
    return NULL;
}

static int listen_anywhere(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        perror("origin");
        exit(1);
    }
    port = ntohs(address.sin_port);
    return fd;
}

int main(int count, char **arguments) {
    pthread_attr_t detached;
    pthread_t thread;
    if (count != 5 || (objects = atol(arguments[1])) < 0 || objects > OBJECTS_MOST) {
        fprintf(stderr, "usage: origin OBJECTS SIZE FIRST_BYTE_MS BYTES_A_SECOND\n");
        return 2;
    }
    size_of_each = atol(arguments[2]);
    first_byte_ms = atol(arguments[3]);
    rate = atol(arguments[4]);
    signal(SIGPIPE, SIG_IGN);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int listener = listen_anywhere(), one = 1;
    printf("%d\n", port);
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, &detached, serve, (void *)(intptr_t)fd) != 0)
            close(fd);
    }
}
