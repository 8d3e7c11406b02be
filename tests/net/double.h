#ifndef DOUBLE_H
#define DOUBLE_H

/* An upstream for tests: raw sockets on the loopback, and a script of answers. Each connection has
 * a thread of its own, so an answer may wait for a gate without holding up the others.
 *
 * A request takes the first answer of the script that is not used up and fits it. What was asked is
 * kept, word for word. A request that no answer fits is answered 599.
 */

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

enum double_then {
    DOUBLE_KEEP,  /* reads the next request */
    DOUBLE_CLOSE, /* ends the connection in order */
    DOUBLE_RESET, /* breaks it */
    DOUBLE_HOLD   /* sends no more, until the client leaves or the double is freed */
};

struct double_answer {
    const char *to;      /* what the request line begins with: "GET /x" */
    const char *holding; /* a text in the request's header; NULL: any */
    const char *send;    /* sent as it is; "" for nothing at all */
    size_t fill;         /* and so many bytes more (double_byte) */
    enum double_then then;
    bool always;      /* is never used up */
    sem_t *gate;      /* waited for before a byte is sent; NULL: none */
    sem_t *fill_gate; /* waited for between send and fill; NULL: none */
    bool used;        /* the double's own */
};

struct double_server;

/* Listens on host, a loopback address, on a port that the kernel chooses. The script (ended by a
 * NULL `to`) is copied. asked (may be NULL) is called on a thread of the
 * double's once a request has come in. */
struct double_server *double_new(const char *host, const struct double_answer *script,
                                 void (*asked)(void *user), void *user);
/* The same, with a script that names the double's own port, or a port of another. */
struct double_server *double_listen(const char *host, void (*asked)(void *user), void *user);
void double_play(struct double_server *server, const struct double_answer *script);
/* Ends all connections. */
void double_free(struct double_server *server);

int double_port(const struct double_server *server);
/* "http://host:port" and path, in a buffer of the double's own that the next call reuses. */
const char *double_url(struct double_server *server, const char *path);
/* How many requests have come in, and how many of them hold the text. */
size_t double_requests(struct double_server *server);
size_t double_saw(struct double_server *server, const char *text);
size_t double_connections(struct double_server *server);
/* How many connections are still open at its end. */
size_t double_open(struct double_server *server);
/* Byte number `at` of every fill. */
char double_byte(size_t at);

#endif
