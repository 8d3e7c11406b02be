#ifndef DU_SERVER_H
#define DU_SERVER_H

/* The HTTP/1.1 server of one worker: listeners, connections, exchanges (RFC 9112).
 *
 * An exchange is one request and its reply. What can be refused without a script (malformed lines,
 * sizes, smuggling, time-outs) is answered here; everything else becomes an exchange.
 *
 * Invariants
 *  1. `request` is called once an exchange's header is complete; then exactly one of: a reply is
 * given (du_exchange_reply), or `gone` comes first (the client left while nobody had replied, or
 * its body was refused, which du_exchange_read tells). A reply given from within gone is dropped.
 *  2. `finished` is called exactly once for each exchange that `request` was called for, last,
 * whatever happened; the exchange is gone when it returns. It may be called from within
 * du_exchange_reply, du_exchange_read and a body's wake, but never from within `request`.
 *  3. Exchanges of a connection follow one another: the next pipelined request is looked at when
 * the one before has finished.
 *  4. Slices of a request (path, headers, body) are good until finished.
 *  5. A request is refused that could be read two ways: both length headers, several lengths, an
 * empty header name, a folded header, a missing or second Host, HTTP/0.9, bare CR or LF, NUL.
 *  6. Every connection that waits for its client has a deadline. One that waits for its reply or
 * for its body has theirs (the script's, upstream's), and is watched for the client's departure. A
 * client that closes only its own direction counts as one that left, unless its reply is there at
 * once.
 *
 * Costs. A keep-alive request that is answered at once: recv, sendmsg, no allocation here. A
 * connection for one request: accept4, recv, sendmsg, close. An idle connection holds its struct
 * du_conn only.
 *
 * Thread: the worker's loop. It blocks SIGPIPE (sendfile has no MSG_NOSIGNAL).
 */

#include "base.h"
#include "bytes.h"
#include "mailbox.h"
#include "reply.h"
#include "timers.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct du_server;
struct du_exchange;
struct du_socket; /* a listening socket, made before workers start */

struct du_server_limits {
    size_t header_bytes; /* 32 KiB: request line and headers; over it 431 (a long target 414) */
    size_t body_bytes;   /* 1 MiB: over it 413 */
    size_t connections;  /* 16384 of this worker; over it the oldest idle one goes, else accepting
                            pauses */
    int64_t header_ms;   /* 10 s from the first byte to the end of the header: 408 */
    int64_t idle_ms;     /* 60 s before and between requests: closed quietly */
    int64_t body_ms;     /* 30 s from when a request body is asked for to its end: 408 */
    int64_t send_ms;     /* 30 s: the window over which the least send rate is looked at */
    int64_t send_bytes;  /* 30 KiB: fewer taken by the client in a window that had data to send:
                            closed */
    int64_t linger_ms;   /* 2 s: lingering close */
};

extern const struct du_server_limits du_server_limits_default;

/* How an exchange ended. */
enum du_exchange_end {
    DU_EXCHANGE_COMPLETED, /* the last byte was handed to the kernel */
    DU_EXCHANGE_ABORTED, /* the client left, before or during the reply, or its body was refused */
    DU_EXCHANGE_SLOW,    /* the client took less than the least send rate */
    DU_EXCHANGE_BROKEN,  /* the body said BROKEN: our side or upstream's failed in mid-stream */
    DU_EXCHANGE_DRAINED  /* the server was closed over it */
};

struct du_server_hooks {
    void (*request)(void *user, struct du_exchange *exchange);
    void (*gone)(void *user, struct du_exchange *exchange);
    void (*finished)(void *user, struct du_exchange *exchange, enum du_exchange_end end);
    /* May be NULL. The server answered by itself, with this status (0: it dropped the connection);
     * why. */
    void (*refused)(void *user, int status, const char *reason);
};

/* "host:port", "[::]:port", "host:0", "unix:PATH". Binds first without SO_REUSEPORT, so that an
 * address in use is an error (DU_IO, naming it); an abandoned unix socket is replaced, a live one
 * is not. Each worker gets a socket of its own for the same address. It listens from now on.
 * DU_SCRIPT: no such address. */
enum du_error_kind du_socket_listen(const char *address, unsigned workers,
                                    struct du_socket **socket, struct du_error *error);
/* The same of a socket that listens already (a service manager opened it), which all workers accept
 * from. It takes the descriptor; on failure it stays the caller's. DU_IO: it is no such socket. */
enum du_error_kind du_socket_adopt(int fd, unsigned workers, struct du_socket **socket,
                                   struct du_error *error);
/* Appends the address of a listening socket, as du_socket_listen takes it. */
enum du_error_kind du_socket_name(int fd, struct du_bytes *name, struct du_error *error);
/* What it is bound to, with the port the kernel chose. */
const char *du_socket_address(const struct du_socket *socket);
bool du_socket_is_loopback(const struct du_socket *socket); /* unix sockets are, too */
/* Closes what no server took, and removes a unix socket's path. */
void du_socket_close(struct du_socket **socket);

enum du_error_kind du_server_new(struct du_server **server, uv_loop_t *loop,
                                 struct du_timers *timers, struct du_base *base,
                                 const struct du_server_limits *limits,
                                 const struct du_server_hooks *hooks, void *user);
/* Takes the share of worker number `worker` (from 0) out of the socket and accepts on it. tag comes
 * back from du_exchange_tag (which listener it was: the admin one, say). */
enum du_error_kind du_server_accept(struct du_server *server, struct du_socket *socket,
                                    unsigned worker, int tag, struct du_error *error);
/* From now on answers carry `Connection: close` and idle connections go; still accepts. */
void du_server_drain(struct du_server *server);
/* Accepts until EAGAIN, then stops listening. Running exchanges go on. */
void du_server_stop(struct du_server *server);
/* Ends what is left (DRAINED); closed is called when all is gone and the server freed. */
void du_server_close(struct du_server **server, void (*closed)(void *user), void *user);
size_t du_server_connections(const struct du_server *server);
size_t du_server_exchanges(const struct du_server *server);

/* The request. Slices are not NUL-terminated. */
struct du_slice du_exchange_method(const struct du_exchange *exchange);
struct du_slice
du_exchange_target(const struct du_exchange *exchange);                /* as sent: path and query */
struct du_slice du_exchange_path(const struct du_exchange *exchange);  /* still percent-encoded */
struct du_slice du_exchange_query(const struct du_exchange *exchange); /* without '?' */
size_t du_exchange_header_count(const struct du_exchange *exchange);
void du_exchange_header_at(const struct du_exchange *exchange, size_t at, struct du_slice *name,
                           struct du_slice *value);
/* The first header of that name from number *from on (names fold; *from moves behind it). */
bool du_exchange_header(const struct du_exchange *exchange, const char *name, size_t *from,
                        struct du_slice *value);
/* The peer's address as text without port ("unix" for a unix socket; IPv4 also where it came
 * mapped). */
const char *du_exchange_peer(struct du_exchange *exchange);
int du_exchange_peer_port(const struct du_exchange *exchange); /* 0 for unix */
int du_exchange_tag(const struct du_exchange *exchange);
int64_t du_exchange_began_ns(const struct du_exchange *exchange);   /* monotonic: its first byte */
int64_t du_exchange_sent_bytes(const struct du_exchange *exchange); /* of the body, so far */
void du_exchange_set_user(struct du_exchange *exchange, void *user);
void *du_exchange_user(const struct du_exchange *exchange);
bool du_exchange_is_head(const struct du_exchange *exchange);

/* Reads the request's body (sends 100 Continue when it was expected), up to body_bytes: `read` is
 * called once, unless a reply is given first. DU_OK: all of it. Otherwise gone follows, and the
 * server answers by itself: DU_OVERLOADED for one too large (413), DU_MEMORY (503), DU_CANCELLED
 * when the client left, stalled (408) or sent what is none (400). May be called back before it
 * returns. A body nobody asks for is read and dropped, within bounds, before the connection is used
 * again. */
void du_exchange_read(struct du_exchange *exchange,
                      void (*read)(void *user, enum du_error_kind result, struct du_slice body),
                      void *user);

/* Sends the reply: takes what is in it and leaves it empty. HEAD and 204, 304 send no body,
 * whatever it has (a HEAD's Content-Length is the body's). A status outside 200 … 599 becomes 500.
 * Never fails; what goes wrong is told by finished. */
void du_exchange_reply(struct du_exchange *exchange, struct du_reply *reply);

#endif
