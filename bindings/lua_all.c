#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "script_log.h"
#include "wait.h"

/* native.all: one child task per function, all within the parent's scope and flight. */

struct all;

struct child {
    struct all *all;
    struct du_task *task; /* NULL: not started, or ended */
    int number;           /* from 1 */
};

struct all {
    struct du_wait wait;
    int results;        /* in the registry: a list of { value, problem } */
    size_t count, left; /* children, and those that have not ended */
    bool starting, cancelled;
    struct child *children;
};

/* A child that could not even fail for want of memory has no entry yet. */
static int push_results(lua_State *L, struct du_wait *wait) {
    struct all *all = (struct all *)wait;
    struct du_error memory = du_error_of(DU_MEMORY);
    lua_rawgeti(L, LUA_REGISTRYINDEX, all->results);
    for (size_t i = 1; i <= all->count; i++) {
        if (lua_rawgeti(L, -1, (lua_Integer)i) == LUA_TNIL) {
            lua_createtable(L, 2, 0);
            du_lua_push_error(L, &memory);
            lua_rawseti(L, -2, 2);
            lua_rawseti(L, -3, (lua_Integer)i);
        }
        lua_pop(L, 1);
    }
    return 1;
}

/* A child may run right now, then it ends where it waits next. */
static bool cancel_children(struct du_wait *wait) {
    struct all *all = (struct all *)wait;
    if (all->left == 0)
        return false;
    all->cancelled = true;
    for (size_t i = 0; i < all->count; i++)
        if (all->children[i].task != NULL)
            du_task_cancel(all->children[i].task);
    all->cancelled = false;
    return all->left == 0;
}

static void drop_all(struct du_wait *wait) {
    struct all *all = (struct all *)wait;
    luaL_unref(wait->context->state, LUA_REGISTRYINDEX, all->results);
    du_free(all->children);
}

static const struct du_wait_type all_type = {sizeof(struct all), push_results, cancel_children,
                                             drop_all};

/* Sets results[number] = { value, problem } from the two values on top. */
static void set_result(lua_State *L, const struct child *child) {
    int value = lua_gettop(L) - 1;
    luaL_checkstack(L, 4, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, child->all->results);
    lua_createtable(L, 2, 0);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, 1);
    lua_pushvalue(L, value + 1);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, child->number);
    lua_pop(L, 1);
}

/* Both of these may raise; `ended` is then called again with that. */
static void keep_returned(struct child *child, const struct du_task_result *result) {
    lua_settop(result->thread, lua_gettop(result->thread) - result->count + 2);
    set_result(result->thread, child);
}

static void keep_failed(struct child *child, const struct du_task_result *result) {
    lua_pushnil(result->thread);
    du_lua_push_error(result->thread, &result->error);
    set_result(result->thread, child);
}

static void child_ended(void *user, const struct du_task_result *result) {
    struct child *child = user;
    struct all *all = child->all;
    if (result->end == DU_TASK_RETURNED) {
        keep_returned(child, result);
    } else {
        du_script_log(all->wait.context, NULL, "one of several functions failed", result);
        if (result->end != DU_TASK_NO_MEMORY)
            keep_failed(child, result);
    }
    child->task = NULL;
    all->left--;
    if (all->left == 0 && !all->starting && !all->cancelled)
        du_wait_post(&all->wait);
}

static void start_child(lua_State *L, struct all *all, size_t i) {
    struct du_context *context = all->wait.context;
    struct child *child = &all->children[i];
    struct du_task_options options = {.phase = du_task_phase(L),
                                      .budget = context->budget,
                                      .within = du_task_within(L),
                                      .ended = child_ended,
                                      .user = child,
                                      .label = "one of several"};
    child->all = all;
    child->number = (int)i + 1;
    lua_pushcfunction(L, du_scope_enter);
    lua_pushlightuserdata(L, all->wait.scope);
    lua_rawgeti(L, 1, child->number);
    all->left++;
    if (du_task_start(context->tasks, L, 2, &options, &child->task) != DU_OK)
        all->left--; /* its entry will say Memory */
}

/* all(functions) */
static int all(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t count = lua_rawlen(L, 1);
    luaL_argcheck(L, count <= 1000, 1, "more than 1000 at once");
    for (size_t i = 1; i <= count; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) != LUA_TFUNCTION)
            return luaL_error(L, "number %d is a %s, not a function", (int)i, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    luaL_checkstack(L, 8, NULL);
    du_wait_check(L);
    lua_createtable(L, (int)count, 0); /* so that no entry has to allocate but itself */
    int results = luaL_ref(L, LUA_REGISTRYINDEX);
    struct child *children = du_calloc(count + 1, sizeof *children);
    struct all *all = children != NULL ? du_wait_try(L, &all_type) : NULL;
    if (all == NULL) {
        luaL_unref(L, LUA_REGISTRYINDEX, results);
        du_free(children);
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    }
    all->results = results;
    all->children = children;
    all->count = count;
    all->starting = true;
    for (size_t i = 0; i < count; i++)
        start_child(L, all, i);
    all->starting = false;
    if (all->left == 0)
        return du_wait_answer(L, &all->wait);
    return du_wait_park(L, &all->wait);
}

void du_lua_all_open(lua_State *L) {
    lua_pushcfunction(L, all);
    lua_setfield(L, -2, "all");
}
