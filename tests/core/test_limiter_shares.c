/* The limiter's rule 11: the pieces of one download hold one slot and one count together. And rule
 * 12 for them: the one count goes back when no piece was delivered. */

#include "limits.h"

enum { MOST_PIECES = 16, MOST_COVERED = 10000 };

static void rule_11_pieces_hold_one_slot_and_one_count_together(void **state) {
    struct limits *limits = *state;
    struct request pieces[3], other;
    for (int i = 0; i < 3; i++)
        get_lease(limits, piece(limits, &pieces[i], "blob", 1, 1));
    assert_int_equal(running(limits), 1);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(du_limiter_leases(limits->limiter), 3);
    get_denial(limits, piece(limits, &other, "another", 1, 1), DU_DENIAL_CONCURRENCY);
    release(&pieces[1]);
    release(&pieces[0]);
    assert_int_equal(running(limits), 1);
    release(&pieces[2]);
    assert_int_equal(running(limits), 0);
}

static void rule_11_whole_requests_never_share(void **state) {
    struct limits *limits = *state;
    struct request first, second, third;
    get_lease(limits, piece(limits, &first, "blob", 3, 9));
    get_lease(limits, whole(limits, &second, 3, 9));
    get_lease(limits, whole(limits, &third, 3, 9));
    assert_int_equal(running(limits), 3);
    assert_int_equal(counted(limits), 3);
    release(&first);
    release(&second);
    release(&third);
}

static void rule_11_subjects_do_not_share(void **state) {
    struct limits *limits = *state;
    struct request ada, bob;
    get_lease(limits, piece(limits, &ada, "blob", 1, 9));
    piece(limits, &bob, "blob", 1, 9)->acquire.subject = "bob";
    get_lease(limits, &bob);
    assert_int_equal(limits->slow.adds, 2);
    release(&ada);
    release(&bob);
}

static void rule_11_sixteen_at_most_at_a_time(void **state) {
    struct limits *limits = *state;
    struct request pieces[MOST_PIECES], late, waiting, elsewhere;
    for (int i = 0; i < MOST_PIECES; i++)
        get_lease(limits, piece(limits, &pieces[i], "blob", 2, 9));
    get_denial(limits, piece(limits, &late, "blob", 2, 9), DU_DENIAL_CONCURRENCY);
    get_in_line(limits, piece(limits, &waiting, "blob", 2, 9));
    get_lease(limits, whole(limits, &elsewhere, 2, 9)); /* it holds up nobody who finds a slot */
    release(&pieces[3]);
    expect_lease(&waiting);
    assert_int_equal(running(limits), 2);
    assert_int_equal(counted(limits), 2);
    pieces[3] = waiting;
    for (int i = 0; i < MOST_PIECES; i++)
        release(&pieces[i]);
    release(&elsewhere);
}

static void rule_11_the_count_covers_later_pieces_for_its_time(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, piece(limits, &request, "blob", 1, 2));
    release(&request);
    du_clock_advance(&limits->base.clock, COVER_MS - 1);
    get_lease(limits, piece(limits, &request, "blob", 1, 2));
    release(&request);
    assert_int_equal(counted(limits), 1);
    du_clock_advance(&limits->base.clock, 1);
    get_lease(limits, piece(limits, &request, "blob", 1, 2));
    release(&request);
    assert_int_equal(counted(limits), 2);
    du_clock_advance(&limits->base.clock, COVER_MS - 1); /* the second count covers as long */
    get_lease(limits, piece(limits, &request, "blob", 1, 2));
    release(&request);
    du_clock_advance(&limits->base.clock, COVER_MS);
    get_denial(limits, piece(limits, &request, "blob", 1, 2), DU_DENIAL_DAILY_CAP);
}

static void rule_11_the_cover_of_one_who_queued_begins_with_his_count(void **state) {
    struct limits *limits = *state;
    struct request other, queued;
    get_lease(limits, whole(limits, &other, 1, 9));
    get_in_line(limits, piece(limits, &queued, "blob", 1, 9));
    du_clock_advance(&limits->base.clock, COVER_MS);
    release(&other);
    expect_lease(&queued);
    release(&queued);
    du_clock_advance(&limits->base.clock, COVER_MS - 1);
    get_lease(limits, piece(limits, &queued, "blob", 1, 9));
    release(&queued);
    assert_int_equal(counted(limits), 2); /* other and queued */
}

static void rule_11_a_wall_clock_set_back_or_forth_changes_no_cover(void **state) {
    struct limits *limits = *state;
    struct request request;
    get_lease(limits, piece(limits, &request, "blob", 1, 1));
    release(&request);
    du_clock_set(&limits->base.clock, NOON + 10 * HALF_DAY_MS);
    get_lease(limits, piece(limits, &request, "blob", 1, 1));
    release(&request);
    du_clock_set(&limits->base.clock, NOON - 10 * HALF_DAY_MS);
    get_lease(limits, piece(limits, &request, "blob", 1, 1));
    release(&request);
    assert_int_equal(limits->slow.adds, 1);
}

static void rule_11_a_covered_piece_still_needs_a_slot(void **state) {
    struct limits *limits = *state;
    struct request first, other, again;
    get_lease(limits, piece(limits, &first, "blob", 1, 9));
    release(&first);
    get_lease(limits, whole(limits, &other, 1, 9));
    get_denial(limits, piece(limits, &again, "blob", 1, 9), DU_DENIAL_CONCURRENCY);
    get_in_line(limits, piece(limits, &again, "blob", 1, 9));
    release(&other);
    expect_lease(&again);
    assert_int_equal(counted(limits), 2); /* first and other */
    release(&again);
}

static void rule_11_a_piece_after_the_cover_is_counted_anew_in_the_same_slot(void **state) {
    struct limits *limits = *state;
    struct request lasting, late, later;
    get_lease(limits, piece(limits, &lasting, "blob", 1, 2));
    du_clock_advance(&limits->base.clock, COVER_MS);
    get_lease(limits, piece(limits, &late, "blob", 1, 2));
    assert_int_equal(running(limits), 1);
    assert_int_equal(counted(limits), 2);
    du_clock_advance(&limits->base.clock, COVER_MS);
    get_denial(limits, piece(limits, &later, "blob", 1, 2), DU_DENIAL_DAILY_CAP);
    assert_int_equal(running(limits), 1); /* those who run go on */
    release(&lasting);
    release(&late);
    assert_int_equal(running(limits), 0);
}

static void rule_11_pieces_that_queue_enter_together(void **state) {
    struct limits *limits = *state;
    struct request first, queue[3], other;
    get_lease(limits, whole(limits, &first, 1, 9));
    get_in_line(limits, piece(limits, &queue[0], "blob", 1, 9));
    get_in_line(limits, whole(limits, &other, 1, 9));
    get_in_line(limits, piece(limits, &queue[1], "blob", 1, 9));
    get_in_line(limits, piece(limits, &queue[2], "blob", 1, 9));
    release(&first);
    for (int i = 0; i < 3; i++)
        expect_lease(&queue[i]);
    assert_int_equal(other.delivered, 0);
    assert_int_equal(running(limits), 1);
    assert_int_equal(counted(limits), 2);
    for (int i = 0; i < 3; i++)
        release(&queue[i]);
    expect_lease(&other);
    release(&other);
}

static void rule_11_pieces_that_take_a_slot_only_share_among_themselves(void **state) {
    struct limits *limits = *state;
    struct request alone, again, counting;
    piece(limits, &alone, "blob", 2, 9)->acquire.slot_only = true;
    get_lease(limits, &alone);
    piece(limits, &again, "blob", 2, 9)->acquire.slot_only = true;
    get_lease(limits, &again);
    assert_int_equal(running(limits), 1);
    assert_int_equal(counted(limits), 0);
    get_lease(limits, piece(limits, &counting, "blob", 2, 9));
    assert_int_equal(running(limits), 2);
    assert_int_equal(counted(limits), 1);
    release(&alone);
    release(&again);
    release(&counting);
}

static void rule_3_a_count_that_fails_leaves_no_share(void **state) {
    struct limits *limits = *state;
    struct request request;
    du_faults_arm(&limits->base.faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
    assert_int_equal(acquire(limits, piece(limits, &request, "blob", 1, 9)), DU_STEP_DONE);
    expect_error(&request, DU_STORE);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    get_denial(limits, piece(limits, &request, "blob", 1, 0), DU_DENIAL_DAILY_CAP);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_6_a_share_that_covers_nothing_any_more_costs_no_memory(void **state) {
    struct limits *limits = *state;
    struct request first, second, sweeping;
    whole(limits, &sweeping, 1, 9)->acquire.subject = "bob";
    get_lease(limits, &sweeping); /* the counter knows bob from here on */
    release(&sweeping);
    get_lease(limits, piece(limits, &first, "longer", 2, 9));
    piece(limits, &second, "shorter", 2, 9)->acquire.cover_ms = 1000;
    get_lease(limits, &second);
    release(&first);
    release(&second);
    assert_int_equal(du_limiter_subjects(limits->limiter), 1);
    int64_t live = du_mem_live();
    du_clock_advance(&limits->base.clock, 1000);
    whole(limits, &sweeping, 1, 9)->acquire.subject = "bob";
    get_lease(limits, &sweeping);
    release(&sweeping);
    assert_true(du_mem_live() < live);
    assert_int_equal(du_limiter_subjects(limits->limiter), 1);
    du_clock_advance(&limits->base.clock, COVER_MS);
    whole(limits, &sweeping, 1, 9)->acquire.subject = "bob";
    get_lease(limits, &sweeping);
    release(&sweeping);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
}

static void rule_6_covered_shares_are_bounded_and_the_first_to_end_goes(void **state) {
    struct limits *limits = *state;
    struct request request;
    char share[16];
    int64_t live = 0;
    for (int i = 0; i < MOST_COVERED + 100; i++) {
        snprintf(share, sizeof share, "%d", i);
        get_lease(limits, piece(limits, &request, share, 1, DU_UNLIMITED));
        release(&request);
        du_clock_advance(&limits->base.clock, 1);
        if (i == MOST_COVERED)
            live = du_mem_live();
    }
    assert_true(du_mem_live() <= live);
    get_lease(limits, piece(limits, &request, share, 1, DU_UNLIMITED)); /* the last is covered */
    release(&request);
    assert_int_equal(limits->slow.adds, MOST_COVERED + 100);
    get_lease(limits, piece(limits, &request, "0", 1, DU_UNLIMITED)); /* the first is not */
    release(&request);
    assert_int_equal(limits->slow.adds, MOST_COVERED + 101);
}

static void rule_12_a_share_is_refunded_once_when_its_last_piece_ends(void **state) {
    struct limits *limits = *state;
    struct request pieces[3];
    int64_t running_before = -1;
    for (int i = 0; i < 3; i++)
        get_lease(limits, piece(limits, &pieces[i], "blob", 1, 1));
    for (int i = 0; i < 3; i++) {
        du_lease_refund(pieces[i].acquire.lease);
        du_lease_refund(pieces[i].acquire.lease);
        running_before = running(limits);
        assert_int_equal(counted(limits), 1);
        release(&pieces[i]);
    }
    assert_int_equal(running_before, 1);
    assert_int_equal(limits->slow.running_at_give_back, 0); /* the slot first */
    assert_int_equal(limits->slow.give_backs, 1);
    assert_int_equal(counted(limits), 0);
    get_lease(limits, piece(limits, &pieces[0], "blob", 1, 1)); /* nothing covers it any more */
    assert_int_equal(counted(limits), 1);
    release(&pieces[0]);
}

static void rule_12_a_shares_refund_goes_to_the_day_that_was_charged(void **state) {
    struct limits *limits = *state;
    struct request one, todays;
    get_lease(limits, piece(limits, &one, "blob", 2, 5));
    du_clock_advance(&limits->base.clock, 2 * HALF_DAY_MS);
    get_lease(limits, whole(limits, &todays, 2, 5));
    du_lease_refund(one.acquire.lease);
    release(&one);
    assert_int_equal(counted(limits), 1);
    assert_int_equal(du_limiter_counted(limits->limiter, "ada", NOON), 0);
    release(&todays);
}

static void rule_12_one_piece_delivered_keeps_the_charge(void **state) {
    struct limits *limits = *state;
    struct request delivered, broken;
    get_lease(limits, piece(limits, &delivered, "blob", 1, 9));
    get_lease(limits, piece(limits, &broken, "blob", 1, 9));
    release(&delivered);
    du_lease_refund(broken.acquire.lease);
    release(&broken);
    get_lease(limits, piece(limits, &broken, "blob", 1, 9)); /* under the same cover */
    du_lease_refund(broken.acquire.lease);
    release(&broken);
    assert_int_equal(limits->slow.give_backs, 0);
    assert_int_equal(counted(limits), 1);
}

static void rule_12_a_share_counted_anew_may_be_refunded_anew(void **state) {
    struct limits *limits = *state;
    struct request delivered, lasting, late;
    get_lease(limits, piece(limits, &delivered, "blob", 1, 9));
    get_lease(limits, piece(limits, &lasting, "blob", 1, 9));
    release(&delivered);
    du_clock_advance(&limits->base.clock, COVER_MS);
    get_lease(limits, piece(limits, &late, "blob", 1, 9));
    assert_int_equal(counted(limits), 2);
    du_lease_refund(late.acquire.lease);
    release(&late);
    assert_int_equal(counted(limits), 2);
    du_lease_refund(lasting.acquire.lease);
    release(&lasting);
    assert_int_equal(counted(limits), 1); /* the first count stays charged, the second goes back */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(rule_11_pieces_hold_one_slot_and_one_count_together),
        LIMITS_CASE(rule_11_whole_requests_never_share),
        LIMITS_CASE(rule_11_subjects_do_not_share),
        LIMITS_CASE(rule_11_sixteen_at_most_at_a_time),
        LIMITS_CASE(rule_11_the_count_covers_later_pieces_for_its_time),
        LIMITS_CASE(rule_11_the_cover_of_one_who_queued_begins_with_his_count),
        LIMITS_CASE(rule_11_a_wall_clock_set_back_or_forth_changes_no_cover),
        LIMITS_CASE(rule_11_a_covered_piece_still_needs_a_slot),
        LIMITS_CASE(rule_11_a_piece_after_the_cover_is_counted_anew_in_the_same_slot),
        LIMITS_CASE(rule_11_pieces_that_queue_enter_together),
        LIMITS_CASE(rule_11_pieces_that_take_a_slot_only_share_among_themselves),
        LIMITS_CASE(rule_3_a_count_that_fails_leaves_no_share),
        LIMITS_CASE(rule_6_a_share_that_covers_nothing_any_more_costs_no_memory),
        LIMITS_CASE(rule_6_covered_shares_are_bounded_and_the_first_to_end_goes),
        LIMITS_CASE(rule_12_a_share_is_refunded_once_when_its_last_piece_ends),
        LIMITS_CASE(rule_12_a_shares_refund_goes_to_the_day_that_was_charged),
        LIMITS_CASE(rule_12_one_piece_delivered_keeps_the_charge),
        LIMITS_CASE(rule_12_a_share_counted_anew_may_be_refunded_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
