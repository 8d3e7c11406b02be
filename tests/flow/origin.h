#ifndef DU_TEST_ORIGIN_H
#define DU_TEST_ORIGIN_H

/* An upstream on the loopback that plays what the test wrote down, and a rig whose workers fetch
 * from it with net's own client: bytes over real sockets. */

#include "gates.h"
#include "upstream.h"

enum { ORIGIN_PLAYS = 8 };

/* One connection, for one request. */
struct play {
    const char *wants[3]; /* parts of the request's text; up to NULL */
    const char *head;     /* NULL: hangs up instead */
    size_t from, send;    /* so many bytes of the body from there */
    struct rig_gate half; /* before the second half of these */
};

struct origin {
    int listener, port;
    pthread_t thread;
    const char *body;
    struct play plays[ORIGIN_PLAYS]; /* one after the other; the last that has a head repeats */
    int at;
    unsigned served; /* connections that are over; under the rig's lock */
    bool odd;        /* a request lacked what its play wants */
};

struct stand {
    struct rig *rig;
    struct origin server;
};

/* body: what plays send of; kind OCI has credentials. */
struct stand *stand_new(const char *body, enum du_origin_kind kind);
void stand_free(struct stand *stand);
/* Every request that was sent has had its connection played to the end: who still waits, waits for
 * time to pass. */
bool stand_is_quiet(struct stand *stand);
/* From here on a connection is refused. */
void origin_stop(struct origin *origin);

#endif
