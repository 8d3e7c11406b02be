#include "call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in ip;
    struct sockaddr_un local;
};

/* The size of the address; 0 when the text is none. */
static socklen_t parse_address(const char *text, union address *address) {
    memset(address, 0, sizeof *address);
    if (strncmp(text, "unix:", 5) == 0) {
        address->local.sun_family = AF_UNIX;
        if (strlen(text + 5) >= sizeof address->local.sun_path)
            return 0;
        memcpy(address->local.sun_path, text + 5, strlen(text + 5));
        return sizeof address->local;
    }
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return 0;
    memcpy(host, text, (size_t)(colon - text));
    address->ip.sin_family = AF_INET;
    address->ip.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return inet_pton(AF_INET, host, &address->ip.sin_addr) == 1 ? sizeof address->ip : 0;
}

static int connect_to(const char *text, int timeout_secs) {
    union address address;
    socklen_t size = parse_address(text, &address);
    if (size == 0) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval bound = {.tv_sec = timeout_secs};
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    if (connect(fd, &address.any, size) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static bool send_all(int fd, struct du_slice request) {
    for (size_t at = 0; at < request.size;) {
        ssize_t sent = send(fd, request.data + at, request.size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, struct du_bytes *answer) {
    for (;;) {
        char *room = du_bytes_reserve(answer, 64 * 1024);
        if (room == NULL) {
            errno = ENOMEM;
            return false;
        }
        ssize_t got = recv(fd, room, 64 * 1024, 0);
        if (got <= 0)
            return got == 0;
        du_bytes_grew(answer, (size_t)got);
    }
}

enum du_error_kind du_call(const char *address, struct du_slice request, int timeout_secs,
                           struct du_bytes *answer, struct du_error *error) {
    int fd = connect_to(address, timeout_secs);
    bool fine = fd >= 0 && send_all(fd, request) && receive_all(fd, answer);
    int number = errno;
    if (fd >= 0)
        close(fd);
    return fine ? DU_OK : du_error_set(error, DU_TRANSPORT, "%s: %s", address, strerror(number));
}
