/* The counter in memory: never above the cap, never below zero, by scope, subject and day. */

#include "counter.h"
#include "fault.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    int64_t live;
    struct du_faults faults;
    struct du_counter *counter;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.live = du_mem_live();
    du_faults_init(&fixture.faults);
    assert_int_equal(du_counter_memory_new(&fixture.counter, &fixture.faults), DU_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    du_mem_fail_after(-1);
    du_counter_free(&fixture->counter);
    assert_null(fixture->counter);
    assert_int_equal(du_mem_live(), fixture->live);
    return 0;
}

static bool add_in(struct fixture *fixture, const char *scope, const char *subject, int32_t day,
                   int64_t cap) {
    struct du_count count = {.scope = scope, .subject = subject, .day = day, .cap = cap};
    assert_int_equal(fixture->counter->type->add(fixture->counter, &count), DU_STEP_DONE);
    assert_int_equal(count.error.kind, DU_OK);
    return count.granted;
}

static bool add(struct fixture *fixture, int32_t day, int64_t cap) {
    return add_in(fixture, "pulls", "ada", day, cap);
}

static int64_t count_of(struct fixture *fixture, int32_t day) {
    return fixture->counter->type->read(fixture->counter, "pulls", "ada", day);
}

static enum du_error_kind give_back(struct fixture *fixture, int32_t day, struct du_error *error) {
    return fixture->counter->type->give_back(fixture->counter, "pulls", "ada", day, error);
}

static void a_count_above_the_cap_is_never_made(void **state) {
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++)
        assert_true(add(fixture, 100, 3));
    for (int i = 0; i < 3; i++)
        assert_false(add(fixture, 100, 3));
    assert_int_equal(count_of(fixture, 100), 3);
    assert_false(add(fixture, 100, 0));
    assert_true(add(fixture, 100, DU_UNLIMITED));
    assert_false(add(fixture, 100, 2)); /* lowered */
    assert_int_equal(count_of(fixture, 100), 4);
}

static void scopes_subjects_and_days_are_apart(void **state) {
    struct fixture *fixture = *state;
    assert_true(add_in(fixture, "pulls", "ada", 100, 1));
    assert_true(add_in(fixture, "downloads", "ada", 100, 1));
    assert_true(add_in(fixture, "pulls", "bob", 100, 1));
    assert_true(add_in(fixture, "pulls", "ada", 101, 1));
    assert_false(add_in(fixture, "pulls", "ada", 100, 1));
    assert_int_equal(count_of(fixture, 99), 0);
}

static void a_count_given_back_goes_to_its_day_and_never_below_zero(void **state) {
    struct fixture *fixture = *state;
    add(fixture, 100, 9);
    add(fixture, 101, 9);
    assert_int_equal(give_back(fixture, 100, NULL), DU_OK);
    assert_int_equal(give_back(fixture, 100, NULL), DU_OK);
    assert_int_equal(give_back(fixture, 77, NULL), DU_OK);
    assert_int_equal(count_of(fixture, 100), 0);
    assert_int_equal(count_of(fixture, 101), 1);
    assert_true(add(fixture, 100, 1));
}

static void going_back_reuses_the_days_row_and_old_days_are_forgotten(void **state) {
    struct fixture *fixture = *state;
    add(fixture, 100, 1);
    add(fixture, 105, 1);
    assert_false(add(fixture, 100, 1));
    int64_t live = du_mem_live();
    add(fixture, 1000, 1);
    assert_int_equal(count_of(fixture, 100), 0);
    assert_int_equal(count_of(fixture, 105), 0);
    assert_true(du_mem_live() <= live);
}

static void it_fails_where_a_fault_is_armed(void **state) {
    struct fixture *fixture = *state;
    struct du_count count = {.scope = "pulls", .subject = "ada", .day = 100, .cap = 1};
    struct du_error error;
    du_faults_arm(&fixture->faults, DU_FAULT_COUNTER_ADD, 5, 0, 1);
    assert_int_equal(fixture->counter->type->add(fixture->counter, &count), DU_STEP_FAILED);
    assert_int_equal(count.error.kind, DU_STORE);
    assert_false(count.granted);
    assert_true(add(fixture, 100, 1));
    du_faults_arm(&fixture->faults, DU_FAULT_COUNTER_GIVE_BACK, 5, 0, 1);
    assert_int_equal(give_back(fixture, 100, &error), DU_STORE);
    assert_int_equal(count_of(fixture, 100), 1);
    assert_int_equal(give_back(fixture, 100, &error), DU_OK);
}

static void each_failing_allocation_is_an_error_and_leaks_nothing(void **state) {
    struct fixture *fixture = *state;
    struct du_counter *none;
    int64_t live = du_mem_live();
    du_mem_fail_after(0);
    assert_int_equal(du_counter_memory_new(&none, NULL), DU_MEMORY);
    assert_null(none);
    du_counter_free(&none);
    for (int allowed = 0;; allowed++) {
        struct du_count count = {.scope = "pulls", .subject = "ada", .day = 100, .cap = 1};
        du_mem_fail_after(allowed);
        enum du_step step = fixture->counter->type->add(fixture->counter, &count);
        du_mem_fail_after(-1);
        if (step == DU_STEP_DONE)
            break;
        assert_int_equal(count.error.kind, DU_MEMORY);
        assert_int_equal(du_mem_live(), live);
        assert_in_range(allowed, 0, 10);
    }
    assert_int_equal(count_of(fixture, 100), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_count_above_the_cap_is_never_made),
        CASE(scopes_subjects_and_days_are_apart),
        CASE(a_count_given_back_goes_to_its_day_and_never_below_zero),
        CASE(going_back_reuses_the_days_row_and_old_days_are_forgotten),
        CASE(it_fails_where_a_fault_is_armed),
        CASE(each_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
