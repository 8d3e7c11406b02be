#include "budget.h"

#include "error.h"
#include "task_int.h"

#include <lauxlib.h>
#include <stdio.h>

static void on_count(lua_State *L, lua_Debug *record);

void du_budget_init(struct du_budget *budget, int64_t limit) {
    *budget = (struct du_budget){.limit = limit};
}

void du_budget_watch(lua_State *thread, const struct du_budget *budget) {
    bool bound = budget->limit > 0;
    lua_sethook(thread, bound ? on_count : NULL, bound ? LUA_MASKCOUNT : 0, DU_BUDGET_PERIOD);
}

void du_budget_error(const struct du_budget *budget, struct du_error *error) {
    du_error_set(error, DU_SCRIPT, "%s over its budget of %lld instructions", budget->where,
                 (long long)budget->limit);
}

/* In a hook it returns, and Lua yields once the hook has; in a C function it does not return. */
static int stop(lua_State *L, const struct du_budget *budget) {
    struct du_error error;
    if (lua_isyieldable(L))
        return lua_yield(L, 0);
    lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
    du_budget_error(budget, &error);
    lua_pushstring(L, error.message);
    return lua_error(L);
}

static void note_where(lua_State *L, struct du_budget *budget) {
    lua_Debug record;
    snprintf(budget->where, sizeof budget->where, "(in C):");
    for (int level = 0; lua_getstack(L, level, &record); level++) {
        lua_getinfo(L, "Sl", &record);
        if (record.currentline < 0)
            continue;
        snprintf(budget->where, sizeof budget->where, "%s:%d:", record.short_src,
                 record.currentline);
        return;
    }
}

static void spend(lua_State *L, struct du_budget *budget, int instructions) {
    budget->spent += instructions;
    if (budget->limit == 0 || budget->spent <= budget->limit)
        return;
    if (!budget->over)
        note_where(L, budget);
    budget->over = true;
    stop(L, budget);
}

static void on_count(lua_State *L, lua_Debug *record) {
    (void)record;
    struct du_task *task = du_task_current(L);
    if (task != NULL)
        spend(L, &task->budget, lua_gethookcount(L));
}

void du_budget_charge(lua_State *L) {
    struct du_task *task = du_task_current(L);
    if (task != NULL)
        spend(L, &task->budget, DU_BUDGET_PERIOD);
}

bool du_budget_is_over(lua_State *L) {
    struct du_task *task = du_task_current(L);
    return task != NULL && task->budget.over;
}

void du_budget_check(lua_State *L) {
    if (du_budget_is_over(L))
        stop(L, &du_task_current(L)->budget);
}

void du_budget_enter(lua_State *L, lua_State *coroutine) {
    struct du_task *task = du_task_current(L);
    du_budget_check(L);
    if (task != NULL && lua_gethook(coroutine) == NULL)
        du_budget_watch(coroutine, &task->budget);
}

/* The script's handler is in upvalue 1. The handler of an error that the hook raised would run
 * unhooked, so an endless one could never be stopped. */
static int handle(lua_State *L) {
    if (du_budget_is_over(L))
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

/* Below the results: the handler, and the true of a call that went well. */
static int finish_xpcall(lua_State *L, int status, lua_KContext context) {
    (void)context;
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - 1;
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
}

int du_budget_xpcall(lua_State *L) {
    int count = lua_gettop(L) - 2;
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, 1); /* f, handler, arguments, true */
    lua_insert(L, 3);      /* f, handler, true, arguments */
    lua_rotate(L, 1, -1);  /* handler, true, arguments, f — f is last */
    lua_insert(L, 3);      /* handler, true, f, arguments */
    int status = lua_pcallk(L, count, LUA_MULTRET, 1, 0, finish_xpcall);
    return finish_xpcall(L, status, 0);
}
