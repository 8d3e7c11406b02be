/* What an early wake-up pushed, kept on a thread of its own until the task can take it. */

#include "task_int.h"

#include <lauxlib.h>

struct keeping {
    struct du_task *task;
    du_task_push *push;
    void *user;
};

static int keep(lua_State *L) {
    struct keeping *keeping = lua_touserdata(L, 1);
    int count = keeping->push != NULL ? keeping->push(L, keeping->user) : 0;
    lua_State *held = lua_newthread(L);
    luaL_checkstack(held, count, NULL);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &keeping->task->held);
    lua_xmove(L, held, count);
    keeping->task->held = held;
    return 0;
}

void du_held_keep(struct du_task *task, du_task_push *push, void *user) {
    struct du_tasks *tasks = task->tasks;
    struct du_task *runs = tasks->running;
    struct keeping keeping = {.task = task, .push = push, .user = user};
    tasks->running = task;
    task->failure = du_error_of(DU_OK);
    if (du_tasks_protect(tasks, keep, &keeping, du_ending_on_raise) != LUA_OK &&
        task->failure.kind == DU_OK)
        task->failure = du_error_of(DU_MEMORY);
    tasks->running = runs;
}

int du_held_push(lua_State *L, void *user) {
    struct du_task *task = user;
    struct du_error failure = task->failure;
    if (task->held == NULL) {
        task->failure = du_error_of(DU_OK);
        return du_task_raise(L, &failure);
    }
    int count = lua_gettop(task->held);
    luaL_checkstack(L, count, NULL);
    lua_xmove(task->held, L, count);
    du_held_drop(task);
    return count;
}

void du_held_drop(struct du_task *task) {
    if (task->held == NULL)
        return;
    task->held = NULL;
    lua_pushnil(task->thread);
    lua_rawsetp(task->thread, LUA_REGISTRYINDEX, &task->held);
}
