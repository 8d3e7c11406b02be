#ifndef DU_SENDER_H
#define DU_SENDER_H

/* Sends one reply over a socket: its head, then the body as it comes (RFC 9112 sections 6 and 7.1).
 *
 * What waits to be sent is always `framing` (the head; the line of a chunk), then `piece` (bytes or
 * a part of a file). Head and first bytes leave in one sendmsg; a file leaves by sendfile, at most
 * a turn's worth at a time, so that one client cannot hold the loop.
 *
 * sendfile waits for what of a file is not in memory: a body gives FILE only for what is.
 *
 * Invariants
 *  1. `framing` is sent before `piece`; the body is asked for the next piece when both are empty.
 *  2. The body never gets more out than its length says, and END before that is BROKEN.
 *  3. Nothing leaves before a body of length 0 has said END.
 *
 * Thread: the loop's. sendfile(2) to a socket that the other side closed raises SIGPIPE, which has
 * no flag against it: the thread blocks that signal (du_lane and the engine's workers do).
 */

#include "reply.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

enum du_sender_step {
    DU_SENDER_MORE,    /* a turn's worth is sent; there is more */
    DU_SENDER_BLOCKED, /* the socket takes no more at present */
    DU_SENDER_WAIT,    /* the body has no more at present; du_sender_woken comes */
    DU_SENDER_DONE,
    DU_SENDER_BROKEN, /* the body broke, or broke its word */
    DU_SENDER_LEFT    /* the client is gone */
};

/* What the reply has to know about its connection. */
struct du_sender_manner {
    const char *date; /* of RFC 9110 section 5.6.7 */
    bool keep_alive;
    bool is_1_1; /* the request's version: chunks, and what Connection says */
    bool is_head;
};

enum { DU_SENDER_HEAD = 256, DU_SENDER_FRAMING = 4, DU_SENDER_TURN = 1 << 20 };

struct du_sender {
    struct du_reply reply;
    int64_t body_sent; /* bytes of the body that the kernel took */
    int64_t taken;     /* bytes of anything */
    int64_t length;    /* of the body; -1: unknown */

    struct iovec framing[DU_SENDER_FRAMING]; /* head, headers, empty line, a chunk's line */
    unsigned framing_at, framing_count;
    struct du_piece piece;
    bool is_file; /* piece is */

    bool chunked, bodiless;
    bool waiting; /* the body will wake */
    bool last;    /* nothing comes after framing and piece */
    bool broken;

    char head[DU_SENDER_HEAD];
    char chunk[24];
};

/* Takes what is in the reply and leaves it empty. wake and driver become the body's. */
void du_sender_start(struct du_sender *sender, struct du_reply *reply,
                     const struct du_sender_manner *manner, void (*wake)(struct du_body *body),
                     void *driver);
enum du_sender_step du_sender_step(struct du_sender *sender, int fd);
static inline void du_sender_woken(struct du_sender *sender) {
    sender->waiting = false;
}
/* The end of an unknown length is told by nothing but the connection's end. */
static inline bool du_sender_ends_by_close(const struct du_sender *sender) {
    return sender->length < 0 && !sender->chunked && !sender->bodiless;
}
/* Closes the body and frees the reply; body_sent stays. */
void du_sender_end(struct du_sender *sender);

#endif
