/* SingleFlight, rule by rule (the numbers are the contract's); abandonment, circles and
 * threads have files of their own. */

#include "flights.h"

enum { MANY = 1000 };

static void rule_1_who_comes_while_it_runs_joins_and_gets_the_same_value(void **state) {
    struct flights *flights = *state;
    struct caller leader, joiners[3];
    struct du_flight *flight = lead(flights->table, "k", &leader);
    for (int i = 0; i < 3; i++)
        assert_int_equal(join(flights->table, "k", &joiners[i]), DU_JOIN_JOINED);
    assert_int_equal(deliveries(&leader), 0);
    du_flight_complete(&flight, fine(7));
    assert_null(flight);
    assert_int_equal(deliveries(&leader), 1);
    assert_int_equal(number_in(&leader), 7);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(deliveries(&joiners[i]), 1);
        assert_ptr_equal(joiners[i].waiter.outcome.value, leader.waiter.outcome.value);
        assert_null(joiners[i].waiter.held);
        let_go(&joiners[i]);
    }
    let_go(&leader);
}

static void rule_1_the_value_may_be_nothing(void **state) {
    struct flights *flights = *state;
    struct caller leader;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    du_flight_complete(&flight, (struct du_outcome){du_error_of(DU_OK), NULL});
    assert_int_equal(leader.waiter.outcome.error.kind, DU_OK);
    assert_null(leader.waiter.outcome.value);
}

static void rule_2_completion_removes_the_key_also_after_success(void **state) {
    struct flights *flights = *state;
    struct caller first, second;
    struct du_flight *flight = lead(flights->table, "k", &first);
    du_flight_complete(&flight, fine(1));
    assert_int_equal(du_single_flight_count(flights->table), 0);
    flight = lead(flights->table, "k", &second);
    du_flight_complete(&flight, fine(2));
    assert_int_equal(number_in(&first), 1);
    assert_int_equal(number_in(&second), 2);
    let_go(&first);
    let_go(&second);
}

static void rule_2_a_failure_is_never_cached(void **state) {
    struct flights *flights = *state;
    struct caller first, second;
    struct du_flight *flight = lead(flights->table, "k", &first);
    du_flight_complete(&flight, failed(DU_TRANSPORT, "refused"));
    flight = lead(flights->table, "k", &second);
    du_flight_complete(&flight, fine(2));
    assert_int_equal(first.waiter.outcome.error.kind, DU_TRANSPORT);
    assert_int_equal(number_in(&second), 2);
    let_go(&second);
}

static void rule_3_keys_are_independent(void **state) {
    struct flights *flights = *state;
    struct caller slow, quick;
    struct du_flight *slow_flight = lead(flights->table, "slow", &slow);
    struct du_flight *quick_flight = lead(flights->table, "quick", &quick);
    du_flight_complete(&quick_flight, fine(1));
    assert_int_equal(number_in(&quick), 1);
    assert_int_equal(deliveries(&slow), 0);
    du_flight_complete(&slow_flight, fine(2));
    assert_int_equal(number_in(&slow), 2);
    let_go(&slow);
    let_go(&quick);
}

static void rule_3_keys_are_bytes_compared_whole(void **state) {
    struct flights *flights = *state;
    static const struct {
        const char *key;
        size_t size;
    } keys[] = {{"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"a\0c", 3}, {NULL, 0}, {"\0", 1}};
    enum { KEYS = sizeof keys / sizeof *keys };
    struct caller callers[KEYS], joiner;
    struct du_flight *up[KEYS], *none;
    for (int i = 0; i < KEYS; i++) {
        init_caller(&callers[i]);
        assert_int_equal(du_single_flight_join(flights->table, keys[i].key, keys[i].size,
                                               &callers[i].waiter, NULL, &up[i], NULL),
                         DU_JOIN_LEADER);
    }
    for (int i = 0; i < KEYS; i++) {
        init_caller(&joiner);
        assert_int_equal(du_single_flight_join(flights->table, keys[i].key, keys[i].size,
                                               &joiner.waiter, NULL, &none, NULL),
                         DU_JOIN_JOINED);
        du_flight_complete(&up[i], fine(i));
        assert_int_equal(number_in(&joiner), i);
        let_go(&joiner);
        let_go(&callers[i]);
    }
}

static void rule_3_tables_are_independent_too(void **state) {
    struct flights *flights = *state;
    struct caller here, there;
    struct du_flight *first = lead(flights->table, "k", &here);
    struct du_flight *second = lead(flights->other, "k", &there);
    du_flight_complete(&first, fine(1));
    assert_int_equal(deliveries(&there), 0);
    du_flight_complete(&second, fine(2));
    let_go(&here);
    let_go(&there);
}

static void count_hook(struct du_flight *flight, void *user) {
    (void)flight;
    ++*(int *)user;
}

static void rule_4_an_abandoned_flight_that_ends_late_leaves_the_newer_one(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller old, newer, joiner;
    struct du_flight *old_flight;
    join_with(flights->table, "k", &old, NULL, &options, &old_flight);
    assert_true(du_flight_leave(&old.waiter));
    assert_true(du_flight_confirm_abandoned(old_flight));
    struct du_flight *newer_flight = lead(flights->table, "k", &newer);
    du_flight_complete(&old_flight, failed(DU_CANCELLED, "nobody"));
    assert_int_equal(du_single_flight_count(flights->table), 1);
    assert_int_equal(join(flights->table, "k", &joiner), DU_JOIN_JOINED);
    assert_int_equal(deliveries(&newer), 0);
    du_flight_complete(&newer_flight, fine(2));
    assert_int_equal(number_in(&joiner), 2);
    assert_int_equal(deliveries(&old), 0);
    let_go(&joiner);
    let_go(&newer);
}

static void rule_4_a_late_leave_and_a_late_drop_leave_the_newer_flight(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller old, newer;
    struct du_flight *flight, *newer_flight;
    struct du_value *value = number(1);
    join_with(flights->table, "k", &old, NULL, &options, &flight);
    du_flight_publish(flight, value);
    du_value_unref(&value);
    du_flight_complete(&flight, fine(0));
    join_with(flights->table, "k", &newer, NULL, &options, &newer_flight);
    assert_false(du_flight_leave(&old.waiter));
    let_go(&old);
    assert_int_equal(hooks, 0);
    assert_int_equal(du_single_flight_count(flights->table), 1);
    assert_int_equal(deliveries(&newer), 0);
    du_flight_complete(&newer_flight, fine(2));
    let_go(&newer);
}

static void rule_5_an_operation_that_dies_fails_its_whole_cohort_equally(void **state) {
    struct flights *flights = *state;
    static struct caller callers[MANY];
    struct du_flight *flight = lead(flights->table, "k", &callers[0]);
    for (int i = 1; i < MANY; i++)
        assert_int_equal(join(flights->table, "k", &callers[i]), DU_JOIN_JOINED);
    struct du_outcome outcome = failed(DU_UPSTREAM, "it said no");
    outcome.error.status = 429;
    outcome.error.retry_after = 30;
    du_flight_complete(&flight, outcome);
    assert_int_equal(du_single_flight_count(flights->table), 0);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(deliveries(&callers[i]), 1);
        assert_memory_equal(&callers[i].waiter.outcome.error, &outcome.error, sizeof outcome.error);
        assert_null(callers[i].waiter.outcome.value);
    }
}

struct seen {
    char keys[8];
    size_t waiters;
    int published;
};

static void note_flight(void *user, const void *key, size_t size, size_t waiters, bool published) {
    struct seen *seen = user;
    strncat(seen->keys, key, size);
    seen->waiters += waiters;
    seen->published += published;
}

static void rule_6_it_tells_how_many_flights_are_up(void **state) {
    struct flights *flights = *state;
    struct caller callers[4];
    struct seen seen = {0};
    assert_int_equal(du_single_flight_count(flights->table), 0);
    struct du_flight *first = lead(flights->table, "a", &callers[0]);
    struct du_flight *second = lead(flights->table, "b", &callers[1]);
    join(flights->table, "a", &callers[2]);
    join(flights->table, "a", &callers[3]);
    du_flight_publish(second, NULL);
    assert_int_equal(du_single_flight_count(flights->table), 2);
    du_single_flight_each(flights->table, note_flight, &seen);
    assert_int_equal(strlen(seen.keys), 2);
    assert_int_equal(seen.waiters, 3);
    assert_int_equal(seen.published, 1);
    du_flight_complete(&first, fine(1));
    assert_int_equal(du_single_flight_count(flights->table), 1);
    du_flight_complete(&second, fine(1));
    assert_int_equal(du_single_flight_count(flights->table), 0);
    for (int i = 0; i < 4; i++)
        let_go(&callers[i]);
}

static void rule_7_a_published_value_goes_to_waiters_and_to_later_joiners_at_once(void **state) {
    struct flights *flights = *state;
    struct caller leader, early, late, after;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    struct du_value *value = number(5);
    join(flights->table, "k", &early);
    assert_false(du_flight_published(flight));
    du_flight_publish(flight, value);
    assert_true(du_flight_published(flight));
    assert_int_equal(deliveries(&leader), 1);
    assert_int_equal(deliveries(&early), 1);
    assert_int_equal(join(flights->table, "k", &late), DU_JOIN_SETTLED);
    assert_int_equal(deliveries(&late), 0);
    assert_int_equal(number_in(&leader), 5);
    assert_ptr_equal(early.waiter.outcome.value, value);
    assert_ptr_equal(late.waiter.outcome.value, value);
    assert_non_null(late.waiter.held);
    assert_int_equal(du_single_flight_count(flights->table), 1); /* until completion */
    du_value_unref(&value);
    du_flight_complete(&flight, fine(0));
    struct du_flight *next = lead(flights->table, "k", &after);
    du_flight_complete(&next, fine(6));
    let_go(&leader);
    let_go(&early);
    let_go(&late);
    let_go(&after);
}

static void rule_7_a_failure_after_publishing_is_told_to_nobody_twice(void **state) {
    struct flights *flights = *state;
    struct caller leader;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    struct du_value *value = number(5);
    du_flight_publish(flight, value);
    du_value_unref(&value);
    du_flight_complete(&flight, failed(DU_TRANSPORT, "the body broke"));
    assert_int_equal(deliveries(&leader), 1);
    assert_int_equal(number_in(&leader), 5);
    let_go(&leader);
}

static void complete_when_delivered(struct du_waiter *waiter) {
    struct du_flight *flight = waiter->held;
    note_delivery(waiter);
    du_flight_complete(&flight, (struct du_outcome){du_error_of(DU_OK), NULL});
    let_go((struct caller *)waiter);
}

static void rule_7_a_flight_may_complete_from_within_its_publishing(void **state) {
    struct flights *flights = *state;
    struct caller leader, joiner;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    struct du_value *value = number(5);
    leader.waiter.deliver = complete_when_delivered;
    join(flights->table, "k", &joiner);
    du_flight_publish(flight, value);
    du_value_unref(&value);
    assert_int_equal(number_in(&joiner), 5);
    let_go(&joiner);
}

static void rule_9_a_waiter_whose_own_bound_ran_out_leaves_and_the_flight_goes_on(void **state) {
    struct flights *flights = *state;
    struct caller leader, impatient;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    join(flights->table, "k", &impatient);
    assert_true(du_flight_leave(&impatient.waiter));
    assert_true(du_flight_leave(&impatient.waiter)); /* twice does no harm */
    du_flight_complete(&flight, fine(1));
    assert_int_equal(deliveries(&impatient), 0);
    assert_int_equal(number_in(&leader), 1);
    assert_false(du_flight_leave(&leader.waiter)); /* settled: too late */
    let_go(&leader);
}

static void rule_9_a_waiter_that_never_joined_has_left(void **state) {
    (void)state;
    struct caller caller;
    init_caller(&caller);
    assert_true(du_flight_leave(&caller.waiter));
}

static void each_failing_allocation_fails_the_join_and_leaks_nothing(void **state) {
    struct flights *flights = *state;
    struct caller leader, joiner;
    struct du_flight *flight = NULL;
    int64_t live = du_mem_live();
    for (int allowed = 0; flight == NULL; allowed++) {
        du_mem_fail_after(allowed);
        enum du_join how = join_with(flights->table, "k", &leader, NULL, NULL, &flight);
        du_mem_fail_after(-1);
        assert_in_range(allowed, 0, 10);
        if (how == DU_JOIN_LEADER)
            break;
        assert_int_equal(how, DU_JOIN_FAILED);
        assert_int_equal(leader.waiter.outcome.error.kind, DU_MEMORY);
        assert_null(flight);
        assert_int_equal(du_single_flight_count(flights->table), 0);
        assert_int_equal(du_mem_live(), live);
        assert_true(du_flight_leave(&leader.waiter)); /* it does not wait */
    }
    du_mem_fail_after(0); /* joining, publishing, completing and leaving need none */
    assert_int_equal(join(flights->table, "k", &joiner), DU_JOIN_JOINED);
    du_flight_publish(flight, NULL);
    du_flight_complete(&flight, failed(DU_IO, "full"));
    du_mem_fail_after(-1);
    assert_int_equal(deliveries(&joiner), 1);
    let_go(&leader);
    let_go(&joiner);
}

static void each_failing_allocation_of_new_is_an_outcome(void **state) {
    struct flights *flights = *state;
    struct du_flight_domain *domain;
    struct du_single_flight *table;
    du_mem_fail_after(0);
    assert_int_equal(du_flight_domain_new(&domain), DU_MEMORY);
    assert_int_equal(du_single_flight_new(&table, flights->domain), DU_MEMORY);
    assert_null(domain);
    assert_null(table);
    du_flight_domain_free(&domain);
    du_single_flight_free(&table);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_flights, tear_down_flights)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rule_1_who_comes_while_it_runs_joins_and_gets_the_same_value),
        CASE(rule_1_the_value_may_be_nothing),
        CASE(rule_2_completion_removes_the_key_also_after_success),
        CASE(rule_2_a_failure_is_never_cached),
        CASE(rule_3_keys_are_independent),
        CASE(rule_3_keys_are_bytes_compared_whole),
        CASE(rule_3_tables_are_independent_too),
        CASE(rule_4_an_abandoned_flight_that_ends_late_leaves_the_newer_one),
        CASE(rule_4_a_late_leave_and_a_late_drop_leave_the_newer_flight),
        CASE(rule_5_an_operation_that_dies_fails_its_whole_cohort_equally),
        CASE(rule_6_it_tells_how_many_flights_are_up),
        CASE(rule_7_a_published_value_goes_to_waiters_and_to_later_joiners_at_once),
        CASE(rule_7_a_failure_after_publishing_is_told_to_nobody_twice),
        CASE(rule_7_a_flight_may_complete_from_within_its_publishing),
        CASE(rule_9_a_waiter_whose_own_bound_ran_out_leaves_and_the_flight_goes_on),
        CASE(rule_9_a_waiter_that_never_joined_has_left),
        CASE(each_failing_allocation_fails_the_join_and_leaks_nothing),
        CASE(each_failing_allocation_of_new_is_an_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
