/* Runs files of Lua tests: each returns a table { [rule] = function() … end }, every function runs
 * as a request's task on a worker of its own. Usage: test_lua FILE… */

#include "rig.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lua_test {
    const char *file;
    char rule[160];
};

static void push_rules(lua_State *L, const char *file) {
    if (luaL_loadfile(L, file) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(L, -1));
}

/* fail_after(n): of the engine's allocations on this thread n more succeed; all with a negative n.
 */
static int fail_after(lua_State *L) {
    du_mem_fail_after(luaL_checkinteger(L, 1));
    return 0;
}

static void run_rule(void **state) {
    const struct lua_test *test = *state;
    struct engine engine;
    struct worker worker;
    struct outcome outcome;
    engine_start(&engine);
    engine_add_origin(&engine, "http://127.0.0.1:9");
    worker_start(&worker, &engine, 0);
    if (luaL_loadfile(worker.L, DU_LUA_TESTS "/prelude.lua") != LUA_OK ||
        lua_pcall(worker.L, 0, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(worker.L, -1));
    lua_register(worker.L, "fail_after", fail_after);
    push_rules(worker.L, test->file);
    lua_getfield(worker.L, -1, test->rule);
    lua_remove(worker.L, -2);
    worker_begin_top(&worker, DU_PHASE_REQUEST, &outcome);
    worker_turn_until(&worker, &outcome.ended);
    du_mem_fail_after(-1);
    worker_end(&worker);
    engine_end(&engine);
    if (outcome.end != DU_TASK_RETURNED)
        fail_msg("%s\n%s", outcome.error.message, outcome.traceback);
}

static int compare(const void *a, const void *b) {
    return strcmp(((const struct lua_test *)a)->rule, ((const struct lua_test *)b)->rule);
}

/* The rules of a file, by name. */
static size_t read_rules(const char *file, struct lua_test *tests, size_t most) {
    size_t count = 0;
    lua_State *L = luaL_newstate();
    if (luaL_loadfile(L, file) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        exit(1);
    }
    lua_pushnil(L);
    while (lua_next(L, -2) && count < most) {
        tests[count].file = file;
        snprintf(tests[count++].rule, sizeof tests->rule, "%s", lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    lua_close(L);
    qsort(tests, count, sizeof *tests, compare);
    return count;
}

int main(int argc, char **argv) {
    static struct lua_test tests[200];
    static struct CMUnitTest units[200];
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        count += read_rules(argv[i], tests + count, 200 - count);
    for (size_t i = 0; i < count; i++)
        units[i] = (struct CMUnitTest){
            .name = tests[i].rule, .test_func = run_rule, .initial_state = &tests[i]};
    return count == 0 ? 1 : _cmocka_run_group_tests("lua", units, count, NULL, NULL);
}
