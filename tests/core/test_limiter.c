/* The limiter, rule by rule (the numbers are the contract's): slots, the day's count, refunds. The
 * queue, shares, slow counters and threads have files of their own. */

#include "limits.h"

enum { OFTEN = 10000 };

static void rule_1_there_are_exactly_two_denials(void **state) {
    (void)state;
    assert_int_equal(DU_LIMIT_DENIAL_COUNT, 2);
    assert_string_equal(du_limit_denial_name(DU_DENIAL_CONCURRENCY), "Concurrency");
    assert_string_equal(du_limit_denial_name(DU_DENIAL_DAILY_CAP), "DailyCap");
    assert_true(strlen(du_limit_denial_text(DU_DENIAL_CONCURRENCY)) > 0);
    assert_true(strlen(du_limit_denial_text(DU_DENIAL_DAILY_CAP)) > 0);
}

static void rule_1_as_many_leases_as_allowed_then_a_denial(void **state) {
    struct limits *limits = *state;
    struct request requests[3];
    for (int i = 0; i < 2; i++)
        get_lease(limits, whole(limits, &requests[i], 2, 50));
    get_denial(limits, whole(limits, &requests[2], 2, 50), DU_DENIAL_CONCURRENCY);
    assert_int_equal(running(limits), 2);
    assert_int_equal(du_limiter_leases(limits->limiter), 2);
    assert_int_equal(counted(limits), 2); /* the denied one never reached the day */
    release(&requests[0]);
    get_lease(limits, whole(limits, &requests[2], 2, 50));
    release(&requests[1]);
    release(&requests[2]);
    assert_int_equal(requests[0].delivered + requests[1].delivered + requests[2].delivered, 0);
}

static void rule_1_the_daily_cap_tells_the_seconds_to_midnight(void **state) {
    struct limits *limits = *state;
    static const struct {
        int64_t before_midnight_ms, secs;
    } cases[] = {{10000, 10}, {1, 1}, {999, 1}, {1001, 2}, {86400000, 86400}, {43200000, 43200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request request;
        du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - cases[i].before_midnight_ms);
        get_denial(limits, whole(limits, &request, 2, 0), DU_DENIAL_DAILY_CAP);
        assert_int_equal(request.acquire.denial.reset_in_secs, cases[i].secs);
    }
}

static void rule_2_the_slot_is_taken_before_the_day_is_counted(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, whole(limits, &request, 2, 50));
    assert_int_equal(limits->slow.running_at_add, 1);
    release(&request);
}

static void rule_2_over_the_cap_neither_slot_nor_count_stays(void **state) {
    struct limits *limits = *state;
    struct request request;
    for (int i = 0; i < 3; i++) {
        get_lease(limits, whole(limits, &request, 1, 3));
        release(&request);
    }
    for (int i = 0; i < 3; i++) {
        get_denial(limits, whole(limits, &request, 1, 3), DU_DENIAL_DAILY_CAP);
        assert_int_equal(running(limits), 0);
        assert_int_equal(counted(limits), 3);
    }
}

static void rule_2_a_failing_roll_back_leaks_no_slot_and_is_logged(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, whole(limits, &request, 1, 3));
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_GIVE_BACK, 5, 0, 1);
    du_lease_refund(request.acquire.lease);
    release(&request);
    assert_int_equal(running(limits), 0);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    assert_int_equal(counted(limits), 1);
    assert_non_null(
        strstr(limits->log, "ERROR limit downloads: a count of ada could not be given"));
    assert_non_null(strstr(limits->log, "Store"));
}

static void rule_3_a_failing_counter_is_an_error_and_gives_the_slot_back(void **state) {
    struct limits *limits = *state;
    struct request request;
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(acquire(limits, whole(limits, &request, 1, 3)), DU_STEP_DONE);
        expect_error(&request, DU_STORE);
        assert_int_equal(running(limits), 0);
    }
    get_lease(limits, whole(limits, &request, 1, 3));
    assert_int_equal(counted(limits), 1);
    release(&request);
}

static void a_request_that_is_made_again_is_answered_anew(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, whole(limits, &request, 1, 1));
    release(&request);
    get_denial(limits, &request, DU_DENIAL_DAILY_CAP);
    request.acquire.limits = (struct du_limits){0, 9};
    get_denial(limits, &request, DU_DENIAL_CONCURRENCY);
    request.acquire.limits = (struct du_limits){1, 9};
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
    assert_int_equal(acquire(limits, &request), DU_STEP_DONE);
    expect_error(&request, DU_STORE);
    get_lease(limits, &request);
    assert_int_equal(request.acquire.error.kind, DU_OK);
    release(&request);
}

static void rule_4_a_slot_alone_never_touches_the_day(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    whole(limits, &first, 1, 0)->acquire.slot_only = true;
    whole(limits, &second, 1, -7)->acquire.slot_only = true; /* a cap that is not even read */
    get_lease(limits, &first);
    get_denial(limits, &second, DU_DENIAL_CONCURRENCY);
    du_lease_refund(first.acquire.lease);
    release(&first);
    get_lease(limits, &second);
    release(&second);
    assert_int_equal(limits->slow.adds, 0);
    assert_int_equal(limits->slow.give_backs, 0);
}

static void rule_5_a_second_release_is_harmless(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    get_lease(limits, whole(limits, &first, 2, 50));
    get_lease(limits, whole(limits, &second, 2, 50));
    release(&first);
    release(&first);
    assert_int_equal(running(limits), 1);
    assert_int_equal(du_limiter_leases(limits->limiter), 1);
    release(&second);
}

static void rule_5_slots_never_leak_however_requests_end(void **state) {
    struct limits *limits = *state;
    int64_t live = 0;
    for (int i = 0; i < OFTEN; i++) {
        struct request request;
        int64_t cap = i % 5 == 0 ? 0 : DU_UNLIMITED;
        if (i % 7 == 0)
            du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
        assert_int_equal(acquire(limits, whole(limits, &request, 1, cap)), DU_STEP_DONE);
        if (request.acquire.lease != NULL && i % 3 == 0)
            du_lease_refund(request.acquire.lease);
        release(&request);
        du_faults_disarm(&limits->base.faults, DU_FAULT_COUNTER_ADD);
        assert_int_equal(running(limits), 0);
        if (i == 10)
            live = du_mem_live();
    }
    assert_int_equal(du_mem_live(), live);
    assert_int_equal(du_limiter_leases(limits->limiter), 0);
}

static void rule_6_a_subject_without_a_lease_costs_no_memory(void **state) {
    struct limits *limits = *state;
    struct request ada, bob;
    whole(limits, &bob, 2, 1)->acquire.subject = "bob";
    get_lease(limits, &bob); /* the counter remembers both from here on */
    get_lease(limits, whole(limits, &ada, 2, 1));
    release(&bob);
    release(&ada);
    get_denial(limits, whole(limits, &ada, 2, 1), DU_DENIAL_DAILY_CAP);
    int64_t live = du_mem_live();
    whole(limits, &bob, 2, 50)->acquire.subject = "bob";
    get_lease(limits, &bob);
    get_lease(limits, whole(limits, &ada, 2, 50));
    assert_int_equal(du_limiter_subjects(limits->limiter), 2);
    release(&ada);
    release(&bob);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    assert_int_equal(du_mem_live(), live);
}

static void rule_8_a_changed_limit_applies_at_once(void **state) {
    struct limits *limits = *state;
    struct request requests[4];
    get_lease(limits, whole(limits, &requests[0], 3, 10));
    get_lease(limits, whole(limits, &requests[1], 3, 10));
    get_denial(limits, whole(limits, &requests[2], 2, 10), DU_DENIAL_CONCURRENCY); /* lowered */
    get_denial(limits, whole(limits, &requests[2], 1, 10), DU_DENIAL_CONCURRENCY);
    get_denial(limits, whole(limits, &requests[2], 3, 2), DU_DENIAL_DAILY_CAP); /* lowered */
    get_denial(limits, whole(limits, &requests[2], 3, 1), DU_DENIAL_DAILY_CAP);
    get_lease(limits, whole(limits, &requests[2], 3, 3)); /* raised */
    get_lease(limits, whole(limits, &requests[3], DU_UNLIMITED, DU_UNLIMITED));
    assert_int_equal(running(limits), 4);
    assert_int_equal(counted(limits), 4);
    for (int i = 0; i < 4; i++)
        release(&requests[i]);
}

static void rule_8_subjects_have_their_own_limits(void **state) {
    struct limits *limits = *state;
    struct request ada, bob;
    get_lease(limits, whole(limits, &ada, 1, 1));
    whole(limits, &bob, 1, 1)->acquire.subject = "bob";
    get_lease(limits, &bob);
    release(&ada);
    release(&bob);
}

static void rule_9_the_cap_opens_again_at_midnight(void **state) {
    struct limits *limits = *state;
    struct request request;
    du_clock_set(&limits->base.clock, NOON + HALF_DAY_MS - 1);
    get_lease(limits, whole(limits, &request, 1, 1));
    release(&request);
    get_denial(limits, whole(limits, &request, 1, 1), DU_DENIAL_DAILY_CAP);
    du_clock_advance(&limits->base.clock, 1);
    get_lease(limits, whole(limits, &request, 1, 1));
    assert_int_equal(counted(limits), 1);
    release(&request);
}

static void rule_9_a_clock_that_goes_back_finds_that_days_count(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, whole(limits, &request, 1, 1));
    release(&request);
    du_clock_set(&limits->base.clock, NOON + 2 * HALF_DAY_MS);
    get_lease(limits, whole(limits, &request, 1, 1));
    du_clock_set(&limits->base.clock, NOON - HALF_DAY_MS); /* the first day's midnight */
    release(&request);
    get_denial(limits, whole(limits, &request, 1, 1), DU_DENIAL_DAILY_CAP);
    assert_int_equal(request.acquire.denial.reset_in_secs, 86400);
    du_clock_set(&limits->base.clock, NOON - HALF_DAY_MS - 1); /* a day nobody has seen */
    get_lease(limits, whole(limits, &request, 1, 1));
    release(&request);
}

static void rule_12_a_refund_is_made_once_and_keeps_the_slot(void **state) {
    struct limits *limits = *state;
    struct request request, other;
    get_lease(limits, whole(limits, &other, 2, 5));
    get_lease(limits, whole(limits, &request, 2, 5));
    assert_int_equal(counted(limits), 2);
    du_lease_refund(request.acquire.lease);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(limits->slow.running_at_give_back, 2);
    du_lease_refund(request.acquire.lease);
    release(&request);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(limits->slow.give_backs, 1);
    release(&other);
}

static void rule_12_a_refund_goes_to_the_day_that_was_charged(void **state) {
    struct limits *limits = *state;
    struct request yesterdays, todays;
    get_lease(limits, whole(limits, &yesterdays, 2, 5));
    du_clock_advance(&limits->base.clock, 2 * HALF_DAY_MS);
    get_lease(limits, whole(limits, &todays, 2, 5));
    du_lease_refund(yesterdays.acquire.lease);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(du_limiter_counted(limits->limiter, "ada", NOON), 0);
    release(&yesterdays);
    release(&todays);
}

static void a_day_that_is_reset_begins_anew(void **state) {
    struct limits *limits = *state;
    struct request first, second, third;
    get_lease(limits, whole(limits, &first, 2, 2));
    get_lease(limits, whole(limits, &second, 2, 2));
    assert_int_equal(du_limiter_reset(limits->limiter, "bob", NOON, NULL), DU_OK);
    assert_int_equal(counted(limits), 2);
    assert_int_equal(du_limiter_reset(limits->limiter, "ada", NOON, NULL), DU_OK);
    assert_int_equal(counted(limits), 0);
    assert_int_equal(du_limiter_running(limits->limiter, "ada"), 2);
    get_denial(limits, whole(limits, &third, 2, 2), DU_DENIAL_CONCURRENCY);
    release(&first);
    release(&second);
    get_lease(limits, whole(limits, &third, 2, 2));
    assert_int_equal(counted(limits), 1);
    release(&third);
}

static void zero_allows_none(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_denial(limits, whole(limits, &request, 0, 5), DU_DENIAL_CONCURRENCY);
    get_denial(limits, whole(limits, &request, 1, 0), DU_DENIAL_DAILY_CAP);
    assert_int_equal(counted(limits), 0);
}

static void a_number_that_is_no_limit_is_an_error_that_names_it(void **state) {
    struct limits *limits = *state;
    struct request request;
    assert_int_equal(acquire(limits, whole(limits, &request, -2, 5)), DU_STEP_DONE);
    expect_error(&request, DU_SCRIPT);
    assert_string_equal(request.acquire.error.message,
                        "limit downloads: concurrency is -2; it must be a number from 0, or "
                        "unlimited");
    assert_int_equal(acquire(limits, whole(limits, &request, 1, INT64_MIN)), DU_STEP_DONE);
    expect_error(&request, DU_SCRIPT);
    assert_non_null(strstr(request.acquire.error.message, "daily_cap is -9223372036854775808;"));
    assert_false(du_limiter_abandon(limits->limiter, &request.acquire));
    assert_int_equal(limits->slow.adds, 0);
}

static void each_failing_allocation_is_an_error_and_loses_no_slot(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, whole(limits, &request, 1, 5)); /* the counter knows ada from here on */
    release(&request);
    int64_t live = du_mem_live();
    for (int share = 0; share < 2; share++) {
        bool granted = false;
        for (int allowed = 0; !granted; allowed++) {
            piece(limits, &request, share ? "blob" : NULL, 1, 50);
            du_mem_fail_after(allowed);
            assert_int_equal(acquire(limits, &request), DU_STEP_DONE);
            du_mem_fail_after(-1);
            granted = request.acquire.result == DU_ACQUIRED_LEASE;
            assert_true(allowed > 0 || !granted);
            assert_in_range(allowed, 0, 20);
            if (granted)
                break;
            expect_error(&request, DU_MEMORY);
            assert_int_equal(running(limits), 0);
            assert_int_equal(du_mem_live(), live);
        }
        release(&request);
    }
}

static void each_failing_allocation_of_new_is_an_outcome(void **state) {
    struct limits *limits = *state;
    struct du_limiter *limiter;
    int64_t live = du_mem_live();
    for (int allowed = 0; allowed < 2; allowed++) {
        du_mem_fail_after(allowed);
        assert_int_equal(du_limiter_new(&limiter, "x", &limits->slow.counter, &limits->base),
                         DU_MEMORY);
        du_mem_fail_after(-1);
        assert_null(limiter);
        assert_int_equal(du_mem_live(), live);
    }
    du_limiter_free(&limiter);
    assert_int_equal(du_limiter_new(&limiter, "x", &limits->slow.counter, &limits->base), DU_OK);
    assert_string_equal(du_limiter_name(limiter), "x");
    du_limiter_free(&limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(rule_1_there_are_exactly_two_denials),
        LIMITS_CASE(rule_1_as_many_leases_as_allowed_then_a_denial),
        LIMITS_CASE(rule_1_the_daily_cap_tells_the_seconds_to_midnight),
        LIMITS_CASE(rule_2_the_slot_is_taken_before_the_day_is_counted),
        LIMITS_CASE(rule_2_over_the_cap_neither_slot_nor_count_stays),
        LIMITS_CASE(rule_2_a_failing_roll_back_leaks_no_slot_and_is_logged),
        LIMITS_CASE(rule_3_a_failing_counter_is_an_error_and_gives_the_slot_back),
        LIMITS_CASE(a_request_that_is_made_again_is_answered_anew),
        LIMITS_CASE(rule_4_a_slot_alone_never_touches_the_day),
        LIMITS_CASE(rule_5_a_second_release_is_harmless),
        LIMITS_CASE(rule_5_slots_never_leak_however_requests_end),
        LIMITS_CASE(rule_6_a_subject_without_a_lease_costs_no_memory),
        LIMITS_CASE(rule_8_a_changed_limit_applies_at_once),
        LIMITS_CASE(rule_8_subjects_have_their_own_limits),
        LIMITS_CASE(rule_9_the_cap_opens_again_at_midnight),
        LIMITS_CASE(rule_9_a_clock_that_goes_back_finds_that_days_count),
        LIMITS_CASE(rule_12_a_refund_is_made_once_and_keeps_the_slot),
        LIMITS_CASE(rule_12_a_refund_goes_to_the_day_that_was_charged),
        LIMITS_CASE(a_day_that_is_reset_begins_anew),
        LIMITS_CASE(zero_allows_none),
        LIMITS_CASE(a_number_that_is_no_limit_is_an_error_that_names_it),
        LIMITS_CASE(each_failing_allocation_is_an_error_and_loses_no_slot),
        LIMITS_CASE(each_failing_allocation_of_new_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
