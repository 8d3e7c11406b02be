/* Many readers of one fill, and slow ones among them: nobody is harmed by anybody. */

#include "fake_upstream.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { HELD = 64 << 10, SIZE = 160 << 10, HALF = SIZE / 2, CROWD = 5000, MINUTE = 60000 };

static struct payload payload;

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

/* Compares what it gets instead of keeping it. */
static struct taker *open_taker(struct rig *rig, int worker, int64_t limit) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, SIZE);
    taker->expects = payload.bytes;
    taker->limit = limit;
    taker_open(taker);
    return taker;
}

static void assert_got_all(struct taker **taker) {
    assert_int_equal(taker_wait_over(*taker), TAKER_ENDED);
    assert_int_equal((*taker)->got, SIZE);
    taker_free(taker);
}

static void assert_no_timer_runs(struct rig *rig) {
    for (int i = 0; i < RIG_WORKERS; i++) {
        rig_settle(&rig->workers[i]);
        assert_int_equal(rig->workers[i].timers.count, 0);
    }
}

static void five_thousand_read_one_fill_as_it_comes(void **state) {
    struct rig *rig = *state;
    static struct taker *crowd[CROWD];
    struct du_cache_figures figures;
    for (int i = 0; i < CROWD; i++)
        crowd[i] = open_taker(rig, i % RIG_WORKERS, INT64_MAX);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    for (int i = 0; i < CROWD; i++)
        taker_wait_got(crowd[i], HALF);
    /* All are parked: for free, but for the memory they had anyway. */
    int64_t live = du_mem_live();
    assert_no_timer_runs(rig);
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
    for (int i = 0; i < CROWD; i++)
        assert_got_all(&crowd[i]);
    assert_true(du_mem_live() < live);
    assert_int_equal(fake_started(), 1);
    du_cache_figures(rig->cache, &figures);
    assert_int_equal(figures.bytes, SIZE);
    assert_int_equal(figures.opened[DU_CACHE_COALESCED], CROWD - 1);
}

static void who_stops_for_minutes_and_who_takes_a_byte_a_second_harm_nobody(void **state) {
    enum { SECONDS = 100 };
    struct rig *rig = *state;
    struct taker *stopped = open_taker(rig, 0, 1), *slow = open_taker(rig, 0, 1);
    struct taker *quick = open_taker(rig, 0, INT64_MAX), *other = open_taker(rig, 1, INT64_MAX);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(quick, HALF);
    assert_no_timer_runs(rig);
    for (int i = 2; i < SECONDS; i++) {
        rig_let_time_pass(rig, 1000);
        taker_allow(slow, i);
    }
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
    assert_got_all(&quick);
    assert_got_all(&other);
    assert_int_equal(rig_blobs(rig), 1);
    rig_let_time_pass(rig, 10 * MINUTE);
    assert_int_equal(taker_got(stopped), 1);
    assert_int_equal(taker_got(slow), SECONDS - 1);
    struct taker *late = open_taker(rig, 0, INT64_MAX);
    assert_got_all(&late);
    taker_allow(slow, INT64_MAX);
    taker_allow(stopped, INT64_MAX);
    assert_got_all(&slow);
    assert_got_all(&stopped);
}

static int make_payload(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    return 0;
}

static int free_payload(void **state) {
    (void)state;
    payload_free(&payload);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(five_thousand_read_one_fill_as_it_comes),
        WITH_RIG(who_stops_for_minutes_and_who_takes_a_byte_a_second_harm_nobody),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
