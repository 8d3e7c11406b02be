#ifndef DU_PASSING_H
#define DU_PASSING_H

/* What the tests of passages share: a store of SMALL bytes, and a body of SIZE that has no room in
 * it. */

#include "fake_upstream.h"
#include "gates.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { HELD = 64 << 10, SIZE = 600 << 10, HALF = SIZE / 2, STEP = 50 << 10, SMALL = 100 << 10 };

static struct payload payload;

static inline int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    du_index_limit(rig->index, SMALL, 0);
    *state = rig;
    return 0;
}

static inline int tear_down(void **state) {
    assert_int_equal(rig_blobs(*state), 0);
    rig_free(*state);
    return 0;
}

static inline struct taker *digest_taker(struct rig *rig, int worker) {
    return taker_new(rig, worker, &payload.digest, SIZE);
}

static inline struct taker *open_digest(struct rig *rig) {
    struct taker *taker = digest_taker(rig, 0);
    taker_open(taker);
    return taker;
}

static inline struct taker *open_named(struct rig *rig) {
    struct taker *taker = taker_new(rig, 0, NULL, SIZE);
    taker->options.name = "asset";
    taker->options.version = "1";
    taker_open(taker);
    return taker;
}

/* A part of the body, as fast as it is taken. */
static inline void send_part(struct rig *rig, struct fake_fetch *fetch, const char *bytes,
                             size_t from, size_t to) {
    for (size_t at = from; at < to && !fake_is_over(fetch);) {
        size_t size = to - at < STEP ? to - at : STEP;
        while (fake_is_paused(fetch)) {
            rig_let_time_pass(rig, 0);
        }
        fake_data(fetch, bytes + at, size);
        at += size;
    }
}

static inline void send_rest(struct rig *rig, struct fake_fetch *fetch, size_t from) {
    send_part(rig, fetch, payload.bytes, from, SIZE);
    fake_end(fetch, DU_OK, true);
}

static inline void assert_gets(struct taker **taker) {
    taker_assert_gets(*taker, payload.bytes, SIZE);
    assert_int_equal((*taker)->status, DU_CACHE_BYPASS);
    taker_free(taker);
}

static inline void assert_breaks(struct taker **taker, enum du_error_kind kind) {
    taker_assert_breaks(*taker, kind);
    assert_true((*taker)->got <= SIZE - HELD);
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
