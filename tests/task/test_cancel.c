/* Cancelling: at the wait, once, through closers and handlers; and the end of all. */

#include "fixture.h"

static void a_cancelled_task_raises_cancelled_at_its_wait(void **state) {
    struct fixture *fixture = *state;
    struct du_task *task = run(fixture, "note 'in' wait() note 'never'");
    du_task_cancel(task);
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
    assert_string_equal(fixture->notes, "in ");
    assert_contains(fixture->outcome.traceback, "test.lua:1: in");
    assert_int_equal(fixture->cancels, 1);
}

static void what_would_have_woken_a_cancelled_task_is_stale(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(fixture, "pcall(wait) pcall(wait)"));
    assert_false(wake(fixture, 0, "stale"));
    assert_int_equal(fixture->outcome.ended, 1);
}

static void closers_and_handlers_run_when_a_task_is_cancelled(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(
        fixture, "local x <close> = setmetatable({}, {__close = function() note 'closed' end})\n"
                 "local ok, e = pcall(wait) note(ok) error(e, 0)"));
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
    assert_string_equal(fixture->notes, "false closed ");
}

static void a_task_that_waits_again_after_it_was_cancelled_is_cancelled_there_too(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(fixture, "for i = 1, 3 do note(pcall(wait)) end wait() note 'never'"));
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
    assert_string_equal(fixture->notes, "false false false ");
    assert_int_equal(fixture->cancels, 4);
}

static void a_task_that_handles_being_cancelled_and_returns_has_returned(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(fixture, "pcall(wait) return 'cleaned up'"));
    assert_returned(fixture, "cleaned up ");
}

static void cancelling_twice_or_after_the_end_does_nothing(void **state) {
    struct fixture *fixture = *state;
    struct du_task *task = run(fixture, "wait()");
    du_task_cancel(task);
    du_task_cancel(task);
    assert_int_equal(fixture->outcome.ended, 1);
    assert_int_equal(fixture->cancels, 1);
}

static struct du_task *victim;

static int cancel_victim(lua_State *L) {
    (void)L;
    du_task_cancel(victim);
    return 0;
}

static void a_task_cancelled_by_another_ends_when_that_one_waits(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    set_function(fixture->L, "cancel", cancel_victim);
    victim =
        run(fixture,
            "local x <close> = setmetatable({}, {__close = function() note 'victim' end}) wait()");
    run_with(fixture, "cancel() note 'other'", (struct du_task_options){0}, &other);
    assert_string_equal(fixture->notes, "other victim ");
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
}

static int cancel_self(lua_State *L) {
    du_task_cancel(du_task_current(L));
    return 0;
}

static void a_task_that_cancels_itself_is_cancelled_at_its_next_wait(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "cancel", cancel_self);
    run(fixture, "cancel() note 'on' wait() note 'never'");
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
    assert_string_equal(fixture->notes, "on ");
}

static int wake_and_cancel_victim(lua_State *L) {
    lua_pushboolean(L, wake(fixture_of(L), 0, "value"));
    du_task_cancel(victim);
    return 1;
}

static void a_task_woken_before_it_was_cancelled_gets_what_woke_it(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    set_function(fixture->L, "both", wake_and_cancel_victim);
    victim = run(fixture, "note(wait()) wait() note 'never'");
    run_with(fixture, "assert(both())", (struct du_task_options){0}, &other);
    assert_int_equal(other.end, DU_TASK_RETURNED);
    assert_string_equal(fixture->notes, "value ");
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
}

static void a_task_that_waits_in_its_own_coroutine_is_cancelled_there(void **state) {
    struct fixture *fixture = *state;
    du_task_cancel(run(fixture,
                       "local f = coroutine.wrap(function() note(pcall(wait)) wait() end)\n"
                       "note(pcall(f)) f()"));
    assert_string_equal(fixture->notes, "false false ");
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
}

static void cancelling_all_cancels_each_that_is_alive(void **state) {
    struct fixture *fixture = *state;
    struct outcome outcomes[10];
    for (int i = 0; i < 10; i++)
        run_with(fixture, "wait()", (struct du_task_options){0}, &outcomes[i]);
    du_tasks_cancel_all(fixture->tasks);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(outcomes[i].ended, 1);
        assert_int_equal(outcomes[i].end, DU_TASK_CANCELLED);
    }
    assert_int_equal(du_tasks_alive(fixture->tasks), 0);
    assert_int_equal(fixture->cancels, 10);
}

static enum du_error_kind refusal;

static void start_one_more(void *user, const struct du_task_result *result) {
    struct fixture *fixture = user;
    assert_int_equal(result->end, DU_TASK_CANCELLED);
    lua_getglobal(fixture->L, "wait");
    refusal = du_task_start(fixture->tasks, fixture->L, 0, &(struct du_task_options){0}, NULL);
}

static void freeing_cancels_what_is_left_and_refuses_what_that_starts(void **state) {
    struct fixture *fixture = *state;
    struct du_task_options options = {.ended = start_one_more, .user = fixture};
    lua_getglobal(fixture->L, "wait");
    assert_int_equal(du_task_start(fixture->tasks, fixture->L, 0, &options, NULL), DU_OK);
    refusal = DU_OK;
    du_tasks_free(&fixture->tasks);
    assert_null(fixture->tasks);
    assert_int_equal(refusal, DU_CANCELLED);
    assert_null(du_tasks_of(fixture->L));
}

/* --- errors of the engine as values --- */

static void push_as_table(lua_State *L, const struct du_error *error) {
    lua_createtable(L, 0, 1);
    lua_pushstring(L, du_error_name(error->kind));
    lua_setfield(L, -2, "variant");
}

static bool read_table(lua_State *L, int index, struct du_error *error) {
    enum du_error_kind kind;
    if (!lua_istable(L, index))
        return false;
    lua_getfield(L, index, "variant");
    bool known = du_error_kind_of(lua_tostring(L, -1), &kind);
    lua_pop(L, 1);
    if (known)
        du_error_set(error, kind, "told by a table");
    return known;
}

static void cancelled_is_the_value_that_the_bindings_make_of_it(void **state) {
    struct fixture *fixture = *state;
    du_tasks_set_error_push(fixture->tasks, push_as_table);
    du_task_cancel(run(fixture, "local _, e = pcall(wait) return e.variant"));
    assert_returned(fixture, "Cancelled ");
}

static void a_raised_error_of_the_engine_keeps_its_kind(void **state) {
    struct fixture *fixture = *state;
    du_tasks_set_error_read(fixture->tasks, read_table);
    run(fixture, "error { variant = 'Transport' }");
    assert_ended(fixture, DU_TASK_RAISED, DU_TRANSPORT);
    assert_string_equal(fixture->outcome.error.message, "told by a table");
    run(fixture, "error 'text'");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
}

static int raise_io(lua_State *L) {
    struct du_error error;
    du_error_set(&error, DU_IO, "disk");
    return du_task_raise(L, &error);
}

static void an_error_of_the_engine_is_text_until_the_bindings_say_otherwise(void **state) {
    struct fixture *fixture = *state;
    set_function(fixture->L, "io", raise_io);
    run(fixture, "return select(2, pcall(io))");
    assert_returned(fixture, "Io: disk ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(a_cancelled_task_raises_cancelled_at_its_wait),
        RULE(what_would_have_woken_a_cancelled_task_is_stale),
        RULE(closers_and_handlers_run_when_a_task_is_cancelled),
        RULE(a_task_that_waits_again_after_it_was_cancelled_is_cancelled_there_too),
        RULE(a_task_that_handles_being_cancelled_and_returns_has_returned),
        RULE(cancelling_twice_or_after_the_end_does_nothing),
        RULE(a_task_cancelled_by_another_ends_when_that_one_waits),
        RULE(a_task_that_cancels_itself_is_cancelled_at_its_next_wait),
        RULE(a_task_woken_before_it_was_cancelled_gets_what_woke_it),
        RULE(a_task_that_waits_in_its_own_coroutine_is_cancelled_there),
        RULE(cancelling_all_cancels_each_that_is_alive),
        RULE(freeing_cancels_what_is_left_and_refuses_what_that_starts),
        RULE(cancelled_is_the_value_that_the_bindings_make_of_it),
        RULE(a_raised_error_of_the_engine_keeps_its_kind),
        RULE(an_error_of_the_engine_is_text_until_the_bindings_say_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
