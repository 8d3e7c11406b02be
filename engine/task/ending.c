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
    const char *text = task->failure.message;
    if (task->budget.over)
        du_budget_error(&task->budget, &task->failure);
    else if (!task->tasks->read_error(L, 1, &task->failure))
        read_text(text = luaL_tolstring(L, 1, NULL), &task->failure);
    luaL_traceback(L, L, text, 1);
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
    /* A number among the results must not become text by being looked at. */
    bool has_text = count > 0 && lua_type(task->thread, -1) == LUA_TSTRING;
    const char *text = has_text ? lua_tostring(task->thread, -1) : NULL;
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

static int trace_and_reset(lua_State *L) {
    struct du_task *task = lua_touserdata(L, 1);
    luaL_traceback(L, task->thread, task->failure.message, 0);
    lua_resetthread(task->thread);
    lua_settop(task->thread, 0);
    lua_xmove(L, task->thread, 1);
    return 0;
}

/* The thread stands amid its work: its budget stopped it, or not even its base could run (and Lua's
 * text for that is on top). Gives the number of values it is left with: the traceback. */
static int abandon(struct du_task *task, int status) {
    lua_State *thread = task->thread;
    task->status = status;
    end_of(task, status == LUA_YIELD ? NULL : lua_tostring(thread, -1));
    if (du_tasks_protect(task->tasks, trace_and_reset, task, NULL) == LUA_OK)
        return 1;
    lua_resetthread(thread);
    lua_settop(thread, 0);
    return 0;
}

void du_ending_tell(struct du_task *task, int status, int count) {
    if (status != LUA_OK)
        count = abandon(task, status);
    struct du_task_result result = result_of(task, count);
    status = tell(task, &result);
    if (status == LUA_OK || result.end != DU_TASK_RETURNED)
        return;
    task->status = status;
    result = result_of(task, 1);
    tell(task, &result);
}
