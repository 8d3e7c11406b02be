/* A worker's tasks: the pool they come from, and what they have in common. */

#include "mem.h"
#include "task_int.h"

#include <lauxlib.h>

/* --- errors as Lua values --- */

static void push_as_text(lua_State *L, const struct du_error *error) {
    bool said = error->message[0] != '\0';
    lua_pushfstring(L, "%s: %s", du_error_name(error->kind),
                    said ? error->message : du_error_text(error->kind));
}

static bool read_nothing(lua_State *L, int index, struct du_error *error) {
    (void)L, (void)index, (void)error;
    return false;
}

void du_tasks_set_error_push(struct du_tasks *tasks,
                             void (*push)(lua_State *L, const struct du_error *error)) {
    tasks->push_error = push;
}

void du_tasks_set_error_read(struct du_tasks *tasks,
                             bool (*read)(lua_State *L, int index, struct du_error *error)) {
    tasks->read_error = read;
}

void du_tasks_set_watch(struct du_tasks *tasks, struct du_task_watch *watch) {
    tasks->watch = watch;
}

/* --- lifetime --- */

static int prepare(lua_State *L) {
    struct du_tasks *tasks = lua_touserdata(L, 1);
    tasks->aside = lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, tasks);
    return 0;
}

/* Where the state's tasks are kept; threads get a copy of the main one's when they are made. */
static struct du_tasks ***home(lua_State *state) {
    return lua_getextraspace(state);
}

enum du_error_kind du_tasks_new(struct du_tasks **tasks, lua_State *state) {
    struct du_tasks *made = du_calloc(1, sizeof *made);
    *tasks = NULL;
    *home(state) = tasks;
    if (made == NULL)
        return DU_MEMORY;
    du_list_init(&made->alive);
    du_list_init(&made->idle);
    du_list_init(&made->ready);
    made->state = made->aside = state;
    made->push_error = push_as_text;
    made->read_error = read_nothing;
    if (du_tasks_protect(made, prepare, made, NULL) != LUA_OK) {
        du_free(made);
        return DU_MEMORY;
    }
    *tasks = made;
    return DU_OK;
}

/* Removing what is there allocates nothing, so this cannot raise. */
static void forget(lua_State *state, const void *key) {
    lua_pushnil(state);
    lua_rawsetp(state, LUA_REGISTRYINDEX, key);
}

void du_tasks_free(struct du_tasks **tasks) {
    struct du_tasks *ending = *tasks;
    struct du_list *node;
    if (ending == NULL)
        return;
    ending->closing = true;
    du_tasks_cancel_all(ending);
    *tasks = NULL;
    while ((node = du_list_take(&ending->idle)) != NULL) {
        struct du_task *task = du_container_of(node, struct du_task, link);
        forget(ending->state, task);
        du_free(task);
    }
    forget(ending->state, ending);
    du_free(ending);
}

struct du_tasks *du_tasks_of(lua_State *state) {
    return **home(state);
}

size_t du_tasks_alive(const struct du_tasks *tasks) {
    return tasks->alive_count;
}

void du_tasks_cancel_all(struct du_tasks *tasks) {
    struct du_list doomed, *node;
    du_list_init(&doomed);
    du_list_move(&doomed, &tasks->alive);
    while ((node = du_list_take(&doomed)) != NULL) {
        du_list_append(&tasks->alive, node);
        du_task_cancel(du_container_of(node, struct du_task, link));
    }
}

/* --- for the neighbours --- */

int du_tasks_protect(struct du_tasks *tasks, lua_CFunction body, void *user,
                     lua_CFunction on_raise) {
    lua_State *aside = tasks->aside;
    int top = lua_gettop(aside);
    if (!lua_checkstack(aside, 3))
        return LUA_ERRMEM;
    if (on_raise != NULL)
        lua_pushcfunction(aside, on_raise);
    lua_pushcfunction(aside, body);
    lua_pushlightuserdata(aside, user);
    int status = lua_pcall(aside, 1, 0, on_raise != NULL ? top + 1 : 0);
    lua_settop(aside, top);
    return status;
}

static int make_thread(lua_State *L) {
    struct du_task *task = lua_touserdata(L, 1);
    task->thread = lua_newthread(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, task);
    return 0;
}

static struct du_task *make_task(struct du_tasks *tasks) {
    struct du_task *task = du_calloc(1, sizeof *task);
    if (task == NULL)
        return NULL;
    if (du_tasks_protect(tasks, make_thread, task, NULL) != LUA_OK) {
        du_free(task);
        return NULL;
    }
    task->tasks = tasks;
    du_list_init(&task->ready);
    du_list_init(&task->link);
    du_list_append(&tasks->idle, &task->link);
    return task;
}

struct du_task *du_tasks_idle(struct du_tasks *tasks, int room) {
    struct du_task *task = du_list_empty(&tasks->idle)
                               ? make_task(tasks)
                               : du_container_of(tasks->idle.next, struct du_task, link);
    return task != NULL && lua_checkstack(task->thread, room) ? task : NULL;
}
