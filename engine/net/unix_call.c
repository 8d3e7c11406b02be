#include "unix_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static enum du_error_kind failed(struct du_error *error, const char *path) {
    return du_error_set(error, DU_TRANSPORT, "%s: %s", path, strerror(errno));
}

static int connect_to(const char *path, int timeout_secs) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval bound = {.tv_sec = timeout_secs};
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof bound);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static bool send_all(int fd, const struct du_bytes *bytes) {
    for (size_t at = 0; at < bytes->size;) {
        ssize_t sent = send(fd, bytes->data + at, bytes->size - at, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, struct du_bytes *bytes) {
    char part[4096];
    for (;;) {
        ssize_t got = recv(fd, part, sizeof part, 0);
        if (got < 0)
            return false;
        if (got == 0)
            return true;
        du_bytes_add(bytes, part, (size_t)got);
    }
}

/* The request asks for `Connection: close`, so the body is what follows the header. */
static enum du_error_kind read_answer(int fd, const char *path, int *status,
                                      struct du_bytes *answer, struct du_error *error) {
    if (!receive_all(fd, answer))
        return failed(error, path);
    char *end = answer->size > 0 ? strstr(answer->data, "\r\n\r\n") : NULL;
    if (end == NULL || sscanf(answer->data, "HTTP/1.1 %d", status) != 1)
        return du_error_set(error, DU_TRANSPORT, "%s: no answer", path);
    du_bytes_consume(answer, (size_t)(end + 4 - answer->data));
    return du_bytes_check(answer);
}

enum du_error_kind du_unix_call(const char *path, const char *target, struct du_slice body,
                                int timeout_secs, int *status, struct du_bytes *answer,
                                struct du_error *error) {
    int fd = connect_to(path, timeout_secs);
    if (fd < 0)
        return failed(error, path);
    struct du_bytes request;
    du_bytes_init(&request);
    du_bytes_format(&request,
                    "POST %s HTTP/1.1\r\nHost: control\r\nConnection: close\r\n"
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                    target, body.size);
    du_bytes_add(&request, body.data, body.size);
    enum du_error_kind kind = du_bytes_check(&request);
    if (kind == DU_OK)
        kind = send_all(fd, &request) ? read_answer(fd, path, status, answer, error)
                                      : failed(error, path);
    du_bytes_deinit(&request);
    close(fd);
    return kind;
}
