#ifndef DU_TEST_STAND_H
#define DU_TEST_STAND_H

/* A server on a loop and a clock of its own, with clients on real sockets in the same thread: each
 * test turns the loop until what it waits for is there. */

#include "mem.h"
#include "server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { STAND_CLIENTS = 64 };

struct client {
    int fd;
    bool reading; /* false: the client does not take what it is sent */
    bool closed, reset;
    struct du_bytes got;
};

struct stand {
    uv_loop_t loop;
    struct du_base base;
    struct du_timers timers;
    struct du_server_limits limits;
    struct du_server *server; /* NULL once it is being closed */
    struct du_socket *socket;
    struct client clients[STAND_CLIENTS];
    int client_count;

    /* What the test's application does with a request; by default it says "hello". */
    void (*on_request)(struct stand *stand, struct du_exchange *exchange);
    void (*on_gone)(struct stand *stand, struct du_exchange *exchange);
    void *user;

    struct du_exchange *exchange; /* the latest */
    int requests, gones, finishes, refusals;
    enum du_exchange_end end; /* of the latest to finish */
    int64_t sent_bytes;       /* of it */
    int refused_status;
    bool server_closed;
    bool waiting; /* the last turn moved nothing */
    int64_t live; /* blocks at the start */
};

/* limits may be NULL. */
void stand_start(struct stand *stand, const struct du_server_limits *limits);
void stand_start_on(struct stand *stand, const struct du_server_limits *limits,
                    const char *address);
/* Closes everything; checks that every exchange finished and that no memory is left. */
void stand_end(struct stand *stand);
struct client *stand_connect(struct stand *stand);
/* Connects, sends, and waits until the server has closed its direction. */
struct client *stand_ask(struct stand *stand, const char *text);
/* Moves the clock and fires what is due. */
void stand_advance(struct stand *stand, int64_t ms);
/* Lets everything happen that happens by itself. */
void stand_settle(struct stand *stand);
/* One turn of the loop; fails the test when nothing happens for long. */
void stand_turn(struct stand *stand);
#define UNTIL(stand, condition)                                                                    \
    do {                                                                                           \
        while (!(condition))                                                                       \
            stand_turn(stand);                                                                     \
    } while (0)

void client_send(struct client *client, const char *text);
void client_send_bytes(struct client *client, const void *data, size_t size);
void client_shut(struct client *client); /* its own direction only */
void client_close(struct client *client);
bool client_has(const struct client *client, const char *text);
/* How often text occurs. */
int client_count(const struct client *client, const char *text);
/* What came behind the first header. */
const char *client_body(const struct client *client);

void reply_text(struct du_exchange *exchange, int status, const char *text);
/* On request: keep it, reply later. */
void keep_exchange(struct stand *stand, struct du_exchange *exchange);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

#endif
