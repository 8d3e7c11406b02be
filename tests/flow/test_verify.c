/* Nobody is given the last bytes of what he asked for before the whole is verified: for each way to
 * know what is right, each range, and both ways a body comes. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { HELD = 64 << 10, SIZE = 300 << 10, HALF = SIZE / 2, STEP = 50 << 10, TO_END = -1 };

/* What is known of the body before and with its head. */
struct knowledge {
    const char *name;
    bool digest, size, length;
};

static const struct knowledge knowledge[] = {{"a digest and a length", true, false, true},
                                             {"a digest, a size and a length", true, true, true},
                                             {"a digest alone", true, false, false},
                                             {"a size alone", false, true, false},
                                             {"a size and a length", false, true, true}};

/* A reader's range, and what he may have of it before. */
static const struct {
    int64_t first, length, before;
} ranges[] = {{0, TO_END, SIZE - HELD},
              {0, HALF, HALF - HELD},
              {HALF, TO_END, HALF - HELD},
              {HALF, 1000, 999},
              {0, 1, 0},
              {SIZE - 1, 1, 0},
              {SIZE - HELD, HELD, HELD - 1}};

enum { RANGES = sizeof ranges / sizeof *ranges, KINDS = sizeof knowledge / sizeof *knowledge };

static struct payload payload, wrong;

static int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static struct taker *open_range(struct rig *rig, const struct knowledge *known, int range) {
    bool ranged = known->length || known->size; /* else a Range is ignored */
    struct taker *taker = taker_new(
        rig, range % RIG_WORKERS, known->digest ? &payload.digest : NULL, known->size ? SIZE : -1);
    taker->options.name = known->digest ? NULL : "asset";
    taker->options.version = known->digest ? NULL : "1";
    taker->first = ranged ? ranges[range].first : 0;
    taker->length = ranged ? ranges[range].length : TO_END;
    taker_open(taker);
    return taker;
}

/* All of it but its end, so that everybody has what he may have. */
static void send_but_the_end(struct rig *rig, struct fake_fetch *fetch, const char *bytes,
                             size_t size) {
    for (size_t at = 0; at < size; at += STEP) {
        while (fake_is_paused(fetch))
            rig_let_time_pass(rig, 0);
        fake_data(fetch, bytes + at, size - at < STEP ? size - at : STEP);
        rig_let_time_pass(rig, 0);
    }
    rig_let_time_pass(rig, 0);
}

static void assert_held_back(struct taker *taker, const struct knowledge *known, int range) {
    int64_t before = known->length || known->size ? ranges[range].before : SIZE - HELD;
    taker_wait_got(taker, before);
    if (taker_got(taker) != before)
        fail_msg("%s, range %d: %lld bytes instead of %lld", known->name, range,
                 (long long)taker_got(taker), (long long)before);
}

/* The size is right, and a byte wrong that the reader may never have asked for; or it ends early.
 */
static void be_wrong(struct rig *rig, const struct knowledge *known, int range) {
    int started = fake_started();
    struct taker *taker = open_range(rig, known, range);
    struct fake_fetch *fetch = fake_wait(started + 1);
    fake_head(fetch, 200, known->length ? SIZE : -1);
    if (known->digest) {
        send_but_the_end(rig, fetch, wrong.bytes, SIZE);
        assert_held_back(taker, known, range);
    } else {
        send_but_the_end(rig, fetch, payload.bytes, SIZE - 1);
    }
    fake_end(fetch, DU_OK, true);
    taker_assert_breaks(taker, DU_INTEGRITY);
    if (known->digest)
        assert_int_equal(taker->got,
                         known->length || known->size ? ranges[range].before : SIZE - HELD);
    taker_free(&taker);
    rig_land(rig, 0);
    rig_land(rig, 1);
    assert_int_equal(rig_blobs(rig), 0);
    assert_int_equal(rig_partials(rig), 0);
}

static void be_right(struct rig *rig, const struct knowledge *known, int range) {
    int started = fake_started();
    struct taker *taker = open_range(rig, known, range);
    struct fake_fetch *fetch = fake_wait(started + 1);
    fake_head(fetch, 200, known->length ? SIZE : -1);
    send_but_the_end(rig, fetch, payload.bytes, SIZE);
    assert_held_back(taker, known, range);
    fake_end(fetch, DU_OK, true);
    int64_t size = taker->length == TO_END ? SIZE - taker->first : taker->length;
    taker_assert_gets(taker, payload.bytes + taker->first, (size_t)size);
    taker_free(&taker);
    rig_land(rig, 0);
    rig_land(rig, 1);
    du_index_drop(rig->index, &payload.digest);
}

static void of_a_fill_each_readers_own_last_bytes_wait_for_the_verification(void **state) {
    for (int kind = 0; kind < KINDS; kind++) {
        for (int range = 0; range < RANGES; range++) {
            fake_reset();
            be_wrong(*state, &knowledge[kind], range);
            be_right(*state, &knowledge[kind], range);
        }
    }
}

/* Of what is known to be too large only a passage asks; else a fill did before it. */
static void of_a_passage_too(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, HALF, 0);
    for (int kind = 0; kind < KINDS; kind++) {
        if (!knowledge[kind].size)
            continue;
        for (int range = 0; range < RANGES; range++) {
            fake_reset();
            be_wrong(rig, &knowledge[kind], range);
            be_right(rig, &knowledge[kind], range);
        }
    }
}

static int make_payloads(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    wrong = payload_of(SIZE);
    wrong.bytes[SIZE / 3] ^= 1;
    return 0;
}

static int free_payloads(void **state) {
    (void)state;
    payload_free(&payload);
    payload_free(&wrong);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(of_a_fill_each_readers_own_last_bytes_wait_for_the_verification),
        WITH_RIG(of_a_passage_too),
    };
    return cmocka_run_group_tests(tests, make_payloads, free_payloads);
}
