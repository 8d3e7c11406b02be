#include "coroutine.h"

#include "task_int.h"

#include <lauxlib.h>

/* How a coroutine is resumed: by resume (it is the first argument; errors are results) or by the
 * function that wrap gave (it is the upvalue; errors are raised). */
enum { BY_RESUME, BY_WRAP };

static lua_State *coroutine_argument(lua_State *L) {
    lua_State *coroutine = lua_tothread(L, 1);
    luaL_argexpected(L, coroutine, 1, "coroutine");
    return coroutine;
}

static bool is_base(lua_State *L) {
    struct du_task *task = du_task_current(L);
    return task != NULL && task->thread == L;
}

/* --- status --- */

static const char *status_of(lua_State *L, lua_State *coroutine) {
    lua_Debug record;
    if (L == coroutine)
        return "running";
    if (du_task_parked(coroutine))
        return "normal";
    if (lua_status(coroutine) == LUA_YIELD)
        return "suspended";
    if (lua_status(coroutine) != LUA_OK)
        return "dead";
    if (lua_getstack(coroutine, 0, &record))
        return "normal";
    return lua_gettop(coroutine) == 0 ? "dead" : "suspended";
}

static int get_status(lua_State *L) {
    lua_pushstring(L, status_of(L, coroutine_argument(L)));
    return 1;
}

static int running(lua_State *L) {
    bool main = lua_pushthread(L);
    lua_pushboolean(L, main || is_base(L));
    return 2;
}

static int is_yieldable(lua_State *L) {
    lua_State *coroutine = lua_isnone(L, 1) ? L : coroutine_argument(L);
    lua_pushboolean(L, lua_isyieldable(coroutine) && !is_base(coroutine));
    return 1;
}

/* --- resume --- */

static int go_ahead(lua_State *L, int status, lua_KContext how);

/* A wrapped coroutine's error: it is closed, and the message says where, as in Lua's own library.
 */
static int raise_from(lua_State *L, lua_State *coroutine) {
    int status = lua_status(coroutine);
    if (status != LUA_OK && status != LUA_YIELD) {
        status = lua_resetthread(coroutine);
        lua_xmove(coroutine, L, 1);
    }
    if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

static int fail(lua_State *L, lua_State *coroutine, lua_KContext how) {
    if (how == BY_WRAP)
        return raise_from(L, coroutine);
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

static int fail_with(lua_State *L, lua_State *coroutine, lua_KContext how, const char *message) {
    lua_pushstring(L, message);
    return fail(L, coroutine, how);
}

/* Resumes with the `count` values on top of the coroutine's stack, and hands over what comes back.
 */
static int step(lua_State *L, lua_State *coroutine, int count, lua_KContext how) {
    struct du_task *task = du_task_current(L);
    unsigned bar = task != NULL && !lua_isyieldable(L);
    int results = 0;
    if (bar)
        task->barred++;
    int status = lua_resume(coroutine, L, count, &results);
    if (bar)
        task->barred--;
    du_budget_check(L);
    if (du_task_parked(coroutine))
        return du_task_park(L, how, go_ahead);
    if (status != LUA_OK && status != LUA_YIELD) {
        lua_xmove(coroutine, L, 1);
        return fail(L, coroutine, how);
    }
    if (!lua_checkstack(L, results + 1)) {
        lua_pop(coroutine, results);
        return fail_with(L, coroutine, how, "too many results to resume");
    }
    if (how == BY_RESUME)
        lua_pushboolean(L, 1);
    lua_xmove(coroutine, L, results);
    return how == BY_RESUME ? results + 1 : results;
}

static int go_ahead(lua_State *L, int status, lua_KContext how) {
    lua_State *coroutine = lua_tothread(L, how == BY_WRAP ? lua_upvalueindex(1) : 1);
    (void)status;
    du_task_unpark(coroutine);
    return step(L, coroutine, 0, how);
}

/* The arguments for the coroutine are on top of L's stack. */
static int start(lua_State *L, lua_State *coroutine, int count, lua_KContext how) {
    du_budget_enter(L, coroutine);
    if (du_task_parked(coroutine))
        return fail_with(L, coroutine, how, "cannot resume non-suspended coroutine");
    if (!lua_checkstack(coroutine, count))
        return fail_with(L, coroutine, how, "too many arguments to resume");
    lua_xmove(L, coroutine, count);
    return step(L, coroutine, count, how);
}

static int resume(lua_State *L) {
    lua_State *coroutine = coroutine_argument(L);
    return start(L, coroutine, lua_gettop(L) - 1, BY_RESUME);
}

static int call_wrapped(lua_State *L) {
    lua_State *coroutine = lua_tothread(L, lua_upvalueindex(1));
    return start(L, coroutine, lua_gettop(L), BY_WRAP);
}

/* --- the rest --- */

static int create(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    du_budget_charge(L);
    lua_State *coroutine = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, coroutine, 1);
    return 1;
}

static int wrap(lua_State *L) {
    create(L);
    lua_pushcclosure(L, call_wrapped, 1);
    return 1;
}

static int yield(lua_State *L) {
    du_budget_check(L);
    if (is_base(L))
        return luaL_error(L, "attempt to yield from outside a coroutine");
    return lua_yield(L, lua_gettop(L));
}

static int close(lua_State *L) {
    lua_State *coroutine = coroutine_argument(L);
    const char *status = status_of(L, coroutine);
    du_budget_check(L);
    if (*status != 'd' && *status != 's')
        return luaL_error(L, "cannot close a %s coroutine", status);
    if (lua_resetthread(coroutine) == LUA_OK) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushboolean(L, 0);
    lua_xmove(coroutine, L, 1);
    return 2;
}

int du_coroutine_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"create", create},
                                         {"wrap", wrap},
                                         {"resume", resume},
                                         {"yield", yield},
                                         {"status", get_status},
                                         {"running", running},
                                         {"isyieldable", is_yieldable},
                                         {"close", close},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
