#ifndef DU_TASK_FIXTURE_H
#define DU_TASK_FIXTURE_H

/* A worker's Lua state with tasks in the policy environment, and what tests do with it:
 *
 *   wait([cancel])  parks under a ticket, which lands in fixture->tickets; gives what wakes it
 *   note(text)      adds to fixture->notes, with a blank behind
 *
 * Everything counts allocations: a test that leaves one behind fails.
 */

#include "environment.h"
#include "lua_memory.h"
#include "mem.h"
#include "task.h"

#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct outcome {
    unsigned ended;
    enum du_task_end end;
    struct du_error error;
    char traceback[4096];
    char results[1024]; /* with a blank behind each */
    int count;
};

struct fixture {
    lua_State *L;
    struct du_lua_memory memory;
    struct du_tasks *tasks;
    struct du_environment environment;
    struct du_ticket tickets[1024];
    unsigned waits, cancels;
    char notes[4096];
    struct outcome outcome; /* of the task that `run` started last */
    int64_t live;
};

static inline struct fixture *fixture_of(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, "fixture");
    struct fixture *fixture = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return fixture;
}

static inline void add_note(struct fixture *fixture, const char *text) {
    size_t size = strlen(fixture->notes);
    snprintf(fixture->notes + size, sizeof fixture->notes - size, "%s ", text);
}

static inline void count_cancel(void *fixture) {
    ((struct fixture *)fixture)->cancels++;
}

static inline struct du_ticket *next_ticket(struct fixture *fixture) {
    assert_true(fixture->waits < sizeof fixture->tickets / sizeof *fixture->tickets);
    return &fixture->tickets[fixture->waits++];
}

static inline int lua_wait(lua_State *L) {
    struct fixture *fixture = fixture_of(L);
    struct du_ticket ticket = du_task_ticket(L);
    *next_ticket(fixture) = ticket;
    return du_task_wait(L, ticket, count_cancel, fixture);
}

static inline int lua_note(lua_State *L) {
    add_note(fixture_of(L), luaL_tolstring(L, 1, NULL));
    return 0;
}

static inline void on_print(void *fixture, lua_State *L, const char *line, size_t size) {
    (void)L;
    assert_int_equal(strlen(line), size);
    add_note(fixture, line);
}

static inline void set_function(lua_State *L, const char *name, lua_CFunction function) {
    lua_pushglobaltable(L);
    lua_pushstring(L, name);
    lua_pushcfunction(L, function);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static inline int set_up_limited(void **state, size_t memory) {
    int64_t live = du_mem_live();
    struct fixture *fixture = du_calloc(1, sizeof *fixture);
    fixture->live = live;
    du_lua_memory_init(&fixture->memory, memory);
    fixture->L = lua_newstate(du_lua_memory_allocate, &fixture->memory);
    assert_non_null(fixture->L);
    assert_int_equal(du_tasks_new(&fixture->tasks, fixture->L), DU_OK);
    fixture->environment = (struct du_environment){.print = on_print, .user = fixture};
    lua_pushlightuserdata(fixture->L, fixture);
    lua_setfield(fixture->L, LUA_REGISTRYINDEX, "fixture");
    du_environment_open(fixture->L, &fixture->environment);
    set_function(fixture->L, "wait", lua_wait);
    set_function(fixture->L, "note", lua_note);
    *state = fixture;
    return 0;
}

static inline int set_up(void **state) {
    return set_up_limited(state, 0);
}

static inline int tear_down(void **state) {
    struct fixture *fixture = *state;
    int64_t live = fixture->live;
    assert_int_equal(lua_gettop(fixture->L), 0);
    du_tasks_free(&fixture->tasks);
    lua_close(fixture->L);
    assert_int_equal(atomic_load(&fixture->memory.used), 0);
    du_free(fixture);
    assert_int_equal(du_mem_live(), live);
    return 0;
}

static inline void on_ended(void *user, const struct du_task_result *result) {
    struct outcome *outcome = user;
    outcome->ended++;
    outcome->end = result->end;
    outcome->error = result->error;
    outcome->count = result->count;
    outcome->results[0] = '\0';
    snprintf(outcome->traceback, sizeof outcome->traceback, "%s",
             result->traceback != NULL ? result->traceback : "");
    for (int i = result->count; i > 0; i--) {
        size_t size = strlen(outcome->results);
        snprintf(outcome->results + size, sizeof outcome->results - size, "%s ",
                 luaL_tolstring(result->thread, lua_gettop(result->thread) - i + 1, NULL));
        lua_pop(result->thread, 1);
    }
}

/* A task of the code, which is the body of a function; NULL when it ended already. */
static inline struct du_task *run_with(struct fixture *fixture, const char *code,
                                       struct du_task_options options, struct outcome *outcome) {
    struct du_task *task;
    *outcome = (struct outcome){0};
    options.ended = on_ended;
    options.user = outcome;
    if (luaL_loadbufferx(fixture->L, code, strlen(code), "@test.lua", "t") != LUA_OK)
        fail_msg("%s", lua_tostring(fixture->L, -1));
    assert_int_equal(du_task_start(fixture->tasks, fixture->L, 0, &options, &task), DU_OK);
    return task;
}

static inline struct du_task *run(struct fixture *fixture, const char *code) {
    return run_with(fixture, code, (struct du_task_options){.phase = DU_PHASE_REQUEST},
                    &fixture->outcome);
}

static inline int push_text(lua_State *thread, void *text) {
    lua_pushstring(thread, text);
    return 1;
}

/* Wakes the wait of that number, counted from 0, with a text. */
static inline bool wake(struct fixture *fixture, unsigned wait, const char *text) {
    return du_task_wake(fixture->tickets[wait], push_text, (void *)text);
}

#define assert_returned(fixture, expected)                                                         \
    do {                                                                                           \
        if ((fixture)->outcome.ended == 1 && (fixture)->outcome.end != DU_TASK_RETURNED)           \
            fail_msg("%s", (fixture)->outcome.traceback);                                          \
        assert_int_equal((fixture)->outcome.ended, 1);                                             \
        assert_string_equal((fixture)->outcome.results, expected);                                 \
    } while (0)

#define assert_ended(fixture, expected_end, expected_kind)                                         \
    do {                                                                                           \
        assert_int_equal((fixture)->outcome.ended, 1);                                             \
        assert_int_equal((fixture)->outcome.end, expected_end);                                    \
        assert_int_equal((fixture)->outcome.error.kind, expected_kind);                            \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (strstr(text, part) == NULL)                                                            \
            fail_msg("\"%s\" lacks \"%s\"", text, part);                                           \
    } while (0)

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
