/* The limiter with a counter that takes its time: what is pending can be abandoned, fail, be
 * denied, or meet midnight, and neither slot nor count is lost. */

#include "limits.h"

static void slow_down(struct limits *limits) {
    limits->slow.slow = true;
}

static void rule_2_a_slow_count_holds_the_slot_and_is_delivered(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    slow_down(limits);
    get_in_line(limits, whole(limits, &first, 1, 9));
    assert_int_equal(running(limits), 1);
    get_denial(limits, whole(limits, &second, 1, 9), DU_DENIAL_CONCURRENCY);
    answer_held(limits);
    assert_int_equal(first.delivered, 1);
    expect_lease(&first);
    assert_false(du_limiter_abandon(limits->limiter, &first.acquire)); /* too late */
    assert_int_equal(counted(limits), 1);
    release(&first);
}

static void rule_2_over_the_cap_the_slot_is_back_before_the_denial_is_told(void **state) {
    struct limits *limits = *state;
    struct request request;
    int64_t at_delivery = -1;
    slow_down(limits);
    whole(limits, &request, 1, 0)->running = &at_delivery;
    get_in_line(limits, &request);
    du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - 5000);
    answer_held(limits);
    expect_denial(&request, DU_DENIAL_DAILY_CAP);
    assert_int_equal(request.acquire.denial.reset_in_secs, 5);
    assert_int_equal(at_delivery, 0);
}

static void rule_2_an_abandoned_count_goes_back_after_its_slot(void **state) {
    struct limits *limits = *state;
    struct request request, next;
    slow_down(limits);
    get_in_line(limits, whole(limits, &request, 1, 9));
    assert_true(du_limiter_abandon(limits->limiter, &request.acquire));
    assert_int_equal(running(limits), 0);   /* at once */
    memset(&request, 0xAA, sizeof request); /* it is the caller's again */
    limits->slow.slow = false;
    get_lease(limits, whole(limits, &next, 1, 9));
    release(&next);
    limits->slow.running_at_give_back = -1;
    answer_held(limits);
    assert_int_equal(limits->slow.give_backs, 1);
    assert_int_equal(limits->slow.running_at_give_back, 0);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_2_a_roll_back_that_fails_leaks_nothing_and_is_logged(void **state) {
    struct limits *limits = *state;
    struct request request;
    slow_down(limits);
    get_in_line(limits, whole(limits, &request, 1, 9));
    assert_true(du_limiter_abandon(limits->limiter, &request.acquire));
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_GIVE_BACK, 5, 0, 1);
    answer_held(limits);
    assert_int_equal(counted(limits), 1); /* that is the damage */
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    assert_non_null(strstr(limits->log, "a count of ada could not be given back"));
}

static void an_abandoned_count_that_was_never_made_is_not_given_back(void **state) {
    struct limits *limits = *state;
    struct request over, failing;
    slow_down(limits);
    get_in_line(limits, whole(limits, &over, 2, 0));
    get_in_line(limits, whole(limits, &failing, 2, 9));
    assert_true(du_limiter_abandon(limits->limiter, &over.acquire));
    assert_true(du_limiter_abandon(limits->limiter, &failing.acquire));
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 1, 1);
    answer_held(limits);
    assert_int_equal(limits->slow.give_backs, 0);
    assert_int_equal(over.delivered + failing.delivered, 0);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_3_a_slow_count_that_fails_is_an_error_with_the_slot_back(void **state) {
    struct limits *limits = *state;
    struct request first, queued;
    int64_t at_delivery = -1;
    slow_down(limits);
    whole(limits, &first, 1, 9)->running = &at_delivery;
    get_in_line(limits, &first);
    get_in_line(limits, whole(limits, &queued, 1, 9));
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
    answer_held(limits);
    expect_error(&first, DU_STORE);
    assert_int_equal(at_delivery, 1); /* the queue's head has it already */
    expect_lease(&queued);
    release(&queued);
}

static void rule_10_an_abandoned_count_lets_the_queue_go_on(void **state) {
    struct limits *limits = *state;
    struct request first, queued;
    slow_down(limits);
    get_in_line(limits, whole(limits, &first, 1, 9));
    get_in_line(limits, whole(limits, &queued, 1, 9));
    assert_int_equal(limits->slow.held_count, 1);
    assert_true(du_limiter_abandon(limits->limiter, &first.acquire));
    assert_int_equal(limits->slow.held_count, 2);
    answer_held(limits);
    expect_lease(&queued);
    assert_int_equal(counted(limits), 1);
    release(&queued);
}

static void rule_9_midnight_between_slot_and_answer_keeps_the_day_that_was_asked(void **state) {
    struct limits *limits = *state;
    struct request granted, denied;
    slow_down(limits);
    du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - 1);
    get_in_line(limits, whole(limits, &granted, 2, 1));
    get_in_line(limits, whole(limits, &denied, 2, 1));
    du_clock_advance(&limits->base.clock, 1);
    answer_held(limits);
    expect_lease(&granted);
    assert_int_equal(du_limiter_counted(limits->limiter, "ada", NOON), 1);
    assert_int_equal(counted(limits), 0);
    expect_denial(&denied, DU_DENIAL_DAILY_CAP);
    assert_int_equal(denied.acquire.denial.reset_in_secs, 0); /* a new day has begun */
    du_lease_refund(granted.acquire.lease);
    assert_int_equal(du_limiter_counted(limits->limiter, "ada", NOON), 0);
    release(&granted);
}

static void rule_11_pieces_wait_for_the_one_count_together(void **state) {
    struct limits *limits = *state;
    struct request pieces[3];
    slow_down(limits);
    for (int i = 0; i < 3; i++)
        get_in_line(limits, piece(limits, &pieces[i], "blob", 1, 9));
    assert_int_equal(limits->slow.held_count, 1);
    assert_int_equal(running(limits), 1);
    answer_held(limits);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pieces[i].delivered, 1);
        expect_lease(&pieces[i]);
        release(&pieces[i]);
    }
    assert_int_equal(counted(limits), 1);
}

static void rule_11_pieces_are_denied_or_fail_together(void **state) {
    struct limits *limits = *state;
    struct request pieces[2];
    slow_down(limits);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2; i++)
            get_in_line(limits, piece(limits, &pieces[i], "blob", 1, 0));
        if (round == 1)
            du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
        answer_held(limits);
        for (int i = 0; i < 2; i++) {
            if (round == 0)
                expect_denial(&pieces[i], DU_DENIAL_DAILY_CAP);
            else
                expect_error(&pieces[i], DU_STORE);
        }
        assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    }
}

static void rule_11_a_piece_that_gives_up_leaves_the_count_to_the_others(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    slow_down(limits);
    get_in_line(limits, piece(limits, &first, "blob", 1, 9));
    get_in_line(limits, piece(limits, &second, "blob", 1, 9));
    assert_true(du_limiter_abandon(limits->limiter, &first.acquire));
    assert_int_equal(running(limits), 1);
    answer_held(limits);
    expect_lease(&second);
    assert_int_equal(first.delivered, 0);
    assert_int_equal(limits->slow.give_backs, 0);
    release(&second);
}

static void rule_11_a_count_that_all_pieces_gave_up_serves_one_who_comes_in_time(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    slow_down(limits);
    get_in_line(limits, piece(limits, &first, "blob", 1, 1));
    assert_true(du_limiter_abandon(limits->limiter, &first.acquire));
    assert_int_equal(running(limits), 0);
    get_in_line(limits, piece(limits, &second, "blob", 1, 1));
    assert_int_equal(limits->slow.held_count, 1);
    answer_held(limits);
    expect_lease(&second);
    assert_int_equal(counted(limits), 1);
    release(&second);
}

static void rule_11_a_count_that_all_pieces_gave_up_goes_back_and_covers_nothing(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    slow_down(limits);
    get_in_line(limits, piece(limits, &first, "blob", 1, 1));
    assert_true(du_limiter_abandon(limits->limiter, &first.acquire));
    answer_held(limits);
    assert_int_equal(counted(limits), 0);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    limits->slow.slow = false;
    get_lease(limits, piece(limits, &second, "blob", 1, 1));
    assert_int_equal(counted(limits), 1);
    release(&second);
}

static void rule_11_a_count_anew_that_was_given_up_leaves_the_running_pieces(void **state) {
    struct limits *limits = *state;
    struct request lasting, late;
    get_lease(limits, piece(limits, &lasting, "blob", 1, 9));
    du_clock_advance(&limits->base.clock, COVER_MS);
    slow_down(limits);
    get_in_line(limits, piece(limits, &late, "blob", 1, 9));
    assert_true(du_limiter_abandon(limits->limiter, &late.acquire));
    assert_int_equal(running(limits), 1);
    answer_held(limits);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(running(limits), 1);
    du_lease_refund(lasting.acquire.lease); /* its own count is still the one to refund */
    release(&lasting);
    assert_int_equal(counted(limits), 0);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(rule_2_a_slow_count_holds_the_slot_and_is_delivered),
        LIMITS_CASE(rule_2_over_the_cap_the_slot_is_back_before_the_denial_is_told),
        LIMITS_CASE(rule_2_an_abandoned_count_goes_back_after_its_slot),
        LIMITS_CASE(rule_2_a_roll_back_that_fails_leaks_nothing_and_is_logged),
        LIMITS_CASE(an_abandoned_count_that_was_never_made_is_not_given_back),
        LIMITS_CASE(rule_3_a_slow_count_that_fails_is_an_error_with_the_slot_back),
        LIMITS_CASE(rule_10_an_abandoned_count_lets_the_queue_go_on),
        LIMITS_CASE(rule_9_midnight_between_slot_and_answer_keeps_the_day_that_was_asked),
        LIMITS_CASE(rule_11_pieces_wait_for_the_one_count_together),
        LIMITS_CASE(rule_11_pieces_are_denied_or_fail_together),
        LIMITS_CASE(rule_11_a_piece_that_gives_up_leaves_the_count_to_the_others),
        LIMITS_CASE(rule_11_a_count_that_all_pieces_gave_up_serves_one_who_comes_in_time),
        LIMITS_CASE(rule_11_a_count_that_all_pieces_gave_up_goes_back_and_covers_nothing),
        LIMITS_CASE(rule_11_a_count_anew_that_was_given_up_leaves_the_running_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
