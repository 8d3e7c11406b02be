#ifndef DU_TEST_TAKER_H
#define DU_TEST_TAKER_H

/* Somebody who takes a blob: opens it in the cache on a worker's loop, then reads it as a
 * connection would, as far as the test lets it. */

#include "rig.h"

enum taker_state {
    TAKER_OPENING,
    TAKER_FAILED,  /* open failed: error */
    TAKER_READING, /* waits for more, or stands at its limit */
    TAKER_ENDED,
    TAKER_BROKEN, /* error */
    TAKER_LEFT
};

struct taker {
    struct rig *rig;
    struct rig_worker *worker;
    struct du_cache_options options;
    int64_t first, length; /* its range; length -1: to the end */
    int64_t limit;         /* takes no more than this; INT64_MAX at first */
    struct du_cache_open open;
    struct du_body *body;
    struct du_piece piece; /* what is left of it */
    struct du_mail mail;
    /* under the rig's lock: */
    enum taker_state state;
    enum du_cache_status status;
    struct du_error error;
    int64_t body_length;
    char *bytes;
    const char *expects; /* the whole: what it gets is compared with it, not kept; NULL: kept */
    int64_t got;
    bool waits; /* for the body's wake */
    int wakes, pieces_of_bytes;
};

/* By digest, the whole, from source "a", without a limit. */
struct taker *taker_new(struct rig *rig, int worker, const struct du_digest *digest, int64_t size);
/* Asserts that it is over, or closes it. */
void taker_free(struct taker **taker);

/* Opens, and reads when it may. */
void taker_open(struct taker *taker);
/* The same, but does not wait until it has asked the cache: its loop may be held there. */
void taker_post(struct taker *taker);
/* Takes up to so many bytes in all. */
void taker_allow(struct taker *taker, int64_t limit);
/* Hangs up, in whatever state it is. */
void taker_leave(struct taker *taker);

enum taker_state taker_state(struct taker *taker);
int64_t taker_got(struct taker *taker);
/* Waits until it waits for the body, or is over: it has then all that it may have. */
void taker_wait_idle(struct taker *taker);
void taker_wait_got(struct taker *taker, int64_t size);
enum taker_state taker_wait_over(struct taker *taker);
/* Opens and waits: it ended, and has exactly these bytes. */
void taker_assert_gets(struct taker *taker, const char *bytes, size_t size);
void taker_assert_fails(struct taker *taker, enum du_error_kind kind);
void taker_assert_breaks(struct taker *taker, enum du_error_kind kind);

#endif
