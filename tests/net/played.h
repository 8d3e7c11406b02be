#ifndef DU_TEST_PLAYED_H
#define DU_TEST_PLAYED_H

/* Bodies that follow a script, and a stand that answers with one. */

#include "stand.h"

struct play_step {
    enum du_body_state state;
    const char *data; /* BYTES */
    size_t size;      /* BYTES and FILE */
    int fd;
    off_t offset;
};

struct play {
    struct du_body body;
    const struct play_step *steps;
    size_t at;
    size_t sent;
    int asked, closed;
};

/* Steps end with END or BROKEN. The play itself is the test's. */
void play_init(struct play *play, int64_t length, const struct play_step *steps);
void play_reply(struct play *play, struct du_exchange *exchange, int status);

/* A stand whose application answers every request with the play, and its first client. */
struct played {
    struct stand stand;
    struct play play;
    struct client *client;
};

void played_start(struct played *played, const struct du_server_limits *limits, int64_t length,
                  const struct play_step *steps);
/* Checks that the body was closed once, too. */
void played_end(struct played *played);

enum { PLAYED_LARGE = 24 << 20 }; /* more than two sockets buffer */

/* A file in memory whose byte at n is a function of n. */
int played_file(size_t size);
/* The client got exactly that part of it. */
void assert_played_file(const struct client *client, size_t from, size_t size);

#endif
