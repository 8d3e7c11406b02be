#include "mem.h"
#include "socket_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, ALIVE_IDLE_S = 60, ALIVE_INTERVAL_S = 20, ALIVE_PROBES = 4 };

struct du_socket {
    char *address;
    char *path; /* of a unix socket, removed at the end; else NULL */
    bool is_loopback;
    unsigned count;
    int fds[]; /* one a worker; -1: a server has it */
};

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

static void set(int fd, int level, int option, int value) {
    setsockopt(fd, level, option, &value, sizeof(value));
}

/* What accepted connections inherit is set here, once: no call for each of them. Keepalive notices
 * the client that vanished while its reply waits. */
static void set_options(int fd, int family) {
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, ALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, ALIVE_INTERVAL_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, ALIVE_PROBES);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
}

static socklen_t size_of(const union any_address *address) {
    return address->any.sa_family == AF_INET    ? sizeof(address->v4)
           : address->any.sa_family == AF_INET6 ? sizeof(address->v6)
                                                : sizeof(address->un);
}

static int new_socket(int family) {
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* ---- TCP ---- */

/* "host:port" or "[host]:port" to an address; the host may be a name. */
static enum du_error_kind resolve(const char *text, union any_address *address,
                                  struct du_error *error) {
    char host[256];
    const char *colon = strrchr(text, ':');
    size_t size = colon != NULL ? (size_t)(colon - text) : 0;
    bool bracketed = size >= 2 && text[0] == '[' && text[size - 1] == ']';
    if (bracketed) {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof(host) || colon[1] == '\0' ||
        (!bracketed && memchr(text, ':', size) != NULL))
        return du_error_set(error, DU_SCRIPT,
                            "\"%s\" is no address: host:port, [::]:port or unix:PATH",
                            bracketed ? text - 1 : text);
    memcpy(host, text, size);
    host[size] = '\0';
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, colon + 1, &hints, &found);
    if (result != 0)
        return du_error_set(error, DU_SCRIPT, "address %s%s: %s", bracketed ? "[" : "", text,
                            gai_strerror(result));
    /* "localhost" is both: IPv4 is what people mean, and what there always is. */
    const struct addrinfo *chosen = found;
    for (const struct addrinfo *next = found; next != NULL; next = next->ai_next)
        if (next->ai_family == AF_INET && chosen->ai_family != AF_INET)
            chosen = next;
    memcpy(address, chosen->ai_addr, chosen->ai_addrlen);
    freeaddrinfo(found);
    return DU_OK;
}

/* Binds worker 0 without SO_REUSEPORT, so that a port in use is noticed; the port the kernel chose,
 * if it did, goes into *address. Then the others join it. */
static int listen_tcp(struct du_socket *new, union any_address *address) {
    for (unsigned i = 0; i < new->count; i++) {
        int fd = new->fds[i] = new_socket(address->any.sa_family);
        if (fd < 0)
            return errno;
        set_options(fd, address->any.sa_family);
        if (i > 0)
            set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        if (bind(fd, &address->any, size_of(address)) != 0)
            return errno;
        if (new->count > 1)
            set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        socklen_t size = sizeof(*address);
        if (i == 0 && getsockname(fd, &address->any, &size) != 0)
            return errno;
    }
    for (unsigned i = 0; i < new->count; i++)
        if (listen(new->fds[i], BACKLOG) != 0)
            return errno;
    return 0;
}

static bool is_loopback(const union any_address *address) {
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

static char *text_of(const union any_address *address) {
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo(&address->any, size_of(address), host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return NULL;
    struct du_bytes text;
    du_bytes_init(&text);
    bool is_v6 = address->any.sa_family == AF_INET6;
    du_bytes_format(&text, "%s%s%s:%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
    return text.data;
}

/* ---- unix ---- */

/* A socket file that nobody listens on any more. */
static bool is_abandoned(const struct sockaddr_un *address) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = new_socket(AF_UNIX);
    bool refused = fd >= 0 &&
                   connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static int bind_unix(int fd, const struct sockaddr_un *address) {
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
        return 0;
    if (errno != EADDRINUSE || !is_abandoned(address))
        return errno;
    if (unlink(address->sun_path) != 0)
        return errno;
    return bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ? 0 : errno;
}

/* One socket, which all workers accept from. */
static int listen_unix(struct du_socket *new, const struct sockaddr_un *address) {
    new->fds[0] = new_socket(AF_UNIX);
    if (new->fds[0] < 0)
        return errno;
    int result = bind_unix(new->fds[0], address);
    if (result != 0)
        return result;
    new->path = du_strdup(address->sun_path);
    if (new->path == NULL)
        return ENOMEM;
    if (listen(new->fds[0], BACKLOG) != 0)
        return errno;
    for (unsigned i = 1; i < new->count; i++)
        if ((new->fds[i] = fcntl(new->fds[0], F_DUPFD_CLOEXEC, 0)) < 0)
            return errno;
    return 0;
}

/* ---- both ---- */

static enum du_error_kind read_address(const char *text, union any_address *address,
                                       struct du_error *error) {
    memset(address, 0, sizeof(*address));
    if (strncmp(text, "unix:", 5) != 0)
        return resolve(text, address, error);
    size_t size = strlen(text + 5);
    if (size == 0 || size >= sizeof(address->un.sun_path))
        return du_error_set(error, DU_SCRIPT, "\"%s\": a unix socket's path has 1 to %zu bytes",
                            text, sizeof(address->un.sun_path) - 1);
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, text + 5, size + 1);
    return DU_OK;
}

enum du_error_kind du_socket_listen(const char *address, unsigned workers,
                                    struct du_socket **socket, struct du_error *error) {
    union any_address where;
    enum du_error_kind kind = read_address(address, &where, error);
    if (kind != DU_OK)
        return kind;
    struct du_socket *new = du_calloc(1, sizeof(*new) + workers * sizeof(new->fds[0]));
    if (new == NULL)
        return DU_MEMORY;
    new->count = workers;
    for (unsigned i = 0; i < workers; i++)
        new->fds[i] = -1;
    bool is_unix = where.any.sa_family == AF_UNIX;
    int result = is_unix ? listen_unix(new, &where.un) : listen_tcp(new, &where);
    if (result == 0) {
        new->is_loopback = is_unix || is_loopback(&where);
        new->address = is_unix ? du_strdup(address) : text_of(&where);
        result = new->address == NULL ? ENOMEM : 0;
    }
    if (result != 0) {
        du_socket_close(&new);
        return du_error_errno(error, result, "listen on", address);
    }
    *socket = new;
    return DU_OK;
}

/* Of a socket that somebody else opened: its address, if it listens. */
static enum du_error_kind look_at(int fd, union any_address *address, struct du_bytes *name,
                                  struct du_error *error) {
    int listens = 0;
    socklen_t size = sizeof(listens), address_size = sizeof(*address);
    memset(address, 0, sizeof(*address));
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 ||
        getsockname(fd, &address->any, &address_size) != 0)
        return du_error_set(error, DU_IO, "it is no socket (%s)", strerror(errno));
    if (!listens)
        return du_error_set(error, DU_IO, "it is a socket that does not listen");
    if (address->any.sa_family == AF_UNIX) {
        const char *path = address->un.sun_path;
        bool is_abstract = path[0] == '\0';
        du_bytes_format(name, "unix:%s%s", is_abstract ? "@" : "", path + is_abstract);
        return du_bytes_check(name);
    }
    if (address->any.sa_family != AF_INET && address->any.sa_family != AF_INET6)
        return du_error_set(error, DU_IO, "it is neither a TCP nor a unix socket");
    char *text = text_of(address);
    du_bytes_text(name, text != NULL ? text : "");
    du_free(text);
    return du_bytes_check(name);
}

enum du_error_kind du_socket_name(int fd, struct du_bytes *name, struct du_error *error) {
    union any_address address;
    return look_at(fd, &address, name, error);
}

enum du_error_kind du_socket_adopt(int fd, unsigned workers, struct du_socket **socket,
                                   struct du_error *error) {
    union any_address where;
    struct du_bytes name;
    du_bytes_init(&name);
    enum du_error_kind kind = look_at(fd, &where, &name, error);
    struct du_socket *new =
        kind == DU_OK ? du_calloc(1, sizeof(*new) + workers * sizeof(new->fds[0])) : NULL;
    if (new == NULL) {
        du_bytes_deinit(&name);
        return kind == DU_OK ? DU_MEMORY : kind;
    }
    bool is_unix = where.any.sa_family == AF_UNIX, failed = false;
    new->count = workers;
    new->is_loopback = is_unix || is_loopback(&where);
    new->address = name.data;
    for (unsigned i = 1; i < workers; i++) {
        new->fds[i] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        failed = failed || new->fds[i] < 0;
    }
    new->fds[0] = -1;
    if (failed) {
        du_socket_close(&new);
        return du_error_errno(error, errno, "share", "a socket that was given");
    }
    if (!is_unix)
        set_options(fd, AF_INET);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    new->fds[0] = fd;
    *socket = new;
    return DU_OK;
}

const char *du_socket_address(const struct du_socket *socket) {
    return socket->address;
}

bool du_socket_is_loopback(const struct du_socket *socket) {
    return socket->is_loopback;
}

int du_socket_share(const struct du_socket *socket, unsigned worker) {
    if (worker >= socket->count || socket->fds[worker] < 0)
        return -EBADF;
    return socket->fds[worker];
}

void du_socket_shared(struct du_socket *socket, unsigned worker) {
    socket->fds[worker] = -1;
}

void du_socket_close(struct du_socket **socket) {
    struct du_socket *old = *socket;
    *socket = NULL;
    for (unsigned i = 0; i < old->count; i++)
        if (old->fds[i] >= 0)
            close(old->fds[i]);
    if (old->path != NULL)
        unlink(old->path);
    du_free(old->path);
    du_free(old->address);
    du_free(old);
}
