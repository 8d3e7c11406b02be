/* A worker ends: its fills fail as Cancelled, nobody hangs, and it is told when all has gone. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { SIZE = 200 << 10, HALF = SIZE / 2 };

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

static struct taker *open_taker(struct rig *rig, int worker, bool cancel) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = cancel;
    taker_open(taker);
    return taker;
}

/* The fetch that is up, with half of the body committed and read. */
static struct fake_fetch *send_half(struct taker *taker) {
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(taker, HALF);
    return fetch;
}

static void assert_next_fetches(struct rig *rig, int count) {
    struct taker *next = open_taker(rig, 1, true);
    fake_send(fake_wait(count), payload.bytes, SIZE);
    taker_assert_gets(next, payload.bytes, SIZE);
    taker_free(&next);
}

static void a_worker_that_ends_fails_its_fills_as_cancelled(void **state) {
    struct rig *rig = *state;
    struct taker *reader = open_taker(rig, 0, false), *theirs = open_taker(rig, 1, false);
    send_half(reader);
    taker_wait_got(theirs, HALF);
    rig_shut(rig, 0);
    taker_assert_breaks(reader, DU_CANCELLED);
    taker_assert_breaks(theirs, DU_CANCELLED);
    rig_wait_shut(rig, 0);
    assert_int_equal(rig_flights(rig), 0);
    taker_free(&reader);
    taker_free(&theirs);
    assert_next_fetches(rig, 2);
}

static void a_worker_that_ends_fails_those_who_wait_for_it(void **state) {
    struct rig *rig = *state;
    struct taker *ours = open_taker(rig, 0, false), *theirs = open_taker(rig, 1, false);
    fake_wait(1);
    rig_shut(rig, 0);
    taker_assert_fails(ours, DU_CANCELLED);
    taker_assert_fails(theirs, DU_CANCELLED);
    rig_wait_shut(rig, 0);
    taker_free(&ours);
    taker_free(&theirs);
    assert_next_fetches(rig, 2);
}

static void a_worker_has_ended_only_when_its_last_disk_job_is_home(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_taker(rig, 0, false);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    rig_gate_close(&gates.write);
    fake_data(fetch, payload.bytes, HALF);
    rig_gate_wait_for_arrival(&gates.write, 1);
    rig_shut(rig, 0);
    rig_settle(&rig->workers[0]);
    assert_false(rig_is_shut(rig, 0));
    rig_gate_open(&gates.write);
    rig_wait_shut(rig, 0);
    taker_assert_breaks(taker, DU_CANCELLED);
    taker_free(&taker);
}

static void a_worker_has_ended_only_when_nobody_of_it_waits(void **state) {
    struct rig *rig = *state;
    struct taker *leader = open_taker(rig, 0, false), *waiter = open_taker(rig, 1, false);
    rig_shut(rig, 1);
    rig_settle(&rig->workers[1]);
    assert_false(rig_is_shut(rig, 1));
    taker_leave(waiter);
    rig_wait_shut(rig, 1);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(leader, payload.bytes, SIZE);
    taker_free(&leader);
    taker_free(&waiter);
}

static void a_worker_that_is_ending_leads_no_fill(void **state) {
    struct rig *rig = *state;
    struct taker *leader = open_taker(rig, 0, false);
    struct taker *elsewhere = taker_new(rig, 1, &payload.digest, SIZE);
    elsewhere->options.source = "b";
    taker_open(elsewhere);
    rig_shut(rig, 1);
    fake_end(fake_wait(1), DU_NOT_FOUND, false); /* so it would be elsewhere's turn */
    taker_assert_fails(leader, DU_NOT_FOUND);
    taker_assert_fails(elsewhere, DU_CANCELLED);
    rig_wait_shut(rig, 1);
    assert_int_equal(fake_started(), 1);
    taker_free(&leader);
    taker_free(&elsewhere);
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
        WITH_RIG(a_worker_that_ends_fails_its_fills_as_cancelled),
        WITH_RIG(a_worker_that_ends_fails_those_who_wait_for_it),
        WITH_RIG(a_worker_has_ended_only_when_its_last_disk_job_is_home),
        WITH_RIG(a_worker_has_ended_only_when_nobody_of_it_waits),
        WITH_RIG(a_worker_that_is_ending_leads_no_fill),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
