/* The least that a waiter of Lua's can cost: a function of Lua's is started in a coroutine that is
 * there already, waits in a C function, is resumed with one value, and returns it. No task, no
 * budget, no flight. */

#include "figure.h"

#include <lauxlib.h>
#include <lua.h>

enum { COHORT = 1000, COHORTS = 500 };

static int park(lua_State *L) {
    return lua_yield(L, 0);
}

static const char script[] = "local park = ...; return function() return (park()) end";

int main(void) {
    lua_State *L = luaL_newstate(), *threads[COHORT];
    int results;
    if (luaL_loadstring(L, script) != LUA_OK)
        return 1;
    lua_pushcfunction(L, park);
    lua_call(L, 1, 1);
    luaL_checkstack(L, COHORT + 2, NULL);
    for (int i = 0; i < COHORT; i++)
        threads[i] = lua_newthread(L);
    int64_t start = figure_cpu_ns();
    for (int cohort = 0; cohort < COHORTS; cohort++) {
        for (int i = 0; i < COHORT; i++) {
            lua_pushvalue(L, 1);
            lua_xmove(L, threads[i], 1);
            lua_resume(threads[i], NULL, 0, &results);
        }
        for (int i = 0; i < COHORT; i++) {
            lua_pushboolean(threads[i], 1);
            if (lua_resume(threads[i], NULL, 1, &results) != LUA_OK)
                return 1;
            lua_pop(threads[i], results);
        }
    }
    figure_each("lua.bare_park_ns", start, (int64_t)COHORT * COHORTS);
    lua_close(L);
    return 0;
}
