#ifndef DU_TEST_SITE_H
#define DU_TEST_SITE_H

/* A worker that serves: real sockets, dispatch is a Lua function of the test's, and an upstream
 * that sends what the test tells it. All in one thread. */

#include "gate.h"

enum { SITE_LOG = 64 };

struct site {
    struct engine engine;
    struct worker worker;
    struct du_server *server;
    struct du_socket *socket;
    int dispatch;
    int port;
    char log[SITE_LOG][2048]; /* the latest lines, as JSON */
    int lines;
    bool server_closed;
    /* The upstream. */
    int upstream_fd;             /* listens */
    const char *upstream_answer; /* what it says to whoever asks, then closes */
    int upstream_asked;
    bool upstream_holds; /* it does not close, but keeps the connection in: */
    int upstream_held;
};

struct answer {
    int fd;
    bool closed; /* the server's side */
    char text[64 * 1024];
    size_t size;
};

/* Serves with dispatch = the function that the text returns. */
void site_start(struct site *site, const char *text);
void site_end(struct site *site);
/* Lets everything happen that happens by itself. */
void site_settle(struct site *site);
/* Turns everything until the condition holds; fails the test when it takes as long as it never
 * should. */
#define SITE_UNTIL(site, condition)                                                                \
    do {                                                                                           \
        uint64_t site_began = uv_hrtime();                                                         \
        while (!(condition)) {                                                                     \
            site_settle(site);                                                                     \
            assert_true(uv_hrtime() - site_began < 30 * 1000000000ull);                            \
        }                                                                                          \
    } while (0)
void site_advance(struct site *site, int64_t ms);

/* Begins a request; more = further header lines, each with CRLF. */
void site_send(struct site *site, struct answer *answer, const char *text);
/* Takes what has come. */
void site_take(struct site *site, struct answer *answer);
/* Takes until the server closes. */
void site_finish(struct site *site, struct answer *answer);
/* Both. */
void site_ask(struct site *site, struct answer *answer, const char *text);
void site_leave(struct answer *answer);

const char *answer_body(const struct answer *answer);
bool answer_says(const struct answer *answer, const char *text);
/* Is there a line in the log with all of these (NULL-terminated)? */
bool site_logged(struct site *site, ...);

#define SITE_GET(path, more) "GET " path " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" more "\r\n"

#endif
