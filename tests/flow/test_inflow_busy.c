/* An upstream that is too busy for a first answer is asked again; who waits sees nothing of it. */

#include "resuming.h"

enum { FIRST_PAUSE = 250 };

/* The pause begins, and passes. */
static void assert_asked_after(struct rig *rig, int64_t pause, int count) {
    rig_let_time_pass(rig, 0);
    rig_let_time_pass(rig, pause);
    assert_int_equal(fake_started(), count);
}

static void it_is_asked_again_a_little_later(void **state) {
    static const int statuses[] = {429, 503};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct taker *taker = open_named(rig, SIZE);
        int started = fake_started();
        fake_end_status(fake_wait(started), statuses[i]);
        assert_asked_after(rig, FIRST_PAUSE, started + 1);
        send_all(fake_wait(started + 1));
        assert_gets(&taker);
        rig_land(rig, 0);
        assert_true(du_index_forget(rig->index, "asset"));
    }
}

static void it_is_asked_again_when_it_says(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct taker *joiner = taker_new(rig, 1, &payload.digest, SIZE);
    fake_end_busy(fake_wait(1), 429, 5);
    taker_open(joiner);
    rig_let_time_pass(rig, 0);
    rig_let_time_pass(rig, FIRST_PAUSE);
    assert_int_equal(fake_started(), 1);
    assert_asked_after(rig, 5000 - FIRST_PAUSE, 2);
    send_all(fake_wait(2));
    taker_assert_gets(joiner, payload.bytes, SIZE);
    taker_free(&joiner);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 2);
}

static void it_is_not_waited_for_longer_than_clients_wait(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    fake_end_busy(fake_wait(1), 503, 9);
    taker_assert_fails(taker, DU_UPSTREAM);
    taker_free(&taker);
    assert_int_equal(fake_started(), 1);
}

static void it_is_asked_four_times_in_all(void **state) {
    static const int64_t pauses[] = {FIRST_PAUSE, 1000, 4000};
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    for (int i = 0; i < 3; i++) {
        fake_end_status(fake_wait(i + 1), 503);
        assert_asked_after(rig, pauses[i], i + 2);
    }
    fake_end_status(fake_wait(4), 503);
    taker_assert_fails(taker, DU_UPSTREAM);
    taker_free(&taker);
    rig_let_time_pass(rig, 60000);
    assert_int_equal(fake_started(), 4);
}

static void what_it_is_not_busy_with_fails_at_once(void **state) {
    static const int statuses[] = {401, 403, 500, 502, 504};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct taker *taker = open_digest(*state, SIZE);
        fake_end_status(fake_wait((int)i + 1), statuses[i]);
        taker_assert_fails(taker, DU_UPSTREAM);
        taker_free(&taker);
        assert_int_equal(fake_started(), (int)i + 1);
    }
}

static void a_body_that_breaks_later_has_all_its_tries(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    for (int i = 1; i <= 3; i++) {
        fake_end_status(fake_wait(i), 503);
        fake_wait_again(rig, i + 1);
    }
    append_rest(break_at(rig, taker, "", SIZE, HALF), HALF);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 5);
}

static void a_worker_that_ends_does_not_wait_for_it(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    fake_end_busy(fake_wait(1), 503, 8); /* long enough for a slow machine */
    rig_let_time_pass(rig, 0);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    taker_assert_fails(taker, DU_CANCELLED);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

static void nobody_waits_for_it_when_everybody_left(void **state) {
    struct rig *rig = *state;
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = true;
    taker_open(taker);
    fake_end_busy(fake_wait(1), 503, 8);
    rig_let_time_pass(rig, 0);
    taker_leave(taker);
    rig_land(rig, 0);
    rig_let_time_pass(rig, 60000);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(it_is_asked_again_a_little_later),
        WITH_RIG(it_is_asked_again_when_it_says),
        WITH_RIG(it_is_not_waited_for_longer_than_clients_wait),
        WITH_RIG(it_is_asked_four_times_in_all),
        WITH_RIG(what_it_is_not_busy_with_fails_at_once),
        WITH_RIG(a_body_that_breaks_later_has_all_its_tries),
        WITH_RIG(a_worker_that_ends_does_not_wait_for_it),
        WITH_RIG(nobody_waits_for_it_when_everybody_left),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
