#ifndef FETCHING_H
#define FETCHING_H

/* What tests of upstream need: a worker's loop with a client on a clock that stands, and a record
 * of what a fetch brought. */

#include "double.h"
#include "upstream.h"

/* A clock that stands at this wall time, 2026-01-31T12:00:00Z, until a test moves it. */
#define NOON_MS INT64_C(1769860800000)

struct rig {
    struct du_base base;
    struct du_flight_domain *domain; /* not owned when it was given */
    uv_loop_t loop;
    uv_async_t asked; /* wakes the loop when a double was asked something */
    struct du_timers timers;
    struct du_mailbox mailbox;
    struct du_client *client;
    bool owns_domain, closed;
};

/* domain may be NULL: one of its own. */
void rig_init(struct rig *rig, struct du_flight_domain *domain);
/* Everything that was fetched must have ended or be cancelled. */
void rig_deinit(struct rig *rig);
/* Closes the client and waits until it is gone. */
void rig_close_client(struct rig *rig);
/* For a double's `asked`, with the rig as its user. */
void rig_asked(void *rig);
void rig_advance(struct rig *rig, int64_t ms);
/* Runs what is ready, without waiting. */
void rig_poll(struct rig *rig);
/* Runs the loop until the double was asked so often. */
void rig_until_asked(struct rig *rig, struct double_server *server, size_t requests);

struct got {
    struct du_fetch *fetch;
    int heads, ends;
    int status;
    int64_t length;
    char url[512], etag[64];
    struct du_bytes body;
    struct du_error error;
    bool complete;
    bool pauses, paused; /* does so after each chunk; did so */
    bool stops_at_head;  /* says false */
    bool cancels_at_head, cancels_at_data, closes_at_end;
    int64_t advances_ms; /* moves the clock by so much at each chunk */
    struct rig *rig;
};

/* Starts; what start says is the result, got->error then holds the reason. */
enum du_error_kind got_start(struct got *got, struct rig *rig,
                             const struct du_fetch_options *options);
/* Runs the loop until it has ended; the kind of its error. */
enum du_error_kind got_end(struct got *got);
/* Both, with the method GET. */
enum du_error_kind got_path(struct got *got, struct rig *rig, struct du_origin *origin,
                            const char *path);
void got_deinit(struct got *got);

/* An origin at the double. */
struct du_origin *origin_of(struct rig *rig, struct double_server *server, enum du_origin_kind kind,
                            const char *token);
struct du_origin *origin_with(struct rig *rig, const struct du_origin_options *options);

/* What most tests of a fetch begin with: a double, and an origin at it whose token is S3CRET. */
struct bench {
    struct rig rig;
    struct double_server *server;
    struct du_origin *origin;
    struct got got;
};

int bench_set_up(void **state);
int bench_tear_down(void **state);

#endif
