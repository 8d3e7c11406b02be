/* Tasks: how they run and end, and what they are to each other. */

#include "fixture.h"

/* --- running and ending --- */

static void a_task_that_does_not_wait_ends_before_start_returns(void **state) {
    struct fixture *fixture = *state;
    assert_null(run(fixture, "return 1, 'two', nil, true"));
    assert_returned(fixture, "1 two nil true ");
    assert_int_equal(fixture->outcome.count, 4);
    assert_int_equal(du_tasks_alive(fixture->tasks), 0);
}

static void a_task_gets_its_arguments(void **state) {
    struct fixture *fixture = *state;
    struct du_task_options options = {.ended = on_ended, .user = &fixture->outcome};
    luaL_loadstring(fixture->L, "local a, b = ... return b, a");
    lua_pushinteger(fixture->L, 7);
    lua_pushliteral(fixture->L, "x");
    assert_int_equal(du_task_start(fixture->tasks, fixture->L, 2, &options, NULL), DU_OK);
    assert_returned(fixture, "x 7 ");
}

static void a_wait_parks_and_gives_what_wakes_it(void **state) {
    struct fixture *fixture = *state;
    struct du_task *task = run(fixture, "local a = wait() local b = wait() return a, b");
    assert_non_null(task);
    assert_int_equal(fixture->outcome.ended, 0);
    assert_int_equal(du_tasks_alive(fixture->tasks), 1);
    assert_true(wake(fixture, 0, "first"));
    assert_int_equal(fixture->waits, 2);
    assert_true(wake(fixture, 1, "second"));
    assert_returned(fixture, "first second ");
}

static void a_wake_up_may_bring_nothing(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return select('#', wait())");
    assert_true(du_task_wake(fixture->tickets[0], NULL, NULL));
    assert_returned(fixture, "0 ");
}

static void a_raised_string_is_a_script_error_with_its_place_and_a_traceback(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local function inner() error('broken') end\n inner() return 1");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_string_equal(fixture->outcome.error.message, "test.lua:1: broken");
    assert_contains(fixture->outcome.traceback, "test.lua:1: broken\nstack traceback:");
    assert_contains(fixture->outcome.traceback, "test.lua:2: in");
}

static void an_error_after_a_wait_still_has_its_traceback(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local function inner() wait() error({}) end\n inner() return 1");
    wake(fixture, 0, "");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message, "table: ");
    assert_contains(fixture->outcome.traceback, "test.lua:2: in");
}

static void to_be_closed_variables_run_before_the_end_is_told(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local x <close> = setmetatable({}, {__close = function() note 'closed' end})\n"
                 "wait() error 'x'");
    wake(fixture, 0, "");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_string_equal(fixture->notes, "closed ");
}

static void a_closer_may_wait_while_an_error_passes(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "local x <close> = setmetatable({}, {__close = function() note(wait()) end}) error 'x'");
    assert_int_equal(fixture->outcome.ended, 0);
    assert_true(wake(fixture, 0, "released"));
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_string_equal(fixture->notes, "released ");
}

static void an_error_passes_through_pcall_and_its_waits(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "local ok, e = pcall(function() wait() error('inner', 0) end) return ok, e, wait()");
    wake(fixture, 0, "");
    wake(fixture, 1, "on");
    assert_returned(fixture, "false inner on ");
}

static void raise_in_ended(void *user, const struct du_task_result *result) {
    struct outcome *outcome = user;
    on_ended(outcome, result);
    if (result->end == DU_TASK_RETURNED)
        luaL_error(result->thread, "no reply");
}

static void an_end_that_cannot_take_the_results_is_told_that_the_task_raised(void **state) {
    struct fixture *fixture = *state;
    struct du_task_options options = {.ended = raise_in_ended, .user = &fixture->outcome};
    luaL_loadstring(fixture->L, "return 1, 2, 3");
    assert_int_equal(du_task_start(fixture->tasks, fixture->L, 0, &options, NULL), DU_OK);
    assert_int_equal(fixture->outcome.ended, 2);
    assert_int_equal(fixture->outcome.end, DU_TASK_RAISED);
    assert_string_equal(fixture->outcome.error.message, "no reply");
    assert_contains(fixture->outcome.traceback, "stack traceback:");
}

static void start_another(void *user, const struct du_task_result *result) {
    struct fixture *fixture = user;
    assert_int_equal(result->end, DU_TASK_RETURNED);
    run(fixture, "return 'another'");
}

static void an_end_may_start_a_task(void **state) {
    struct fixture *fixture = *state;
    struct du_task_options options = {.ended = start_another, .user = fixture};
    luaL_loadstring(fixture->L, "return 1");
    assert_int_equal(du_task_start(fixture->tasks, fixture->L, 0, &options, NULL), DU_OK);
    assert_returned(fixture, "another ");
}

/* --- tasks among each other --- */

static int lua_wake(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    unsigned number = (unsigned)luaL_checkinteger(L, 1);
    char text[16];
    snprintf(text, sizeof text, "%s", luaL_checkstring(L, 2));
    lua_pushboolean(L, wake(fixture, number, text));
    memset(text, '?', sizeof text - 1);
    return 1;
}

static void a_wake_up_from_a_task_takes_effect_when_that_one_waits(void **state) {
    struct fixture *fixture = *state;
    struct outcome waker;
    set_function(fixture->L, "wake", lua_wake);
    run(fixture, "note(wait()) return 'woken'");
    run_with(fixture, "wake(0, 'up') note 'still me' wait() note 'me again'",
             (struct du_task_options){0}, &waker);
    assert_string_equal(fixture->notes, "still me up ");
    assert_returned(fixture, "woken ");
    wake(fixture, 1, "");
    assert_int_equal(waker.ended, 1);
}

static void tasks_that_wake_each_other_for_long_do_not_nest(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    set_function(fixture->L, "wake", lua_wake);
    /* Nested resumes would overflow Lua's C stack at 200. */
    run(fixture, "for i = 1, 300 do wait() wake(i * 2 - 1, 'x') end");
    run_with(fixture, "for i = 1, 300 do wake((i - 1) * 2, 'x') wait() end return 'ping'",
             (struct du_task_options){0}, &other);
    assert_int_equal(other.ended, 1);
    assert_string_equal(other.results, "ping ");
    assert_int_equal(fixture->outcome.ended, 1);
}

static int lua_start(lua_State *L) {
    struct du_task_options options = {.phase = DU_PHASE_FLIGHT};
    lua_settop(L, 1);
    lua_pushinteger(L, du_task_start(du_tasks_of(L), L, 0, &options, NULL));
    return 1;
}

static void a_task_started_by_a_task_runs_at_once_and_the_starter_goes_on(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "start", lua_start);
    run(fixture, "start(function() note 'in' wait() note 'later' end) note 'out' return 1");
    assert_string_equal(fixture->notes, "in out ");
    assert_returned(fixture, "1 ");
    wake(fixture, 0, "");
    assert_string_equal(fixture->notes, "in out later ");
}

static void starts_that_nest_too_deep_fail_and_end_nobody_else(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "start", lua_start);
    run(fixture,
        "local depth = 0\n"
        "local function deeper() depth = depth + 1 if depth < 1000 then start(deeper) end end\n"
        "deeper() return depth > 20 and depth < 1000");
    assert_returned(fixture, "true ");
    assert_int_equal(du_tasks_alive(fixture->tasks), 0);
}

static int ask(lua_State *L) {
    struct du_task *task = du_task_current(L);
    lua_pushboolean(L, du_task_phase(L) == DU_PHASE_FLIGHT);
    lua_pushboolean(L, du_task_within(L) == (struct du_flight *)fixture_of(L));
    lua_pushstring(L, du_task_label(task));
    lua_pushboolean(L, du_task_user(task) == fixture_of(L));
    return 4;
}

static void a_task_knows_what_it_is(void **state) {
    struct fixture *fixture = *state;
    struct du_flight *within = (struct du_flight *)(void *)fixture;
    set_function(fixture->L, "ask", ask);
    assert_int_equal(du_task_phase(fixture->L), DU_PHASE_LOAD);
    assert_null(du_task_current(fixture->L));
    struct du_task *task = run_with(
        fixture, "wait() return ask()",
        (struct du_task_options){.phase = DU_PHASE_FLIGHT, .within = within, .label = "a flight"},
        &fixture->outcome);
    du_task_set_user(task, fixture);
    wake(fixture, 0, "");
    assert_returned(fixture, "true true a flight true ");
    assert_null(du_task_within(fixture->L));
}

static void threads_are_used_again(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return wait()");
    wake(fixture, 0, "");
    lua_gc(fixture->L, LUA_GCCOLLECT);
    int64_t live = du_mem_live();
    for (int i = 0; i < 1000; i++) {
        fixture->waits = 0;
        run(fixture, i % 2 ? "wait() error 'x'" : "return wait()");
        wake(fixture, 0, "");
    }
    lua_gc(fixture->L, LUA_GCCOLLECT);
    assert_true(du_mem_live() <= live + 8);
}

static void a_task_outside_of_which_one_waits_is_missed_with_a_clear_error(void **state) {
    struct fixture *fixture = *state;
    lua_pushcfunction(fixture->L, lua_wait);
    assert_int_equal(lua_pcall(fixture->L, 0, 0, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(fixture->L, -1), "only a task can wait");
    lua_pop(fixture->L, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(a_task_that_does_not_wait_ends_before_start_returns),
        RULE(a_task_gets_its_arguments),
        RULE(a_wait_parks_and_gives_what_wakes_it),
        RULE(a_wake_up_may_bring_nothing),
        RULE(a_raised_string_is_a_script_error_with_its_place_and_a_traceback),
        RULE(an_error_after_a_wait_still_has_its_traceback),
        RULE(to_be_closed_variables_run_before_the_end_is_told),
        RULE(a_closer_may_wait_while_an_error_passes),
        RULE(an_error_passes_through_pcall_and_its_waits),
        RULE(an_end_that_cannot_take_the_results_is_told_that_the_task_raised),
        RULE(an_end_may_start_a_task),
        RULE(a_wake_up_from_a_task_takes_effect_when_that_one_waits),
        RULE(tasks_that_wake_each_other_for_long_do_not_nest),
        RULE(a_task_started_by_a_task_runs_at_once_and_the_starter_goes_on),
        RULE(starts_that_nest_too_deep_fail_and_end_nobody_else),
        RULE(a_task_knows_what_it_is),
        RULE(threads_are_used_again),
        RULE(a_task_outside_of_which_one_waits_is_missed_with_a_clear_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
