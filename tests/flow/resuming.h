#ifndef DU_RESUMING_H
#define DU_RESUMING_H

/* What the tests of resuming share: a body of SIZE bytes that breaks, and how it is gone on with.
 */

#include "fake_upstream.h"
#include "gates.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { HELD = 64 << 10, SIZE = 300 << 10, HALF = SIZE / 2, THIRD = SIZE / 3 };

static struct payload payload;

static inline int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    *state = rig;
    return 0;
}

static inline int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static inline struct taker *open_digest(struct rig *rig, int64_t size) {
    struct taker *taker = taker_new(rig, 0, &payload.digest, size);
    taker_open(taker);
    return taker;
}

static inline struct taker *open_named(struct rig *rig, int64_t size) {
    struct taker *taker = taker_new(rig, 0, NULL, size);
    taker->options.name = "asset";
    taker->options.version = "1";
    taker_open(taker);
    return taker;
}

/* The latest fetch answers 200 and breaks after so many bytes; gives the fetch that goes on. */
static inline struct fake_fetch *break_at(struct rig *rig, struct taker *taker, const char *etag,
                                          int64_t length, size_t size) {
    int started = fake_started();
    struct fake_fetch *fetch = fake_wait(started);
    fake_set_etag(fetch, etag);
    fake_head(fetch, 200, length);
    taker_wait_idle(taker);
    fake_data(fetch, payload.bytes, size);
    fake_end(fetch, DU_TRANSPORT, false);
    return fake_wait_again(rig, started + 1);
}

static inline void set_range(struct fake_fetch *fetch, int64_t first, int64_t last, int64_t total) {
    char text[64];
    snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, last, total);
    fake_set_content_range(fetch, text);
}

static inline void send_rest(struct fake_fetch *fetch, size_t from) {
    fake_data(fetch, payload.bytes + from, SIZE - from);
    fake_end(fetch, DU_OK, true);
}

static inline void append_rest(struct fake_fetch *fetch, size_t from) {
    set_range(fetch, (int64_t)from, SIZE - 1, SIZE);
    assert_true(fake_head(fetch, 206, (int64_t)(SIZE - from)));
    send_rest(fetch, from);
}

static inline void send_all(struct fake_fetch *fetch) {
    fake_send(fetch, payload.bytes, SIZE);
}

static inline void assert_gets(struct taker **taker) {
    taker_assert_gets(*taker, payload.bytes, SIZE);
    assert_int_equal(rig_blobs((*taker)->rig), 1);
    taker_free(taker);
}

static inline void assert_breaks(struct taker **taker, enum du_error_kind kind) {
    taker_assert_breaks(*taker, kind);
    rig_land((*taker)->rig, 0);
    assert_int_equal(rig_blobs((*taker)->rig), 0);
    taker_free(taker);
}

static inline int make_payload(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    return 0;
}

static inline int free_payload(void **state) {
    (void)state;
    payload_free(&payload);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
