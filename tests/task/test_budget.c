/* Budgets: instructions over all of a task's coroutines, and the memory of its state. Each endless
 * script here must end; a budget that can be swallowed hangs its test. */

#include "budget.h"
#include "fixture.h"

enum { BUDGET = 200 * 1000 };

static struct du_task *run_bound(struct fixture *fixture, const char *code) {
    return run_with(fixture, code,
                    (struct du_task_options){.budget.instructions = BUDGET, .label = "a route"},
                    &fixture->outcome);
}

#define assert_over_budget(fixture, code)                                                          \
    do {                                                                                           \
        run_bound(fixture, code);                                                                  \
        assert_ended(fixture, DU_TASK_OVER_BUDGET, DU_SCRIPT);                                     \
        assert_contains((fixture)->outcome.error.message, "over its budget of 200000 instr");      \
    } while (0)

static void an_endless_loop_ends_and_its_place_is_told(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "local i = 0\nwhile true do i = i + 1 end");
    assert_string_equal(fixture->outcome.error.message,
                        "test.lua:2: over its budget of 200000 instructions");
    assert_contains(fixture->outcome.traceback, "stack traceback:");
}

static void a_script_within_its_budget_is_left_alone(void **state) {
    struct fixture *fixture = *state;
    run_bound(fixture, "local n = 0 for i = 1, 10000 do n = n + i end return n");
    assert_returned(fixture, "50005000 ");
}

static void without_a_bound_nothing_is_stopped(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local n = 0 for i = 1, 1000000 do n = n + 1 end return n");
    assert_returned(fixture, "1000000 ");
}

static void pcall_cannot_swallow_it(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "while true do pcall(function() while true do end end) end");
    assert_over_budget(fixture, "local function again() pcall(again) return again() end again()");
    assert_over_budget(fixture, "pcall(pcall, function() while true do end end)");
}

static void xpcall_and_its_handler_cannot_swallow_it(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "local function forever() while true do end end\n"
                                "while true do xpcall(forever, forever) end");
    assert_over_budget(fixture, "local function forever() while true do end end\n"
                                "while true do xpcall(error, forever) end");
}

static void closers_cannot_swallow_it(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture,
                       "local function forever() while true do end end\n"
                       "local x <close> = setmetatable({}, {__close = forever}) forever()");
    assert_over_budget(fixture,
                       "local function forever() while true do end end\n"
                       "coroutine.wrap(function()\n"
                       "  local x <close> = setmetatable({}, {__close = forever}) forever()\n"
                       "end)()");
    assert_over_budget(
        fixture, "local function forever() while true do end end\n"
                 "local co = coroutine.create(function()\n"
                 "  local x <close> = setmetatable({}, {__close = forever}) coroutine.yield()\n"
                 "end) coroutine.resume(co) pcall(forever) coroutine.close(co)");
}

static void coroutines_cannot_swallow_it(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "local function forever() while true do end end\n"
                                "while true do coroutine.resume(coroutine.create(forever)) end");
    assert_over_budget(fixture, "local function forever() while true do end end\n"
                                "while true do pcall(coroutine.wrap(forever)) end");
}

static void work_spread_over_many_coroutines_is_summed(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "while true do coroutine.wrap(function() end)() end");
    assert_over_budget(fixture, "local f = {}\n"
                                "for i = 1, 50 do f[i] = coroutine.wrap(function()\n"
                                "  while true do coroutine.yield() end end) end\n"
                                "while true do for i = 1, 50 do f[i]() end end");
}

static void each_coroutine_is_charged_a_period_for_what_its_own_count_misses(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture,
                       "while true do\n"
                       "  note '.' coroutine.wrap(function() for i = 1, 700 do end end)()\n"
                       "end");
    assert_in_range(strlen(fixture->notes) / 2, 100, BUDGET / DU_BUDGET_PERIOD);
}

static void a_coroutine_made_where_nothing_was_counted_is_counted(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "rawset(_G, 'forever', coroutine.wrap(function() while true do end end))");
    assert_returned(fixture, "");
    assert_over_budget(fixture, "forever()");
}

static void callbacks_of_c_functions_cannot_swallow_it(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "while true do\n"
                                "  pcall(table.sort, {1, 2, 3}, function() while true do end end)\n"
                                "  pcall(string.gsub, 'x', 'x', function() while true do end end)\n"
                                "  load(function() while true do end end)\n"
                                "end");
}

static void the_budget_goes_on_over_waits(void **state) {
    struct fixture *fixture = *state;
    run_bound(fixture, "while true do wait() for i = 1, 500 do end end");
    unsigned woken = 0;
    while (fixture->outcome.ended == 0 && woken < 1000)
        wake(fixture, woken++, "");
    assert_ended(fixture, DU_TASK_OVER_BUDGET, DU_SCRIPT);
    assert_true(woken > 100);
}

static void a_task_that_uses_the_thread_after_one_that_was_over_starts_anew(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "while true do end");
    run_bound(fixture, "local n = 0 for i = 1, 10000 do n = n + i end return n");
    assert_returned(fixture, "50005000 ");
    assert_over_budget(fixture, "while true do end");
}

static void endless_handlers_where_lua_cannot_yield_end_too(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture,
                       "local function forever() while true do end end\n"
                       "pcall(table.sort, {1, 2, 3}, function() xpcall(forever, forever) end)\n"
                       "while true do end");
}

static void the_traceback_shows_where_it_was_stopped(void **state) {
    struct fixture *fixture = *state;
    assert_over_budget(fixture, "local function spin()\n  while true do end\nend\n"
                                "while true do\n  pcall(spin)\nend");
    assert_contains(fixture->outcome.traceback, "test.lua:2: over its budget");
    assert_contains(fixture->outcome.traceback, "in function <test.lua:1>");
    assert_contains(fixture->outcome.traceback, "test.lua:5: in main chunk");
}

static int wait_in_spite(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket ticket = du_task_ticket(L);
    lua_settop(L, 1);
    lua_pcall(L, 0, 0, 0); /* spends the budget, and swallows the error in C */
    return du_task_wait(L, ticket, count_cancel, fixture);
}

static void a_wait_after_it_is_over_withdraws_and_stops(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "spite", wait_in_spite);
    assert_over_budget(fixture, "spite(function() while true do end end)");
    assert_int_equal(fixture->cancels, 1);
}

static int close_box(lua_State *L) {
    add_note(fixture_of(L), "closed");
    return 0;
}

static void closers_written_in_c_still_run(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "close", close_box);
    assert_over_budget(fixture, "local lease <close> = setmetatable({}, {__close = close})\n"
                                "while true do end");
    assert_string_equal(fixture->notes, "closed ");
}

static void a_chunk_that_loops_while_it_loads_ends(void **state) {
    struct fixture *fixture = *state;
    run_with(fixture, "load('while true do end')()",
             (struct du_task_options){.phase = DU_PHASE_LOAD, .budget.instructions = BUDGET},
             &fixture->outcome);
    assert_ended(fixture, DU_TASK_OVER_BUDGET, DU_SCRIPT);
}

static void what_a_task_spent_is_known(void **state) {
    struct fixture *fixture = *state;
    struct du_task *task = run_bound(fixture, "for i = 1, 50000 do end wait()");
    assert_in_range(du_task_spent(task), 45000, 60000);
    du_task_cancel(task);
}

/* --- memory --- */

enum { MEMORY = 4 << 20 };

static int set_up_small(void **state) {
    return set_up_limited(state, MEMORY);
}

#define SMALL_RULE(name) cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

static void a_script_that_takes_too_much_memory_ends_with_memory(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end");
    assert_ended(fixture, DU_TASK_NO_MEMORY, DU_MEMORY);
    assert_true(atomic_load(&fixture->memory.peak) <= MEMORY);
    assert_true(atomic_load(&fixture->memory.peak) > MEMORY / 2);
}

static void memory_refused_in_a_scripts_coroutine_keeps_its_kind(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "coroutine.wrap(function()\n"
                 "  local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end end)()");
    assert_ended(fixture, DU_TASK_NO_MEMORY, DU_MEMORY);
}

static void the_state_goes_on_after_a_refusal(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return ('x'):rep(8 << 20)");
    assert_ended(fixture, DU_TASK_NO_MEMORY, DU_MEMORY);
    run(fixture, "return #('x'):rep(1 << 20)");
    assert_returned(fixture, "1048576 ");
}

/* Runs the code while each of its allocations in turn is the last that succeeds, until it gets by.
 * What was started must end once, whatever is refused. */
static void refuse_each_in_turn(struct fixture *fixture, const char *code) {
    struct du_task_options options = {.ended = on_ended, .user = &fixture->outcome};
    for (int64_t successes = 0;; successes++) {
        fixture->outcome = (struct outcome){0};
        fixture->waits = 0;
        assert_int_equal(luaL_loadstring(fixture->L, code), LUA_OK);
        du_mem_fail_after(successes);
        enum du_error_kind failed = du_task_start(fixture->tasks, fixture->L, 0, &options, NULL);
        for (unsigned i = 0; i < fixture->waits; i++)
            wake(fixture, i, "a text that is long enough to be allocated on its own, beyond forty");
        bool refused = du_mem_asked() > successes;
        du_mem_fail_after(-1);
        assert_int_equal(fixture->outcome.ended > 0, failed == DU_OK);
        assert_int_equal(du_tasks_alive(fixture->tasks), 0);
        if (!refused && fixture->outcome.end == DU_TASK_RETURNED)
            return;
        if (failed == DU_OK && fixture->outcome.end != DU_TASK_RETURNED)
            assert_int_equal(fixture->outcome.error.kind, DU_MEMORY);
    }
}

static void a_refusal_of_any_allocation_ends_the_task_with_memory(void **state) {
    struct fixture *fixture = *state;
    refuse_each_in_turn(fixture, "local t = {} for i = 1, 20 do t[i] = { i .. '' } end\n"
                                 "local a = wait() return a .. #t, coroutine.wrap(wait)()");
}

static int start_and_wake_within(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    unsigned before = fixture->waits;
    struct du_task_options none = {0};
    if (du_task_start(fixture->tasks, L, 0, &none, NULL) == DU_OK && fixture->waits > before)
        wake(fixture, before,
             "a text that is long enough to be allocated on its own, beyond forty");
    struct du_ticket ticket = du_task_ticket(L);
    du_task_wake(ticket, push_text, "another text that is long enough to be allocated on its own");
    return du_task_wait(L, ticket, NULL, NULL);
}

static void a_refusal_while_a_wake_up_is_held_ends_its_task_with_memory(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "within", start_and_wake_within);
    refuse_each_in_turn(fixture, "return within(wait)");
}

static void no_memory_for_tasks_is_told(void **state) {
    struct fixture *fixture = *state;
    struct du_tasks *tasks;
    lua_State *L = lua_newstate(du_lua_memory_allocate, &fixture->memory);
    enum du_error_kind failed = DU_MEMORY;
    for (int64_t successes = 0; failed != DU_OK; successes++) {
        du_mem_fail_after(successes);
        failed = du_tasks_new(&tasks, L);
        du_mem_fail_after(-1);
        assert_true(failed == DU_OK || failed == DU_MEMORY);
    }
    du_tasks_free(&tasks);
    lua_close(L);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(an_endless_loop_ends_and_its_place_is_told),
        RULE(a_script_within_its_budget_is_left_alone),
        RULE(without_a_bound_nothing_is_stopped),
        RULE(pcall_cannot_swallow_it),
        RULE(xpcall_and_its_handler_cannot_swallow_it),
        RULE(closers_cannot_swallow_it),
        RULE(coroutines_cannot_swallow_it),
        RULE(work_spread_over_many_coroutines_is_summed),
        RULE(each_coroutine_is_charged_a_period_for_what_its_own_count_misses),
        RULE(a_coroutine_made_where_nothing_was_counted_is_counted),
        RULE(callbacks_of_c_functions_cannot_swallow_it),
        RULE(the_budget_goes_on_over_waits),
        RULE(a_task_that_uses_the_thread_after_one_that_was_over_starts_anew),
        RULE(endless_handlers_where_lua_cannot_yield_end_too),
        RULE(the_traceback_shows_where_it_was_stopped),
        RULE(a_wait_after_it_is_over_withdraws_and_stops),
        RULE(closers_written_in_c_still_run),
        RULE(a_chunk_that_loops_while_it_loads_ends),
        RULE(what_a_task_spent_is_known),
        SMALL_RULE(a_script_that_takes_too_much_memory_ends_with_memory),
        SMALL_RULE(memory_refused_in_a_scripts_coroutine_keeps_its_kind),
        SMALL_RULE(the_state_goes_on_after_a_refusal),
        RULE(a_refusal_of_any_allocation_ends_the_task_with_memory),
        RULE(a_refusal_while_a_wake_up_is_held_ends_its_task_with_memory),
        RULE(no_memory_for_tasks_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
