/* A body that breaks is gone on with: how often, and what ends it. */

#include "resuming.h"

/* How often ------------------------------------------------------------------------------------ */

static void a_body_may_break_three_times(void **state) {
    enum { PIECE = 1000 };
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = break_at(rig, taker, "", SIZE, PIECE);
    for (int i = 1; i < 3; i++) {
        set_range(fetch, i * PIECE, SIZE - 1, SIZE);
        fake_head(fetch, 206, -1);
        fake_data(fetch, payload.bytes + i * PIECE, PIECE);
        fake_end(fetch, i == 1 ? DU_TIMEOUT : DU_TRANSPORT, false);
        fetch = fake_wait_again(rig, i + 2);
    }
    append_rest(fetch, (size_t)3 * PIECE);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 4);
}

static void pauses_become_longer_and_a_fourth_break_is_the_last(void **state) {
    static const int64_t pauses[] = {250, 1000, 4000};
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    for (int i = 0; i < 3; i++) {
        fake_end(fetch, DU_TRANSPORT, false);
        rig_let_time_pass(rig, 0); /* the pause begins */
        rig_let_time_pass(rig, pauses[i]);
        assert_int_equal(fake_started(), i + 2);
        fetch = fake_wait(i + 2);
    }
    fake_end(fetch, DU_TRANSPORT, false);
    assert_breaks(&taker, DU_TRANSPORT);
    rig_let_time_pass(rig, 60000);
    assert_int_equal(fake_started(), 4);
}

static void an_upstream_that_is_down_for_a_moment_is_asked_again(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    fake_end_status(break_at(rig, taker, "", SIZE, HALF), 503);
    append_rest(fake_wait_again(rig, 3), HALF);
    assert_gets(&taker);
}

static void who_is_told_to_wait_waits_so_long_in_mid_body_too(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    fake_end_busy(break_at(rig, taker, "", SIZE, HALF), 503, 20);
    rig_let_time_pass(rig, 0); /* the pause begins */
    rig_let_time_pass(rig, 10000);
    assert_int_equal(fake_started(), 2);
    rig_let_time_pass(rig, 10000);
    append_rest(fake_wait(3), HALF);
    assert_gets(&taker);
}

static void longer_than_readers_can_wait_is_an_end(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    fake_end_busy(break_at(rig, taker, "", SIZE, HALF), 429, 31);
    assert_breaks(&taker, DU_UPSTREAM);
    assert_int_equal(fake_started(), 2);
}

static void what_is_gone_meanwhile_is_not_asked_for_again(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    fake_end(break_at(*state, taker, "", SIZE, HALF), DU_NOT_FOUND, false);
    assert_breaks(&taker, DU_NOT_FOUND);
    assert_int_equal(fake_started(), 2);
}

static void a_second_break_within_what_was_compared_loses_nothing(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, HALF);
    fake_head(again, 200, SIZE);
    fake_data(again, payload.bytes, THIRD);
    fake_end(again, DU_TRANSPORT, false);
    again = fake_wait_again(*state, 3);
    assert_string_equal(fake_range(again), "bytes=153600-");
    append_rest(again, HALF);
    assert_gets(&taker);
}

/* Meanwhile ------------------------------------------------------------------------------------ */

static void a_worker_that_ends_does_not_wait_for_the_next_try(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_let_time_pass(rig, 0);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    taker_assert_breaks(taker, DU_CANCELLED);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

static void nobody_waits_for_a_fill_that_everybody_left(void **state) {
    struct rig *rig = *state;
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = true;
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_let_time_pass(rig, 0);
    taker_leave(taker);
    rig_land(rig, 0);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

static void a_disk_that_fails_with_the_last_bytes_before_a_break_is_io(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    rig_gate_close(&gates.write);
    fake_data(fetch, payload.bytes, HALF);
    rig_gate_wait_for_arrival(&gates.write, 1);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_WRITE, ENOSPC, 0, 1);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_gate_open(&gates.write);
    assert_breaks(&taker, DU_IO);
    assert_int_equal(fake_started(), 1);
}

/* On the worker's thread, where it counts. */
static void let_memory_fail(void *user) {
    du_mem_fail_after(*(int64_t *)user);
}

static void mend_memory(void *user) {
    (void)user;
    du_mem_fail_after(-1);
}

static void no_memory_for_another_try_breaks_the_readers(void **state) {
    struct rig *rig = *state;
    bool resumed = false;
    for (int64_t i = 0; !resumed; i++) {
        struct taker *taker = open_digest(rig, SIZE);
        int started = fake_started();
        struct fake_fetch *fetch = fake_wait(started);
        fake_head(fetch, 200, SIZE);
        fake_data(fetch, payload.bytes, HALF);
        taker_wait_got(taker, HALF);
        rig_run(taker->worker, let_memory_fail, &i);
        fake_end(fetch, DU_TRANSPORT, false);
        rig_let_time_pass(rig, 0);
        rig_let_time_pass(rig, 1000);
        rig_run(taker->worker, mend_memory, NULL);
        resumed = fake_started() > started;
        if (resumed) {
            append_rest(fake_wait(started + 1), HALF);
            assert_gets(&taker);
        } else {
            assert_breaks(&taker, DU_MEMORY);
        }
    }
    assert_true(fake_started() > 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_body_may_break_three_times),
        WITH_RIG(pauses_become_longer_and_a_fourth_break_is_the_last),
        WITH_RIG(an_upstream_that_is_down_for_a_moment_is_asked_again),
        WITH_RIG(who_is_told_to_wait_waits_so_long_in_mid_body_too),
        WITH_RIG(longer_than_readers_can_wait_is_an_end),
        WITH_RIG(what_is_gone_meanwhile_is_not_asked_for_again),
        WITH_RIG(a_second_break_within_what_was_compared_loses_nothing),
        WITH_RIG(a_worker_that_ends_does_not_wait_for_the_next_try),
        WITH_RIG(nobody_waits_for_a_fill_that_everybody_left),
        WITH_RIG(a_disk_that_fails_with_the_last_bytes_before_a_break_is_io),
        WITH_RIG(no_memory_for_another_try_breaks_the_readers),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
