/* SingleFlight's rule 8: who leaves aborts nobody; when all have left, the flight is cancelled or
 * finished, as its leader chose. */

#include "flights.h"

static void count_hook(struct du_flight *flight, void *user) {
    (void)flight;
    ++*(int *)user;
}

static void rule_8_a_leader_who_hangs_up_aborts_nobody(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader, joiner;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    join(flights->table, "k", &joiner);
    assert_true(du_flight_leave(&leader.waiter));
    assert_int_equal(hooks, 0);
    du_flight_complete(&flight, fine(3));
    assert_int_equal(deliveries(&leader), 0);
    assert_int_equal(number_in(&joiner), 3);
    let_go(&joiner);
}

static void rule_8_a_flight_whose_whole_cohort_left_is_cancelled_on_confirmation(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader, joiner;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    join(flights->table, "k", &joiner);
    assert_true(du_flight_leave(&leader.waiter));
    assert_false(du_flight_confirm_abandoned(flight));
    assert_true(du_flight_leave(&joiner.waiter));
    assert_int_equal(hooks, 1);
    assert_int_equal(du_single_flight_count(flights->table), 1);
    assert_true(du_flight_confirm_abandoned(flight));
    assert_int_equal(du_single_flight_count(flights->table), 0);
    du_flight_complete(&flight, failed(DU_CANCELLED, "nobody"));
}

static void rule_8_a_hook_that_the_leader_names_after_the_join_is_called_too(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader, joiner;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    join(flights->table, "k", &joiner);
    assert_true(du_flight_leave(&joiner.waiter));
    du_flight_watch(flight, &options);
    assert_int_equal(hooks, 0);
    assert_true(du_flight_leave(&leader.waiter));
    assert_int_equal(hooks, 1);
    assert_true(du_flight_confirm_abandoned(flight));
    du_flight_complete(&flight, failed(DU_CANCELLED, "nobody"));
}

static void rule_8_without_a_hook_a_deserted_flight_finishes_and_may_be_joined(void **state) {
    struct flights *flights = *state;
    struct caller leader, joiner;
    struct du_flight *flight = lead(flights->table, "k", &leader);
    assert_true(du_flight_leave(&leader.waiter));
    assert_int_equal(du_single_flight_count(flights->table), 1);
    assert_int_equal(join(flights->table, "k", &joiner), DU_JOIN_JOINED);
    du_flight_complete(&flight, fine(3));
    assert_int_equal(number_in(&joiner), 3);
    let_go(&joiner);
}

static void rule_8_who_joins_between_hook_and_confirmation_keeps_the_flight(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader, joiner;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    du_flight_leave(&leader.waiter);
    assert_int_equal(hooks, 1);
    assert_int_equal(join(flights->table, "k", &joiner), DU_JOIN_JOINED);
    assert_false(du_flight_confirm_abandoned(flight));
    du_flight_leave(&joiner.waiter);
    assert_int_equal(hooks, 2); /* he left too */
    assert_true(du_flight_confirm_abandoned(flight));
    du_flight_complete(&flight, failed(DU_CANCELLED, "nobody"));
}

static void rule_8_who_holds_the_published_value_keeps_the_flight(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader, late;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    du_flight_publish(flight, NULL);
    join(flights->table, "k", &late);
    struct du_flight *hold = du_flight_hold(flight);
    let_go(&leader);
    let_go(&late);
    assert_int_equal(hooks, 0);
    assert_false(du_flight_confirm_abandoned(flight));
    du_flight_drop(&hold);
    assert_null(hold);
    assert_int_equal(hooks, 1);
    assert_true(du_flight_confirm_abandoned(flight));
    du_flight_complete(&flight, failed(DU_CANCELLED, "nobody"));
}

static void confirm_and_complete(struct du_flight *flight, void *user) {
    struct du_flight **owned = user;
    assert_ptr_equal(flight, *owned);
    assert_true(du_flight_confirm_abandoned(flight));
    du_flight_complete(owned, failed(DU_CANCELLED, "nobody"));
}

static void rule_8_the_hook_itself_may_confirm_and_complete(void **state) {
    struct flights *flights = *state;
    struct caller leader;
    struct du_flight *flight;
    const struct du_flight_options options = {confirm_and_complete, &flight};
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    assert_true(du_flight_leave(&leader.waiter));
    assert_null(flight);
    assert_int_equal(du_single_flight_count(flights->table), 0);
}

static void rule_8_after_completion_nothing_is_abandoned(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    du_flight_publish(flight, NULL);
    struct du_flight *kept = du_flight_ref(flight);
    du_flight_complete(&flight, fine(1));
    let_go(&leader);
    assert_int_equal(hooks, 0);
    assert_false(du_flight_confirm_abandoned(kept));
    du_flight_unref(&kept);
}

static void rule_8_a_flight_confirmed_abandoned_calls_its_hook_no_more(void **state) {
    struct flights *flights = *state;
    int hooks = 0;
    const struct du_flight_options options = {count_hook, &hooks};
    struct caller leader;
    struct du_flight *flight;
    join_with(flights->table, "k", &leader, NULL, &options, &flight);
    du_flight_leave(&leader.waiter);
    assert_true(du_flight_confirm_abandoned(flight));
    struct du_flight *hold = du_flight_hold(flight);
    du_flight_drop(&hold);
    assert_int_equal(hooks, 1);
    du_flight_complete(&flight, failed(DU_CANCELLED, "nobody"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_flights, tear_down_flights)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rule_8_a_leader_who_hangs_up_aborts_nobody),
        CASE(rule_8_a_flight_whose_whole_cohort_left_is_cancelled_on_confirmation),
        CASE(rule_8_a_hook_that_the_leader_names_after_the_join_is_called_too),
        CASE(rule_8_without_a_hook_a_deserted_flight_finishes_and_may_be_joined),
        CASE(rule_8_who_joins_between_hook_and_confirmation_keeps_the_flight),
        CASE(rule_8_who_holds_the_published_value_keeps_the_flight),
        CASE(rule_8_the_hook_itself_may_confirm_and_complete),
        CASE(rule_8_a_flight_confirmed_abandoned_calls_its_hook_no_more),
        CASE(rule_8_after_completion_nothing_is_abandoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
