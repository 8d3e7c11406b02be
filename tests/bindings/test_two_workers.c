/* What flights promise across workers. */

#include "pair.h"

static size_t in_flight(struct pair *pair) {
    return du_single_flight_count(pair->engine.named.reports);
}

#define RUN "return native.flights('reports'):run('k', "

static const char lead[] = RUN "function() gate() return 'from a' end, ...)";
static const char join[] = RUN "function() error('a second run') end, ...)";

static void a_caller_on_another_worker_joins_and_gets_a_clone(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    settle(pair);
    assert_false(a.ended || b.ended);
    assert_int_equal(in_flight(pair), 1);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(a.result, "from a");
    assert_string_equal(b.result, "from a");
    assert_int_equal(in_flight(pair), 0);
}

static void a_published_value_reaches_the_other_worker_and_later_joiners_at_once(void **state) {
    struct pair *pair = *state;
    struct outcome a, b, late;
    worker_begin(&pair->a, RUN "function(publish) gate() publish('early') gate() end)",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(a.result, "early");
    assert_string_equal(b.result, "early");
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &late);
    assert_string_equal(late.result, "early");
    assert_int_equal(in_flight(pair), 1);
    gate_open(&pair->a);
    settle(pair);
    assert_int_equal(in_flight(pair), 0);
}

static void flights_of_another_generation_of_scripts_are_others(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    pair->b.context.generation = 2;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, RUN "function() return 'from b' end)", DU_PHASE_REQUEST, &b);
    settle(pair);
    assert_string_equal(b.result, "from b");
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(a.result, "from a");
}

static void a_leader_that_leaves_aborts_nobody(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader = worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    du_task_cancel(leader);
    settle(pair);
    assert_int_equal(a.end, DU_TASK_CANCELLED);
    assert_false(b.ended);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(b.result, "from a");
}

static void when_all_have_left_the_operation_is_cancelled(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader =
        worker_begin(&pair->a,
                     RUN "function()\n"
                         "  local _, raised = pcall(gate)\n"
                         "  native.records:put('t', 'raised', raised.variant)\n"
                         "  gate()\n"
                         "end, { on_abandon = 'cancel' })",
                     DU_PHASE_REQUEST, &a);
    struct du_task *joiner = worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    du_task_cancel(leader);
    settle(pair);
    assert_int_equal(in_flight(pair), 1);
    du_task_cancel(joiner);
    settle(pair);
    assert_int_equal(b.end, DU_TASK_CANCELLED);
    assert_int_equal(in_flight(pair), 0);
    assert_false(gate_is_waited_at(&pair->a));
    worker_do(&pair->b, "assert(native.records:get('t', 'raised') == 'Cancelled')");
}

static void where_the_caller_chose_so_it_finishes(void **state) {
    struct pair *pair = *state;
    struct outcome a;
    struct du_task *leader =
        worker_begin(&pair->a,
                     RUN "function() gate() native.records:put('t', 'done', 'yes') end,"
                         " { on_abandon = 'finish' })",
                     DU_PHASE_REQUEST, &a);
    du_task_cancel(leader);
    settle(pair);
    assert_int_equal(in_flight(pair), 1);
    gate_open(&pair->a);
    settle(pair);
    assert_int_equal(in_flight(pair), 0);
    worker_do(&pair->b, "assert(native.records:get('t', 'done') == 'yes')");
}

static void a_flight_that_was_abandoned_makes_room_for_a_new_one(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader = worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    du_task_cancel(leader);
    settle(pair);
    worker_begin(&pair->b, RUN "function() return 'new' end)", DU_PHASE_REQUEST, &b);
    settle(pair);
    assert_string_equal(b.result, "new");
    assert_int_equal(in_flight(pair), 0);
}

static void who_joins_before_it_is_confirmed_keeps_it_going(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader = worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    du_task_cancel(leader); /* the mail about it waits in a's mailbox */
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    settle(pair);
    assert_false(b.ended);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(b.result, "from a");
}

/* Both departures are told of before the leader's loop turns: one mail. */
static void who_joins_and_leaves_before_it_is_confirmed_changes_nothing(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader = worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    du_task_cancel(leader);
    struct du_task *joiner = worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    du_task_cancel(joiner);
    settle(pair);
    assert_int_equal(in_flight(pair), 0);
}

static void a_waiter_that_bounds_its_wait_gets_WaitTimeout_and_the_flight_goes_on(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    worker_begin(
        &pair->b,
        "local value, problem = native.flights('reports'):run('k', print, { timeout = 500 })\n"
        "return problem.variant",
        DU_PHASE_REQUEST, &b);
    worker_advance(&pair->b, 499);
    assert_false(b.ended);
    worker_advance(&pair->b, 1);
    assert_string_equal(b.result, "WaitTimeout");
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(a.result, "from a");
}

static void the_end_of_the_leaders_worker_is_Cancelled_for_its_cohort(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, RUN "print)", DU_PHASE_REQUEST, &b);
    du_tasks_cancel_all(pair->a.context.tasks);
    settle(pair);
    assert_true(b.ended);
    assert_string_equal(b.result, "nil");
    assert_int_equal(in_flight(pair), 0);
}

static void an_operation_over_its_budget_is_Script_for_its_cohort(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a, RUN "function() gate() while true do pcall(error) end end)",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b,
                 "local value, problem = native.flights('reports'):run('k', print)\n"
                 "return problem.variant",
                 DU_PHASE_REQUEST, &b);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(b.result, "Script");
    assert_int_equal(in_flight(pair), 0);
}

/* define makes problems of ErrorKind recognizable, as dunite.enum does. */
#define RETRYING                                                                                   \
    "local meta, tries = {}, 0\n"                                                                  \
    "native.define('ErrorKind', meta)\n"                                                           \
    "local function try()\n"                                                                       \
    "  tries = tries + 1\n"                                                                        \
    "  native.records:put('t', 'tries', tostring(tries))\n"                                        \
    "  if tries < 3 then return nil, setmetatable({ variant = KIND, retry_after = AFTER }, meta) " \
    "end\n"                                                                                        \
    "  return 'third'\n"                                                                           \
    "end\n"                                                                                        \
    "local value, problem = native.flights('reports'):run('k', try, { retries = RETRIES })\n"      \
    "return value or problem.variant"

static void begin_retrying(struct worker *worker, const char *kind, int after, int retries,
                           struct outcome *out) {
    lua_pushinteger(worker->L, retries);
    lua_setglobal(worker->L, "RETRIES");
    lua_pushstring(worker->L, kind);
    lua_setglobal(worker->L, "KIND");
    lua_pushinteger(worker->L, after);
    lua_setglobal(worker->L, "AFTER");
    worker_begin(worker, RETRYING, DU_PHASE_REQUEST, out);
}

static void
after_a_retryable_failure_it_backs_off_and_runs_again_while_its_cohort_waits(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    begin_retrying(&pair->a, "Transport", -1, 2, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    settle(pair);
    worker_do(&pair->b, "assert(native.records:get('t', 'tries') == '1')");
    worker_advance(&pair->a, 200);
    worker_do(&pair->b, "assert(native.records:get('t', 'tries') == '2')");
    worker_advance(&pair->a, 399);
    assert_false(a.ended || b.ended);
    worker_advance(&pair->a, 1);
    settle(pair);
    assert_string_equal(a.result, "third");
    assert_string_equal(b.result, "third");
}

static void it_is_tried_no_more_often_than_was_said(void **state) {
    struct pair *pair = *state;
    struct outcome a;
    begin_retrying(&pair->a, "Transport", -1, 1, &a);
    worker_advance(&pair->a, 200);
    assert_string_equal(a.result, "Transport");
    worker_do(&pair->b, "assert(native.records:get('t', 'tries') == '2')");
}

static void a_failure_that_names_its_pause_gets_it(void **state) {
    struct pair *pair = *state;
    struct outcome a;
    begin_retrying(&pair->a, "Overloaded", 7, 2, &a);
    worker_advance(&pair->a, 6999);
    worker_do(&pair->b, "assert(native.records:get('t', 'tries') == '1')");
    worker_advance(&pair->a, 1);
    worker_do(&pair->b, "assert(native.records:get('t', 'tries') == '2')");
    worker_advance(&pair->a, 7000);
    assert_string_equal(a.result, "third");
}

static void what_cannot_go_well_is_not_tried_again(void **state) {
    struct pair *pair = *state;
    struct outcome a;
    begin_retrying(&pair->a, "Integrity", -1, 2, &a);
    settle(pair);
    assert_string_equal(a.result, "Integrity");
}

static void a_flight_that_backs_off_ends_when_all_have_left(void **state) {
    struct pair *pair = *state;
    struct outcome a;
    begin_retrying(&pair->a, "Transport", -1, 2, &a);
    du_tasks_cancel_all(pair->a.context.tasks);
    settle(pair);
    assert_int_equal(in_flight(pair), 0);
}

static void a_flight_that_backs_off_ends_when_its_worker_stops(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    begin_retrying(&pair->a, "Transport", -1, 2, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    du_bindings_stop(&pair->a.context);
    settle(pair);
    assert_true(a.ended && b.ended);
    assert_string_equal(b.result, "nil");
    assert_int_equal(in_flight(pair), 0);
}

static void flights_of_two_workers_that_would_wait_for_each_other_are_an_error(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    static const char cross[] = "local mine, other = ...\n"
                                "local flights = native.flights 'reports'\n"
                                "local value, problem = flights:run(MINE, function()\n"
                                "  gate()\n"
                                "  return flights:run(OTHER, function() error('never') end)\n"
                                "end)\n"
                                "return problem.variant .. problem.message";
    struct worker *workers[] = {&pair->a, &pair->b};
    struct outcome *outcomes[] = {&a, &b};
    for (int i = 0; i < 2; i++) {
        lua_pushstring(workers[i]->L, i == 0 ? "one" : "two");
        lua_setglobal(workers[i]->L, "MINE");
        lua_pushstring(workers[i]->L, i == 0 ? "two" : "one");
        lua_setglobal(workers[i]->L, "OTHER");
        worker_begin(workers[i], cross, DU_PHASE_REQUEST, outcomes[i]);
    }
    gate_open(&pair->a);
    gate_open(&pair->b);
    settle(pair);
    assert_non_null(strstr(a.result, "wait for itself"));
    assert_non_null(strstr(b.result, "wait for itself"));
    assert_int_equal(in_flight(pair), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_caller_on_another_worker_joins_and_gets_a_clone),
        WITH_PAIR(a_published_value_reaches_the_other_worker_and_later_joiners_at_once),
        WITH_PAIR(flights_of_another_generation_of_scripts_are_others),
        WITH_PAIR(a_leader_that_leaves_aborts_nobody),
        WITH_PAIR(when_all_have_left_the_operation_is_cancelled),
        WITH_PAIR(where_the_caller_chose_so_it_finishes),
        WITH_PAIR(a_flight_that_was_abandoned_makes_room_for_a_new_one),
        WITH_PAIR(who_joins_before_it_is_confirmed_keeps_it_going),
        WITH_PAIR(who_joins_and_leaves_before_it_is_confirmed_changes_nothing),
        WITH_PAIR(a_waiter_that_bounds_its_wait_gets_WaitTimeout_and_the_flight_goes_on),
        WITH_PAIR(the_end_of_the_leaders_worker_is_Cancelled_for_its_cohort),
        WITH_PAIR(an_operation_over_its_budget_is_Script_for_its_cohort),
        WITH_PAIR(after_a_retryable_failure_it_backs_off_and_runs_again_while_its_cohort_waits),
        WITH_PAIR(it_is_tried_no_more_often_than_was_said),
        WITH_PAIR(a_failure_that_names_its_pause_gets_it),
        WITH_PAIR(what_cannot_go_well_is_not_tried_again),
        WITH_PAIR(a_flight_that_backs_off_ends_when_all_have_left),
        WITH_PAIR(a_flight_that_backs_off_ends_when_its_worker_stops),
        WITH_PAIR(flights_of_two_workers_that_would_wait_for_each_other_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
