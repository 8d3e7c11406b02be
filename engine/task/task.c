#include "task.h"

#include "task_int.h"

#include <lauxlib.h>

static const char mark;

/* --- parked threads --- */

int du_task_park(lua_State *L, lua_KContext context, lua_KFunction after) {
    lua_pushlightuserdata(L, (void *)&mark);
    return lua_yieldk(L, 1, context, after);
}

bool du_task_parked(lua_State *thread) {
    return lua_status(thread) == LUA_YIELD && lua_gettop(thread) > 0 &&
           lua_touserdata(thread, -1) == &mark;
}

void du_task_unpark(lua_State *thread) {
    lua_pop(thread, 1);
}

/* --- running --- */

static void retire(struct du_task *task) {
    struct du_tasks *tasks = task->tasks;
    task->ticket = task->woken = 0;
    du_held_drop(task);
    if (lua_status(task->thread) != LUA_OK) /* else its base has returned; a reset costs a stack */
        lua_resetthread(task->thread);
    lua_settop(task->thread, 0);
    task->state = DU_TASK_IDLE;
    du_list_remove(&task->link);
    du_list_append(tasks->idle.next, &task->link); /* in front: what was used last is warm */
    tasks->alive_count--;
}

static void note(struct du_tasks *tasks, const struct du_task *task) {
    if (tasks->watch == NULL || task == NULL)
        return;
    atomic_store_explicit(&tasks->watch->label, task->options.label, memory_order_relaxed);
    atomic_store_explicit(&tasks->watch->number, task->options.number, memory_order_relaxed);
}

static void resume(struct du_task *task, lua_State *from, int count) {
    struct du_tasks *tasks = task->tasks;
    struct du_task *outer = tasks->running;
    int results = 0;
    if (du_task_parked(task->thread))
        du_task_unpark(task->thread);
    tasks->running = task;
    task->state = DU_TASK_RUNNING;
    note(tasks, task);
    int status = lua_resume(task->thread, from, count, &results);
    if (status != LUA_YIELD || task->budget.over) {
        du_ending_tell(task, status, results);
        retire(task);
    }
    tasks->running = outer;
    note(tasks, outer);
}

/* Once nothing runs any more: what was woken or cancelled meanwhile. */
static void settle(struct du_tasks *tasks) {
    struct du_list *node;
    while (tasks->running == NULL && (node = du_list_take(&tasks->ready)) != NULL)
        resume(du_container_of(node, struct du_task, ready), NULL, 0);
}

static void go_on(struct du_task *task, du_task_push *push, void *user) {
    task->parking.push = push;
    task->parking.push_user = user;
    task->state = DU_TASK_READY;
    du_list_append(&task->tasks->ready, &task->ready);
    settle(task->tasks);
}

/* Below the results, or the traceback, is the message handler. */
static int base_done(lua_State *L, int status, lua_KContext context) {
    struct du_task *task = du_task_current(L);
    (void)context;
    task->status = status == LUA_YIELD ? LUA_OK : status;
    /* Room for the call of `ended` is made now, while it may still raise. */
    luaL_checkstack(L, 2 * LUA_MINSTACK, NULL);
    return task->status == LUA_OK ? lua_gettop(L) - 1 : 1;
}

/* The base of each task calls its function protected, so that closers run counted and able to wait,
 * and the thread's hook works again after it has raised. */
static int base(lua_State *L) {
    lua_pushcfunction(L, du_ending_on_raise);
    lua_insert(L, 1);
    return base_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, base_done), 0);
}

static void enlist(struct du_task *task, const struct du_task_options *options) {
    struct du_tasks *tasks = task->tasks;
    du_list_remove(&task->link);
    du_list_append(&tasks->alive, &task->link);
    tasks->alive_count++;
    task->options = *options;
    task->run = ++tasks->last_run;
    task->barred = 0;
    task->cancelled = false;
    task->status = LUA_OK;
    task->failure = du_error_of(DU_OK);
    task->user = NULL;
    du_budget_init(&task->budget, options->budget.instructions);
    du_budget_watch(task->thread, &task->budget);
}

enum du_error_kind du_task_start(struct du_tasks *tasks, lua_State *state, int count,
                                 const struct du_task_options *options, struct du_task **started) {
    struct du_task *task = tasks->closing ? NULL : du_tasks_idle(tasks, count + 2);
    if (started != NULL)
        *started = NULL;
    if (task == NULL) {
        lua_pop(state, count + 1);
        return tasks->closing ? DU_CANCELLED : DU_MEMORY;
    }
    enlist(task, options);
    uint64_t run = task->run;
    lua_pushcfunction(task->thread, base);
    lua_xmove(state, task->thread, count + 1);
    resume(task, tasks->running != NULL ? state : NULL, count + 1);
    settle(tasks);
    if (started != NULL && task->run == run && task->state != DU_TASK_IDLE)
        *started = task;
    return DU_OK;
}

/* --- waiting --- */

/* Why this thread cannot wait; NULL when it can. */
static const char *why_no_wait(lua_State *L) {
    struct du_task *task = du_task_current(L);
    if (task == NULL)
        return "only a task can wait";
    if (!lua_isyieldable(L) || task->barred > 0)
        return "cannot wait here: this was called by C code that Lua cannot leave (a finalizer, a "
               "closer "
               "of coroutine.close, an order for table.sort, a replacement for string.gsub)";
    return NULL;
}

bool du_task_may_wait(lua_State *L) {
    return why_no_wait(L) == NULL;
}

void du_task_check_wait(lua_State *L) {
    const char *why = why_no_wait(L);
    if (why != NULL)
        luaL_error(L, "%s", why);
}

struct du_ticket du_task_ticket(lua_State *L) {
    struct du_task *task = du_task_current(L);
    if (task == NULL)
        du_task_check_wait(L);
    struct du_ticket ticket = {.task = task, .number = ++task->tasks->last_ticket};
    /* Where nothing can wait (in a finalizer, say) the ticket is stale from the start, and the one
     * that the task may just have taken keeps its right. */
    if (why_no_wait(L) != NULL)
        return ticket;
    du_held_drop(task);
    task->woken = 0;
    task->ticket = ticket.number;
    return ticket;
}

int du_task_raise(lua_State *L, const struct du_error *error) {
    luaL_checkstack(L, LUA_MINSTACK, NULL);
    du_tasks_of(L)->push_error(L, error);
    return lua_error(L);
}

static int raise_cancelled(lua_State *L, void *user) {
    struct du_error error;
    (void)user;
    du_error_set(&error, DU_CANCELLED, "cancelled while it waited");
    return du_task_raise(L, &error);
}

/* The wait is over: its values come, or an error in their place. */
static int go_ahead(lua_State *L, int status, lua_KContext context) {
    struct du_task_parking parking = du_task_current(L)->parking;
    (void)status, (void)context;
    int count = parking.push != NULL ? parking.push(L, parking.push_user) : 0;
    return parking.after != NULL ? parking.after(L, LUA_YIELD, parking.context) : count;
}

static int refuse(lua_State *L, struct du_task *task, struct du_ticket ticket) {
    if (task->ticket == ticket.number)
        task->ticket = 0;
    du_budget_check(L);
    if (task->cancelled)
        return raise_cancelled(L, NULL);
    du_task_check_wait(L);
    return luaL_error(L, "a wait needs the newest ticket of its task");
}

int du_task_wait_k(lua_State *L, struct du_ticket ticket, void (*cancel)(void *user), void *user,
                   lua_KContext context, lua_KFunction after) {
    struct du_task *task = du_task_current(L);
    bool early = task->woken == ticket.number;
    bool parks = task->ticket == ticket.number && !task->cancelled && !task->budget.over &&
                 why_no_wait(L) == NULL;
    if (!early && !parks) {
        if (cancel != NULL)
            cancel(user);
        return refuse(L, task, ticket);
    }
    task->parking = (struct du_task_parking){.cancel = cancel,
                                             .cancel_user = user,
                                             .after = after,
                                             .context = context,
                                             .push = du_held_push,
                                             .push_user = task};
    task->woken = 0;
    if (early)
        return go_ahead(L, LUA_YIELD, 0);
    task->state = DU_TASK_PARKED;
    return du_task_park(L, 0, go_ahead);
}

int du_task_wait(lua_State *L, struct du_ticket ticket, void (*cancel)(void *user), void *user) {
    return du_task_wait_k(L, ticket, cancel, user, 0, NULL);
}

/* --- waking --- */

bool du_task_wake(struct du_ticket ticket, du_task_push *push, void *user) {
    struct du_task *task = ticket.task;
    if (task == NULL || task->ticket != ticket.number)
        return false;
    task->ticket = 0;
    if (task->state == DU_TASK_PARKED && task->tasks->running == NULL) {
        go_on(task, push, user);
        return true;
    }
    du_held_keep(task, push, user);
    if (task->state == DU_TASK_PARKED)
        go_on(task, du_held_push, task);
    else
        task->woken = ticket.number;
    return true;
}

void du_task_cancel(struct du_task *task) {
    if (task->state == DU_TASK_IDLE || task->cancelled)
        return;
    task->cancelled = true;
    if (task->state != DU_TASK_PARKED)
        return;
    task->ticket = 0;
    if (task->parking.cancel != NULL)
        task->parking.cancel(task->parking.cancel_user);
    go_on(task, raise_cancelled, NULL);
}

/* --- what a task is --- */

struct du_task *du_task_current(lua_State *state) {
    struct du_tasks *tasks = du_tasks_of(state);
    return tasks != NULL ? tasks->running : NULL;
}

enum du_task_phase du_task_phase(lua_State *state) {
    struct du_task *task = du_task_current(state);
    return task != NULL ? task->options.phase : DU_PHASE_LOAD;
}

struct du_flight *du_task_within(lua_State *state) {
    struct du_task *task = du_task_current(state);
    return task != NULL ? task->options.within : NULL;
}

const char *du_task_label(const struct du_task *task) {
    return task->options.label;
}

int64_t du_task_spent(const struct du_task *task) {
    return task->budget.spent;
}

void du_task_set_user(struct du_task *task, void *user) {
    task->user = user;
}

void *du_task_user(const struct du_task *task) {
    return task->user;
}
