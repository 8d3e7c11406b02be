/* The coroutine library: as Lua's, and waits for the engine pass through it. */

#include "fixture.h"

/* --- as Lua's own --- */

static void values_go_in_and_out_as_in_lua(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local co = coroutine.create(function(a, b)\n"
                 "  local c, d = coroutine.yield(a + b) return c .. d\n"
                 "end)\n"
                 "note(coroutine.status(co))\n"
                 "note(select(2, coroutine.resume(co, 1, 2)))\n"
                 "note(coroutine.status(co))\n"
                 "note(select(2, coroutine.resume(co, 'x', 'y')))\n"
                 "note(coroutine.status(co)) note(select(2, coroutine.resume(co)))");
    assert_returned(fixture, "");
    assert_string_equal(fixture->notes,
                        "suspended 3 suspended xy dead cannot resume dead coroutine ");
}

static void wrap_is_an_iterator(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "for i, v in coroutine.wrap(function()\n"
                 "  for i = 1, 3 do coroutine.yield(i, i * i) end end) do note(v) end");
    assert_returned(fixture, "");
    assert_string_equal(fixture->notes, "1 4 9 ");
}

static void errors_come_out_of_resume_as_values_and_of_wrap_as_errors(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local function f() error('bad', 0) end\n"
                 "note(select(2, coroutine.resume(coroutine.create(f))))\n"
                 "coroutine.wrap(f)()");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_string_equal(fixture->notes, "bad ");
    assert_string_equal(fixture->outcome.error.message, "test.lua:3: bad");
}

static void running_yieldable_and_yield_take_a_task_for_the_main_thread(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "note(select(2, coroutine.running())) note(coroutine.isyieldable())\n"
                 "coroutine.wrap(function()\n"
                 "  note(select(2, coroutine.running())) note(coroutine.isyieldable()) end)()\n"
                 "note(pcall(coroutine.yield)) return select(2, pcall(coroutine.yield))");
    assert_returned(fixture, "attempt to yield from outside a coroutine ");
    assert_string_equal(fixture->notes, "true false false true false ");
}

static void close_runs_closers_and_tells_errors(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "local function closing(f) return setmetatable({}, {__close = f}) end\n"
        "local co = coroutine.create(function(f) local x <close> = closing(f) coroutine.yield() "
        "end)\n"
        "coroutine.resume(co, function() note 'closed' end)\n"
        "note(coroutine.close(co)) note(coroutine.status(co))\n"
        "co = coroutine.create(function(f) local x <close> = closing(f) coroutine.yield() end)\n"
        "coroutine.resume(co, function() error('in closer', 0) end)\n"
        "local ok, e = coroutine.close(co) note(ok) note(e)\n"
        "return select(2, pcall(coroutine.close, coroutine.running()))");
    assert_returned(fixture, "cannot close a running coroutine ");
    assert_string_equal(fixture->notes, "closed true dead false in closer ");
}

static void misuse_is_told_as_lua_tells_it(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "return select(2, pcall(coroutine.resume, 1)), select(2, pcall(coroutine.create, 1))");
    assert_contains(fixture->outcome.results, "coroutine expected");
    assert_contains(fixture->outcome.results, "function expected");
}

/* --- waits pass through --- */

static void a_wait_in_a_scripts_coroutine_parks_the_task(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local co = coroutine.create(function() return wait() end)\n"
                 "local ok, v = coroutine.resume(co) return ok, v, coroutine.status(co)");
    assert_int_equal(fixture->outcome.ended, 0);
    assert_true(wake(fixture, 0, "woken"));
    assert_returned(fixture, "true woken dead ");
}

static void waits_and_yields_mix_in_an_iterator(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "for v in coroutine.wrap(function()\n"
                 "  for i = 1, 3 do coroutine.yield(wait()) end end) do note(v) end return 'end'");
    wake(fixture, 0, "a");
    assert_string_equal(fixture->notes, "a ");
    wake(fixture, 1, "b");
    wake(fixture, 2, "c");
    assert_string_equal(fixture->notes, "a b c ");
    assert_returned(fixture, "end ");
}

static void a_wait_passes_through_coroutines_in_coroutines_and_pcalls_in_them(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local function nest(depth)\n"
                 "  if depth == 0 then return wait() end\n"
                 "  local ok, v = pcall(coroutine.wrap(nest), depth - 1)\n"
                 "  return ok and v .. depth\n"
                 "end\n"
                 "return nest(10)");
    wake(fixture, 0, "v");
    assert_returned(fixture, "v12345678910 ");
}

static void what_a_wait_raises_is_caught_in_the_coroutine_that_waits(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(fixture,
                       "local co = coroutine.wrap(function() note(pcall(wait)) return 'on' end)\n"
                       "return co()"));
    assert_string_equal(fixture->notes, "false ");
    assert_returned(fixture, "on ");
}

static void a_wait_passes_through_metamethods_iterators_and_closers(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local t = setmetatable({}, {__index = function() return wait() end,\n"
                 "  __add = wait, __close = function() note(wait()) end})\n"
                 "do local c <close> = t note(t.x) note(t + 1) end\n"
                 "for v in wait do note(v) break end");
    for (unsigned i = 0; i < 4; i++)
        assert_true(wake(fixture, i, (const char *[]){"index", "add", "close", "for"}[i]));
    assert_returned(fixture, "");
    assert_string_equal(fixture->notes, "index add close for ");
}

/* --- a coroutine that waits belongs to its task --- */

static void nobody_else_can_resume_or_close_a_coroutine_that_waits(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    run(fixture, "local co = coroutine.create(function() return wait() end)\n"
                 "rawset(_G, 'co', co) rawset(_G, 'base', coroutine.running())\n"
                 "return select(2, coroutine.resume(co))");
    run_with(
        fixture,
        "return coroutine.status(co), coroutine.resume(co, 1), select(2, coroutine.resume(co)),\n"
        "  select(2, coroutine.resume(base)), select(2, pcall(coroutine.close, co))",
        (struct du_task_options){0}, &other);
    assert_string_equal(other.results, "normal false cannot resume non-suspended coroutine "
                                       "cannot resume non-suspended coroutine "
                                       "cannot close a normal coroutine ");
    wake(fixture, 0, "mine");
    assert_returned(fixture, "mine ");
}

static void a_coroutine_may_go_on_in_another_task(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    run(fixture,
        "rawset(_G, 'f', coroutine.wrap(function() coroutine.yield(1) return wait() end))\n"
        "return f()");
    assert_returned(fixture, "1 ");
    run_with(fixture, "return f()", (struct du_task_options){0}, &other);
    wake(fixture, 0, "there");
    assert_string_equal(other.results, "there ");
}

/* --- where Lua cannot yield --- */

static void where_lua_cannot_yield_a_wait_raises_and_withdraws(void **state) {
    static const char *const codes[] = {
        "table.sort({1, 2, 3}, function(a, b) wait() return a < b end)",
        "string.gsub('x', 'x', function() wait() end)",
        "table.sort({1, 2}, coroutine.wrap(function() wait() end))",
        "string.gsub('x', '.', function() coroutine.wrap(coroutine.wrap(function() wait() end))() "
        "end)",
        "local co = coroutine.create(function()\n"
        "  local x <close> = setmetatable({}, {__close = function() wait() end}) coroutine.yield() "
        "end)\n"
        "coroutine.resume(co) error(select(2, coroutine.close(co)), 0)",
        "load(function() wait() end)() error 'not this'",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i + 1 < sizeof codes / sizeof *codes; i++) {
        fixture->cancels = fixture->waits = 0;
        run(fixture, codes[i]);
        assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
        assert_contains(fixture->outcome.error.message, "cannot wait here");
        assert_int_equal(fixture->cancels, fixture->waits);
        assert_false(wake(fixture, 0, "stale"));
    }
}

static void a_finalizer_that_waits_is_told_so_and_the_task_goes_on(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "setmetatable({}, {__gc = function() note(select(2, pcall(wait))) end}) wait()");
    lua_gc(fixture->L, LUA_GCCOLLECT);
    assert_contains(fixture->notes, "only a task can wait");
    fixture->notes[0] = '\0';
    wake(fixture, 0, "");
    run(fixture, "setmetatable({}, {__gc = function() note(select(2, pcall(wait))) end})\n"
                 "local t = {} for i = 1, 1e5 do t = {i} end return 'on'");
    assert_contains(fixture->notes, "cannot wait here");
    assert_returned(fixture, "on ");
}

static void after_a_wait_that_was_refused_the_task_can_wait_elsewhere(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "pcall(table.sort, {1, 2, 3}, coroutine.wrap(function() wait() end)) return wait()");
    assert_int_equal(fixture->waits, 2);
    wake(fixture, 1, "here");
    assert_returned(fixture, "here ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(values_go_in_and_out_as_in_lua),
        RULE(wrap_is_an_iterator),
        RULE(errors_come_out_of_resume_as_values_and_of_wrap_as_errors),
        RULE(running_yieldable_and_yield_take_a_task_for_the_main_thread),
        RULE(close_runs_closers_and_tells_errors),
        RULE(misuse_is_told_as_lua_tells_it),
        RULE(a_wait_in_a_scripts_coroutine_parks_the_task),
        RULE(waits_and_yields_mix_in_an_iterator),
        RULE(a_wait_passes_through_coroutines_in_coroutines_and_pcalls_in_them),
        RULE(what_a_wait_raises_is_caught_in_the_coroutine_that_waits),
        RULE(a_wait_passes_through_metamethods_iterators_and_closers),
        RULE(nobody_else_can_resume_or_close_a_coroutine_that_waits),
        RULE(a_coroutine_may_go_on_in_another_task),
        RULE(where_lua_cannot_yield_a_wait_raises_and_withdraws),
        RULE(a_finalizer_that_waits_is_told_so_and_the_task_goes_on),
        RULE(after_a_wait_that_was_refused_the_task_can_wait_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
