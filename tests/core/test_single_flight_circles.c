/* SingleFlight's rule 12: a join that would close a circle is an error, not a deadlock. */

#include "flights.h"

enum { LONG = 20000 };

static enum du_join join_within(struct du_single_flight *table, const char *key,
                                struct caller *caller, struct du_flight *within) {
    struct du_flight *none;
    enum du_join how = join_with(table, key, caller, within, NULL, &none);
    assert_null(none);
    return how;
}

static void expect_circle(struct du_single_flight *table, const char *key,
                          struct du_flight *within) {
    struct caller caller;
    assert_int_equal(join_within(table, key, &caller, within), DU_JOIN_FAILED);
    assert_int_equal(caller.waiter.outcome.error.kind, DU_SCRIPT);
    assert_true(strlen(caller.waiter.outcome.error.message) > 0);
    assert_true(du_flight_leave(&caller.waiter)); /* it does not wait */
}

static void end(struct du_flight **flight) {
    du_flight_complete(flight, (struct du_outcome){du_error_of(DU_OK), NULL});
}

static void rule_12_a_flight_cannot_wait_for_itself(void **state) {
    struct flights *flights = *state;
    struct caller a;
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    expect_circle(flights->table, "a", flight_a);
    end(&flight_a);
    assert_int_equal(deliveries(&a), 1);
}

static void rule_12_two_flights_cannot_wait_for_each_other(void **state) {
    struct flights *flights = *state;
    struct caller a, b, a_for_b;
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    assert_int_equal(join_within(flights->table, "b", &a_for_b, flight_a), DU_JOIN_JOINED);
    expect_circle(flights->table, "a", flight_b);
    end(&flight_b);
    assert_int_equal(deliveries(&a_for_b), 1);
    end(&flight_a);
}

static void rule_12_a_circle_over_several_tables_is_seen(void **state) {
    struct flights *flights = *state;
    struct caller a, b, c, waits[2];
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->other, "b", &b);
    struct du_flight *flight_c = lead(flights->table, "c", &c);
    assert_int_equal(join_within(flights->other, "b", &waits[0], flight_a), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "c", &waits[1], flight_b), DU_JOIN_JOINED);
    expect_circle(flights->table, "a", flight_c);
    end(&flight_c);
    end(&flight_b);
    end(&flight_a);
}

static void rule_12_a_leader_within_another_flight_counts_as_waiting(void **state) {
    struct flights *flights = *state;
    struct caller a, b;
    struct du_flight *flight_a = lead(flights->table, "a", &a), *flight_b;
    assert_int_equal(join_with(flights->table, "b", &b, flight_a, NULL, &flight_b), DU_JOIN_LEADER);
    expect_circle(flights->table, "a", flight_b);
    end(&flight_b);
    end(&flight_a);
}

static void rule_12_two_ways_to_one_flight_are_no_circle(void **state) {
    struct flights *flights = *state;
    struct caller a, b, c, d, e, waits[5];
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    struct du_flight *flight_c = lead(flights->table, "c", &c);
    struct du_flight *flight_d = lead(flights->table, "d", &d);
    assert_int_equal(join_within(flights->table, "b", &waits[0], flight_a), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "c", &waits[1], flight_a), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "d", &waits[2], flight_b), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "d", &waits[3], flight_c), DU_JOIN_JOINED);
    expect_circle(flights->table, "a", flight_d);
    struct du_flight *flight_e = lead(flights->table, "e", &e); /* the search ends without a find */
    assert_int_equal(join_within(flights->table, "a", &waits[4], flight_e), DU_JOIN_JOINED);
    end(&flight_e);
    end(&flight_d);
    end(&flight_c);
    end(&flight_b);
    end(&flight_a);
}

static void rule_12_one_who_waits_from_outside_is_never_in_a_circle(void **state) {
    struct flights *flights = *state;
    struct caller a, b, a_for_b, outside;
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    join_within(flights->table, "b", &a_for_b, flight_a);
    assert_int_equal(join_within(flights->table, "a", &outside, NULL), DU_JOIN_JOINED);
    end(&flight_b);
    end(&flight_a);
}

static void rule_12_who_has_left_or_was_answered_waits_no_more(void **state) {
    struct flights *flights = *state;
    struct caller a, b, c, leaver, a_for_c, waits[2];
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    struct du_flight *flight_c = lead(flights->table, "c", &c);
    join_within(flights->table, "b", &leaver, flight_a);
    assert_true(du_flight_leave(&leaver.waiter));
    assert_int_equal(join_within(flights->table, "a", &waits[0], flight_b), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "c", &a_for_c, flight_a), DU_JOIN_JOINED);
    end(&flight_c);
    flight_c = lead(flights->table, "c", &c);
    assert_int_equal(join_within(flights->table, "a", &waits[1], flight_c), DU_JOIN_JOINED);
    end(&flight_a);
    end(&flight_b);
    end(&flight_c);
}

static void rule_12_a_published_flight_is_no_wait(void **state) {
    struct flights *flights = *state;
    struct caller a, b, a_for_b, b_for_a, self;
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    join_within(flights->table, "b", &a_for_b, flight_a);
    du_flight_publish(flight_b, NULL);
    assert_int_equal(deliveries(&a_for_b), 1);
    assert_int_equal(join_within(flights->table, "a", &b_for_a, flight_b), DU_JOIN_JOINED);
    assert_int_equal(join_within(flights->table, "b", &self, flight_b), DU_JOIN_SETTLED);
    end(&flight_a);
    end(&flight_b);
    struct caller *held[] = {&b, &a_for_b, &self};
    for (int i = 0; i < 3; i++)
        let_go(held[i]);
}

static void rule_12_a_flight_may_end_while_its_operation_still_waits(void **state) {
    struct flights *flights = *state;
    struct caller a, b, a_for_b, b_for_a;
    struct du_flight *flight_a = lead(flights->table, "a", &a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    join_within(flights->table, "b", &a_for_b, flight_a);
    end(&flight_a);
    flight_a = lead(flights->table, "a", &a);
    assert_int_equal(join_within(flights->table, "a", &b_for_a, flight_b), DU_JOIN_JOINED);
    end(&flight_a);
    end(&flight_b);
    assert_int_equal(deliveries(&a_for_b), 1);
}

static void rule_12_an_operation_may_outlive_its_flight_and_wait_on(void **state) {
    struct flights *flights = *state;
    struct caller a, b, a_for_b;
    struct du_flight *flight_a = lead(flights->table, "a", &a), *kept = du_flight_ref(flight_a);
    struct du_flight *flight_b = lead(flights->table, "b", &b);
    end(&flight_a);
    assert_int_equal(join_within(flights->table, "b", &a_for_b, kept), DU_JOIN_JOINED);
    du_flight_unref(&kept);
    end(&flight_b);
    assert_int_equal(deliveries(&a_for_b), 1);
}

static void rule_12_a_long_chain_is_followed_without_recursion(void **state) {
    struct flights *flights = *state;
    static struct caller callers[LONG];
    static struct du_flight *chain[LONG];
    for (int i = 0; i < LONG; i++) {
        init_caller(&callers[i]);
        callers[i].waiter.within = i > 0 ? chain[i - 1] : NULL;
        assert_int_equal(du_single_flight_join(flights->table, &i, sizeof i, &callers[i].waiter,
                                               NULL, &chain[i], NULL),
                         DU_JOIN_LEADER);
    }
    struct caller closing;
    struct du_flight *none;
    struct du_error error;
    init_caller(&closing);
    closing.waiter.within = chain[LONG - 1];
    int first = 0;
    assert_int_equal(du_single_flight_join(flights->table, &first, sizeof first, &closing.waiter,
                                           NULL, &none, &error),
                     DU_JOIN_FAILED);
    assert_int_equal(error.kind, DU_SCRIPT);
    for (int i = LONG; i-- > 0;)
        end(&chain[i]);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_flights, tear_down_flights)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rule_12_a_flight_cannot_wait_for_itself),
        CASE(rule_12_two_flights_cannot_wait_for_each_other),
        CASE(rule_12_a_circle_over_several_tables_is_seen),
        CASE(rule_12_a_leader_within_another_flight_counts_as_waiting),
        CASE(rule_12_two_ways_to_one_flight_are_no_circle),
        CASE(rule_12_one_who_waits_from_outside_is_never_in_a_circle),
        CASE(rule_12_who_has_left_or_was_answered_waits_no_more),
        CASE(rule_12_a_published_flight_is_no_wait),
        CASE(rule_12_a_flight_may_end_while_its_operation_still_waits),
        CASE(rule_12_an_operation_may_outlive_its_flight_and_wait_on),
        CASE(rule_12_a_long_chain_is_followed_without_recursion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
