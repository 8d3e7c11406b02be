/* Waiting: tickets, early and stale wake-ups, continuations. */

#include "fixture.h"

/* --- tickets --- */

static void each_wait_is_woken_once(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return wait(), wait()");
    assert_true(wake(fixture, 0, "a"));
    assert_false(wake(fixture, 0, "stale"));
    assert_true(wake(fixture, 1, "b"));
    assert_false(wake(fixture, 1, "stale"));
    assert_returned(fixture, "a b ");
}

static void a_stale_ticket_does_not_wake_the_task_that_took_over_its_memory(void **state) {
    struct fixture *fixture = *state;
    struct du_task *first = run(fixture, "return wait()");
    wake(fixture, 0, "a");
    struct du_task *second = run(fixture, "return wait()");
    assert_ptr_equal(first, second);
    assert_false(wake(fixture, 0, "stale"));
    assert_int_equal(fixture->outcome.ended, 0);
    assert_true(wake(fixture, 1, "b"));
    assert_returned(fixture, "b ");
}

static int take_a_ticket(lua_State *L) {
    *next_ticket(fixture_of(L)) = du_task_ticket(L);
    return 0;
}

static void a_ticket_ends_with_its_task(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "take", take_a_ticket);
    run(fixture, "take()");
    assert_returned(fixture, "");
    assert_false(wake(fixture, 0, "stale"));
}

static void an_empty_ticket_wakes_nobody(void **state) {
    (void)state;
    assert_false(du_task_wake((struct du_ticket){0}, NULL, NULL));
}

static int wake_then_wait(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket ticket = du_task_ticket(L);
    char text[] = "early"; /* gone when the wait is reached, were push called then */
    assert_true(du_task_wake(ticket, push_text, text));
    assert_false(du_task_wake(ticket, push_text, text));
    memset(text, '?', sizeof text - 1);
    return du_task_wait(L, ticket, count_cancel, fixture);
}

static void a_wake_up_before_the_wait_makes_it_return_at_once(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "early", wake_then_wait);
    run(fixture, "local a = early() return a, wait()");
    assert_int_equal(fixture->waits, 1);
    wake(fixture, 0, "late");
    assert_returned(fixture, "early late ");
    assert_int_equal(fixture->cancels, 0);
}

static int raise_problem(lua_State *L, void *user) {
    (void)user;
    return luaL_error(L, "cannot push");
}

static int wake_badly_then_wait(lua_State *L) {
    struct du_ticket ticket = du_task_ticket(L);
    assert_true(du_task_wake(ticket, raise_problem, NULL));
    return du_task_wait(L, ticket, NULL, NULL);
}

static void what_a_push_raises_comes_out_of_the_wait(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "early", wake_badly_then_wait);
    run(fixture, "local a, b = pcall(wait) local c, d = pcall(early) return a, b, c, d");
    assert_true(du_task_wake(fixture->tickets[0], raise_problem, NULL));
    assert_returned(fixture, "false cannot push false Script: cannot push ");
}

static int forget_a_ticket_then_wait(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    *next_ticket(fixture) = du_task_ticket(L);
    return lua_wait(L);
}

static void a_newer_ticket_makes_an_older_one_stale(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "twice", forget_a_ticket_then_wait);
    run(fixture, "return twice()");
    assert_false(wake(fixture, 0, "old"));
    assert_true(wake(fixture, 1, "new"));
    assert_returned(fixture, "new ");
}

static int wait_with_old_ticket(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket old = du_task_ticket(L);
    du_task_ticket(L);
    return du_task_wait(L, old, count_cancel, fixture);
}

static void waiting_with_an_older_ticket_raises_after_withdrawing(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "misuse", wait_with_old_ticket);
    run(fixture, "misuse()");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message, "newest ticket");
    assert_int_equal(fixture->cancels, 1);
}

static int collect_then_wait(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket ticket = du_task_ticket(L);
    *next_ticket(fixture) = ticket;
    lua_gc(L, LUA_GCCOLLECT);
    return du_task_wait(L, ticket, count_cancel, fixture);
}

static void a_finalizer_that_tries_to_wait_takes_no_ticket_from_its_task(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "collect", collect_then_wait);
    run(fixture, "setmetatable({}, {__gc = function() note(pcall(wait)) end}) return collect()");
    assert_string_equal(fixture->notes, "false ");
    assert_int_equal(fixture->waits, 2);
    assert_false(wake(fixture, 1, "stale"));
    assert_true(wake(fixture, 0, "mine"));
    assert_returned(fixture, "mine ");
}

/* --- continuations --- */

static int join_both(lua_State *L, int status, lua_KContext context) {
    assert_int_equal(status, LUA_YIELD);
    lua_pushinteger(L, context);
    lua_concat(L, 3); /* what was on the stack, what was pushed, the context */
    return 1;
}

static int wait_and_join(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket ticket = du_task_ticket(L);
    lua_settop(L, 1);
    *next_ticket(fixture) = ticket;
    return du_task_wait_k(L, ticket, NULL, NULL, 42, join_both);
}

static void a_continuation_finds_its_stack_and_what_was_pushed(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "join", wait_and_join);
    run(fixture, "return join 'a'");
    wake(fixture, 0, "-woken-");
    assert_returned(fixture, "a-woken-42 ");
}

static int wait_and_join_early(lua_State *L) {
    struct du_ticket ticket = du_task_ticket(L);
    lua_settop(L, 1);
    du_task_wake(ticket, push_text, "-early-");
    return du_task_wait_k(L, ticket, NULL, NULL, 43, join_both);
}

static void a_continuation_runs_at_once_when_it_was_woken_before(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "join", wait_and_join_early);
    run(fixture, "return join 'a'");
    assert_returned(fixture, "a-early-43 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(each_wait_is_woken_once),
        RULE(a_stale_ticket_does_not_wake_the_task_that_took_over_its_memory),
        RULE(a_ticket_ends_with_its_task),
        RULE(an_empty_ticket_wakes_nobody),
        RULE(a_wake_up_before_the_wait_makes_it_return_at_once),
        RULE(what_a_push_raises_comes_out_of_the_wait),
        RULE(a_newer_ticket_makes_an_older_one_stale),
        RULE(waiting_with_an_older_ticket_raises_after_withdrawing),
        RULE(a_finalizer_that_tries_to_wait_takes_no_ticket_from_its_task),
        RULE(a_continuation_finds_its_stack_and_what_was_pushed),
        RULE(a_continuation_runs_at_once_when_it_was_woken_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
