/* The limiter's rule 10: who may wait queues for a slot, first come, first served. */

#include "limits.h"

enum { LONG = 3000 };

static void rule_10_who_waits_gets_the_slot_when_it_is_given_back(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    get_lease(limits, whole(limits, &first, 1, 50));
    get_in_line(limits, whole(limits, &second, 1, 50));
    assert_int_equal(counted(limits), 1); /* a queued request is not counted yet */
    release(&first);
    assert_int_equal(second.delivered, 1);
    expect_lease(&second);
    assert_int_equal(running(limits), 1);
    assert_int_equal(counted(limits), 2);
    release(&second);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_10_with_a_free_slot_nobody_waits(void **state) {
    struct limits *limits = *state;
    struct request request;
    whole(limits, &request, 1, 50)->acquire.wait = true;
    get_lease(limits, &request);
    release(&request);
}

static void rule_10_first_come_first_served(void **state) {
    struct limits *limits = *state;
    struct request first, queue[5];
    get_lease(limits, whole(limits, &first, 1, 50));
    for (int i = 0; i < 5; i++)
        get_in_line(limits, whole(limits, &queue[i], 1, 50));
    release(&first);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(queue[i].turn, i + 1);
        expect_lease(&queue[i]);
        assert_int_equal(i < 4 ? queue[i + 1].delivered : 0, 0);
        release(&queue[i]);
    }
}

static void rule_10_who_does_not_wait_cannot_pass_the_queue(void **state) {
    struct limits *limits = *state;
    struct request first, queued, newcomer;
    get_lease(limits, whole(limits, &first, 1, 50));
    get_in_line(limits, whole(limits, &queued, 1, 50));
    get_denial(limits, whole(limits, &newcomer, 1, 50), DU_DENIAL_CONCURRENCY);
    release(&first);
    get_denial(limits, whole(limits, &newcomer, 1, 50), DU_DENIAL_CONCURRENCY);
    release(&queued);
}

static void rule_10_who_gives_up_leaves_the_queue_and_the_next_moves_up(void **state) {
    struct limits *limits = *state;
    struct request first, queue[3];
    get_lease(limits, whole(limits, &first, 1, 50));
    for (int i = 0; i < 3; i++)
        get_in_line(limits, whole(limits, &queue[i], 1, 50));
    assert_true(du_limiter_abandon(limits->limiter, &queue[0].acquire));
    assert_false(du_limiter_abandon(limits->limiter, &queue[0].acquire));
    assert_true(du_limiter_abandon(limits->limiter, &queue[2].acquire));
    release(&first);
    assert_int_equal(queue[0].delivered, 0);
    expect_lease(&queue[1]);
    assert_false(du_limiter_abandon(limits->limiter, &queue[1].acquire)); /* too late */
    release(&queue[1]);
    assert_int_equal(queue[2].delivered, 0);
    assert_int_equal(counted(limits), 2);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_10_where_none_is_allowed_waiting_is_a_denial_at_once(void **state) {
    struct limits *limits = *state;
    struct request request;
    whole(limits, &request, 0, 50)->acquire.wait = true;
    get_denial(limits, &request, DU_DENIAL_CONCURRENCY);
}

static void rule_10_a_queued_request_is_counted_on_the_day_it_is_granted(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - 1000);
    get_lease(limits, whole(limits, &first, 1, 1));
    get_in_line(limits, whole(limits, &second, 1, 1));
    du_clock_advance(&limits->base.clock, 1000);
    release(&first);
    expect_lease(&second); /* the day before, it would have been over the cap */
    assert_int_equal(counted(limits), 1);
    assert_int_equal(du_limiter_counted(limits->limiter, "ada", NOON), 1);
    release(&second);
}

static void rule_10_a_queued_request_over_the_cap_is_denied_with_the_slot_back(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    int64_t at_delivery = -1;
    get_lease(limits, whole(limits, &first, 1, 1));
    whole(limits, &second, 1, 1)->running = &at_delivery;
    get_in_line(limits, &second);
    du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - 10000);
    release(&first);
    assert_int_equal(second.delivered, 1);
    expect_denial(&second, DU_DENIAL_DAILY_CAP);
    assert_int_equal(second.acquire.denial.reset_in_secs, 10);
    assert_int_equal(at_delivery, 0);
}

static void rule_10_a_long_queue_over_the_cap_is_denied_without_recursion(void **state) {
    struct limits *limits = *state;
    static struct request queue[LONG];
    struct request first;
    get_lease(limits, whole(limits, &first, 1, 1));
    for (int i = 0; i < LONG; i++)
        get_in_line(limits, whole(limits, &queue[i], 1, 1));
    release(&first);
    for (int i = 0; i < LONG; i++) {
        assert_int_equal(queue[i].turn, i + 1);
        expect_denial(&queue[i], DU_DENIAL_DAILY_CAP);
    }
    assert_int_equal(running(limits), 0);
}

static void rule_3_a_queued_request_whose_count_fails_lets_the_next_go(void **state) {
    struct limits *limits = *state;
    struct request first, queue[2];
    get_lease(limits, whole(limits, &first, 1, 50));
    for (int i = 0; i < 2; i++)
        get_in_line(limits, whole(limits, &queue[i], 1, 50));
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
    release(&first);
    expect_error(&queue[0], DU_STORE);
    expect_lease(&queue[1]);
    release(&queue[1]);
}

static void rule_8_a_raised_limit_lets_go_who_queued_before_it(void **state) {
    struct limits *limits = *state;
    struct request first, queue[2], newcomer;
    get_lease(limits, whole(limits, &first, 1, 1));
    for (int i = 0; i < 2; i++)
        get_in_line(limits, whole(limits, &queue[i], 1, 1));
    get_in_line(limits, whole(limits, &newcomer, 3, 50));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(queue[i].turn, i + 1);
        expect_lease(&queue[i]);
    }
    assert_int_equal(newcomer.delivered, 0);
    release(&first);
    expect_lease(&newcomer);
    release(&newcomer);
    for (int i = 0; i < 2; i++)
        release(&queue[i]);
}

static void rule_8_a_lowered_limit_holds_who_queued_before_it(void **state) {
    struct limits *limits = *state;
    struct request running_ones[3], queued, newcomer;
    for (int i = 0; i < 3; i++)
        get_lease(limits, whole(limits, &running_ones[i], 3, 50));
    get_in_line(limits, whole(limits, &queued, 3, 50));
    get_denial(limits, whole(limits, &newcomer, 1, 50), DU_DENIAL_CONCURRENCY);
    release(&running_ones[0]);
    release(&running_ones[1]);
    assert_int_equal(queued.delivered, 0);
    release(&running_ones[2]);
    expect_lease(&queued);
    release(&queued);
}

static void rule_4_a_slot_alone_can_be_waited_for(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    get_lease(limits, whole(limits, &first, 1, 1));
    whole(limits, &second, 1, 1)->acquire.slot_only = true;
    get_in_line(limits, &second);
    release(&first);
    expect_lease(&second);
    assert_int_equal(counted(limits), 1);
    release(&second);
}

static void rule_8_a_slot_alone_brings_no_cap_for_those_who_queue(void **state) {
    struct limits *limits = *state;
    struct request first, queued, slot_only;
    get_lease(limits, whole(limits, &first, 1, 50));
    get_in_line(limits, whole(limits, &queued, 1, 50));
    whole(limits, &slot_only, 1, 0)->acquire.slot_only = true;
    get_denial(limits, &slot_only, DU_DENIAL_CONCURRENCY);
    release(&first);
    expect_lease(&queued);
    release(&queued);
}

static void rule_10_queues_of_subjects_are_apart(void **state) {
    struct limits *limits = *state;
    struct request ada, queued, bob;
    get_lease(limits, whole(limits, &ada, 1, 50));
    get_in_line(limits, whole(limits, &queued, 1, 50));
    whole(limits, &bob, 1, 50)->acquire.subject = "bob";
    get_lease(limits, &bob);
    release(&bob);
    assert_int_equal(queued.delivered, 0);
    release(&ada);
    release(&queued);
}

static void release_when_delivered(struct du_acquire *acquire) {
    note_answer(acquire);
    du_lease_release(&acquire->lease);
}

static void a_lease_may_be_released_from_within_its_delivery(void **state) {
    struct limits *limits = *state;
    struct request first, queue[3];
    get_lease(limits, whole(limits, &first, 1, 50));
    for (int i = 0; i < 3; i++) {
        whole(limits, &queue[i], 1, 50)->acquire.deliver = release_when_delivered;
        get_in_line(limits, &queue[i]);
    }
    release(&first);
    for (int i = 0; i < 3; i++)
        assert_int_equal(queue[i].turn, i + 1);
    assert_int_equal(running(limits), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(rule_10_who_waits_gets_the_slot_when_it_is_given_back),
        LIMITS_CASE(rule_10_with_a_free_slot_nobody_waits),
        LIMITS_CASE(rule_10_first_come_first_served),
        LIMITS_CASE(rule_10_who_does_not_wait_cannot_pass_the_queue),
        LIMITS_CASE(rule_10_who_gives_up_leaves_the_queue_and_the_next_moves_up),
        LIMITS_CASE(rule_10_where_none_is_allowed_waiting_is_a_denial_at_once),
        LIMITS_CASE(rule_10_a_queued_request_is_counted_on_the_day_it_is_granted),
        LIMITS_CASE(rule_10_a_queued_request_over_the_cap_is_denied_with_the_slot_back),
        LIMITS_CASE(rule_10_a_long_queue_over_the_cap_is_denied_without_recursion),
        LIMITS_CASE(rule_3_a_queued_request_whose_count_fails_lets_the_next_go),
        LIMITS_CASE(rule_8_a_raised_limit_lets_go_who_queued_before_it),
        LIMITS_CASE(rule_8_a_lowered_limit_holds_who_queued_before_it),
        LIMITS_CASE(rule_4_a_slot_alone_can_be_waited_for),
        LIMITS_CASE(rule_8_a_slot_alone_brings_no_cap_for_those_who_queue),
        LIMITS_CASE(rule_10_queues_of_subjects_are_apart),
        LIMITS_CASE(a_lease_may_be_released_from_within_its_delivery),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
