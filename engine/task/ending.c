/* How a task ends, and how its `ended` is told. */

#include "task_int.h"

#include <lauxlib.h>
#include <string.h>

/* What Lua itself raised. A refusal of memory that came through a script's coroutine has lost its
 * status and is known by its text. */
static void read_text(const char *text, struct du_error *error) {
    bool memory = text != NULL && strcmp(text, "not enough memory") == 0;
    du_error_set(error, memory ? DU_MEMORY : DU_SCRIPT, "%s", text != NULL ? text : "(no message)");
}

int du_ending_on_raise(lua_State *L) {
    struct du_task *task = du_task_current(L);
    if (task->budget.over)
        du_budget_error(&task->budget, &task->failure);
    else if (!task->tasks->read_error(L, 1, &task->failure))
        read_text(luaL_tolstring(L, 1, NULL), &task->failure);
    luaL_traceback(L, L, task->failure.message, 1);
    return 1;
}

/* The failure is noted already, unless its handler could not run: then text is all there is. */
static enum du_task_end end_of(struct du_task *task, const char *text) {
    if (task->budget.over) {
        du_budget_error(&task->budget, &task->failure);
        return DU_TASK_OVER_BUDGET;
    }
    if (task->status == LUA_OK)
        return DU_TASK_RETURNED;
    if (task->status == LUA_ERRMEM)
        du_error_set(&task->failure, DU_MEMORY, "the scripts' memory is used up");
    else if (task->failure.kind == DU_OK)
        read_text(text, &task->failure);
    if (task->failure.kind == DU_MEMORY)
        return DU_TASK_NO_MEMORY;
    if (!task->cancelled)
        return DU_TASK_RAISED;
    task->failure.kind = DU_CANCELLED;
    return DU_TASK_CANCELLED;
}

/* Of a task that did not return, the text for its failure is on top. */
static struct du_task_result result_of(struct du_task *task, int count) {
    const char *text = count > 0 ? lua_tostring(task->thread, -1) : NULL;
    enum du_task_end end = end_of(task, text);
    if (end == DU_TASK_RETURNED)
        return (struct du_task_result){.end = end, .thread = task->thread, .count = count};
    return (struct du_task_result){.end = end,
                                   .error = task->failure,
                                   .traceback = text != NULL ? text : task->failure.message,
                                   .thread = task->thread};
}

struct call {
    struct du_task *task;
    const struct du_task_result *result;
    bool made;
};

static int call_ended(lua_State *L) {
    struct call *call = lua_touserdata(L, 1);
    call->made = true;
    call->task->options.ended(call->task->options.user, call->result);
    return 0;
}

/* LUA_OK, or why `ended` raised, with the traceback on top. */
static int tell(struct du_task *task, const struct du_task_result *result) {
    struct call call = {.task = task, .result = result};
    lua_State *thread = task->thread;
    int count = lua_gettop(thread);
    if (task->options.ended == NULL)
        return LUA_OK;
    lua_pushcfunction(thread, du_ending_on_raise);
    lua_pushcfunction(thread, call_ended);
    lua_pushlightuserdata(thread, &call);
    lua_rotate(thread, 1, 3);
    int status = lua_pcall(thread, count + 1, 0, 1);
    /* Without the memory for even a call, the one who is told of a failure is told unprotected. */
    if (!call.made && result->end != DU_TASK_RETURNED)
        task->options.ended(task->options.user, result);
    return status;
}

void du_ending_tell(struct du_task *task, int status, int count) {
    if (status != LUA_OK) {
        /* Not even the task's base could run: what is on top is a text of Lua's own. */
        lua_State *thread = task->thread;
        task->status = status;
        end_of(task, lua_tostring(thread, -1));
        lua_resetthread(thread);
        lua_settop(thread, 0);
        count = 0;
    }
    struct du_task_result result = result_of(task, count);
    status = tell(task, &result);
    if (status == LUA_OK || result.end != DU_TASK_RETURNED)
        return;
    task->status = status;
    result = result_of(task, 1);
    tell(task, &result);
}
