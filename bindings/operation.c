#include "operation.h"

#include "bindings_int.h"
#include "box.h"
#include "clone.h"
#include "hold.h"
#include "lua_errors.h"
#include "mem.h"
#include "script_log.h"

#include <lauxlib.h>

/* The pause before a further try: doubles from the first to the longest; an upstream that names its
 * own (Retry-After) gets it, within the longest. */
enum { FIRST_PAUSE_MS = 200, LONGEST_PAUSE_MS = 30 * 1000 };

struct publisher_box {
    struct du_operation *operation; /* NULL once its try has ended */
};

struct du_operation {
    struct du_context *context;
    struct du_list node; /* among the worker's */
    struct du_operation_options options;
    struct du_flight *flight; /* NULL: not started, or completed */
    struct du_task *task;     /* NULL: backing off */
    struct du_scope scope;
    struct publisher_box *publisher; /* of this try; NULL: collected */
    int function;                    /* in the registry, where it may be tried again */
    int tries;                       /* so far */
    struct du_timer pause;
    struct du_mail abandoned;
    atomic_bool told; /* the mail is under way */
};

static const struct du_ending done = {.fate = DU_FATE_DONE};

static void try(lua_State *L, struct du_operation *operation, int index);

static void free_operation(struct du_operation *operation) {
    struct du_context *context = operation->context;
    du_mailbox_expect(context->mailbox, -1);
    du_free(operation);
    du_bindings_expect(context, -1);
}

/* publish raises from now on. */
static void silence(struct du_operation *operation) {
    if (operation->publisher != NULL)
        operation->publisher->operation = NULL;
    operation->publisher = NULL;
}

/* Takes the outcome's value. */
static void complete(struct du_operation *operation, struct du_outcome outcome) {
    lua_State *L = operation->context->state;
    luaL_unref(L, LUA_REGISTRYINDEX, operation->function);
    silence(operation);
    du_list_remove(&operation->node);
    du_timers_stop(operation->context->timers, &operation->pause);
    du_flight_complete(&operation->flight, outcome);
    if (!atomic_load(&operation->told)) /* else the mail frees it */
        free_operation(operation);
}

static void fail(struct du_operation *operation, const struct du_error *error) {
    complete(operation, (struct du_outcome){*error, NULL});
}

static void next_try(struct du_timer *timer) {
    struct du_operation *operation = du_container_of(timer, struct du_operation, pause);
    try(operation->context->state, operation, 0);
}

/* False: it is not to be tried again. */
static bool back_off(struct du_operation *operation, const struct du_error *error) {
    if (operation->tries > operation->options.retries || !du_error_retryable(error) ||
        du_flight_published(operation->flight))
        return false;
    int64_t pause = FIRST_PAUSE_MS;
    for (int i = 1; i < operation->tries && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    if (error->retry_after > 0)
        pause = error->retry_after * 1000;
    if (pause > LONGEST_PAUSE_MS)
        return false;
    return du_timers_start(operation->context->timers, &operation->pause, pause) == DU_OK;
}

/* What it gave may raise, then `ended` is told so. */
static void finish(struct du_operation *operation, lua_State *L, int count) {
    int first = lua_gettop(L) - count + 1;
    struct du_error error;
    lua_settop(L, first + 1);
    if (lua_isnil(L, first) && du_lua_read_error(L, first + 1, &error) &&
        back_off(operation, &error))
        return;
    complete(operation, (struct du_outcome){du_error_of(DU_OK), du_clone_new(L, 2)});
}

static void ended(void *user, const struct du_task_result *result) {
    struct du_operation *operation = user;
    operation->task = NULL;
    du_scope_end(&operation->scope, &done);
    silence(operation);
    if (result->end == DU_TASK_RETURNED) {
        finish(operation, result->thread, result->count);
        return;
    }
    if (result->end == DU_TASK_NO_MEMORY)
        operation->context->bindings->out_of_memory = true;
    du_script_log(operation->context, NULL, "a flight's operation failed", result);
    if (result->end != DU_TASK_RAISED || !back_off(operation, &result->error))
        fail(operation, &result->error);
}

static const struct du_box_type publisher_type;

/* publish(value) */
static int publish(lua_State *L) {
    struct publisher_box *box = du_box_test(L, lua_upvalueindex(1), &publisher_type);
    luaL_checkany(L, 1);
    if (box->operation == NULL)
        return luaL_error(L, "publish: the operation has ended");
    if (du_flight_published(box->operation->flight))
        return luaL_error(L, "publish: this flight has published already");
    lua_settop(L, 1);
    lua_pushnil(L);
    struct du_value *value = du_clone_new(L, 2);
    du_flight_publish(box->operation->flight, value);
    du_value_unref(&value);
    return 0;
}

static int close_publisher(lua_State *L) {
    struct publisher_box *box = du_box_check(L, 1, &publisher_type);
    if (box->operation != NULL)
        box->operation->publisher = NULL;
    box->operation = NULL;
    return 0;
}

static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const struct du_box_type publisher_type = {"dunite.publisher", no_methods, close_publisher};

void du_lua_operation_define(lua_State *L) {
    du_box_define(L, &publisher_type);
}

/* The function comes with the first try, and is kept for the others. */
static void push_function(lua_State *L, struct du_operation *operation) {
    if (operation->function != LUA_NOREF) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, operation->function);
        return;
    }
    lua_pushvalue(L, 2);
    if (operation->options.retries == 0)
        return;
    lua_pushvalue(L, 2);
    operation->function = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Pushes what the task is started with. */
static int push_call(lua_State *L) {
    struct du_operation *operation = lua_touserdata(L, 1);
    lua_pushcfunction(L, du_scope_enter);
    lua_pushlightuserdata(L, &operation->scope);
    push_function(L, operation);
    operation->publisher = du_box_new(L, &publisher_type, sizeof *operation->publisher);
    operation->publisher->operation = operation;
    lua_pushcclosure(L, publish, 1);
    return 4;
}

/* index: where the function is, at the first try. */
static void try(lua_State *L, struct du_operation *operation, int index) {
    struct du_context *context = operation->context;
    struct du_task_options options = {.phase = DU_PHASE_FLIGHT,
                                      .budget = context->budget,
                                      .within = operation->flight,
                                      .ended = ended,
                                      .user = operation,
                                      .label = "a flight's operation"};
    enum du_error_kind kind = DU_MEMORY;
    struct du_task *task = NULL;
    int top = lua_gettop(L);
    operation->tries++;
    if (lua_checkstack(L, 6)) {
        lua_pushcfunction(L, push_call);
        lua_pushlightuserdata(L, operation);
        if (index != 0)
            lua_pushvalue(L, index);
        if (lua_pcall(L, index != 0 ? 2 : 1, 4, 0) == LUA_OK)
            kind = du_task_start(context->tasks, L, 3, &options, &task);
    }
    lua_settop(L, top);
    if (kind != DU_OK)
        fail(operation, &(struct du_error){.kind = kind, .retry_after = -1});
    else if (task != NULL) /* else it has ended, and the operation may be gone */
        operation->task = task;
}

/* Nobody was left to want it when this was posted. */
static void hear_abandoned(struct du_mail *mail) {
    struct du_operation *operation = du_container_of(mail, struct du_operation, abandoned);
    struct du_error cancelled = du_error_of(DU_CANCELLED);
    atomic_store(&operation->told, false);
    if (operation->flight == NULL)
        free_operation(operation);
    else if (du_flight_published(operation->flight) ||
             !du_flight_confirm_abandoned(operation->flight))
        return;
    else if (operation->task != NULL)
        du_task_cancel(operation->task);
    else
        fail(operation, &cancelled);
}

/* On the thread that left last. */
static void tell_abandoned(struct du_flight *flight, void *user) {
    struct du_operation *operation = user;
    (void)flight;
    if (atomic_exchange(&operation->told, true))
        return;
    du_mailbox_post(operation->context->mailbox, &operation->abandoned);
}

static struct du_operation *make(struct du_context *context,
                                 const struct du_operation_options *options) {
    struct du_operation *operation = du_calloc(1, sizeof *operation);
    if (operation == NULL)
        return NULL;
    operation->context = context;
    operation->options = *options;
    operation->function = LUA_NOREF;
    operation->pause.fire = next_try;
    operation->abandoned.deliver = hear_abandoned;
    du_scope_init(&operation->scope, NULL);
    du_list_append(&context->bindings->operations, &operation->node);
    du_mailbox_expect(context->mailbox, 1);
    du_bindings_expect(context, 1);
    return operation;
}

void du_operation_start(lua_State *L, int index, const struct du_operation_options *options,
                        struct du_flight **flight) {
    struct du_operation *operation = make(du_context_of(L), options);
    if (operation == NULL) {
        du_flight_complete(flight, (struct du_outcome){du_error_of(DU_MEMORY), NULL});
        return;
    }
    operation->flight = *flight;
    *flight = NULL;
    if (options->cancel)
        du_flight_watch(operation->flight, &(struct du_flight_options){tell_abandoned, operation});
    try(L, operation, index);
}

void du_operations_close(struct du_context *context) {
    struct du_error cancelled = du_error_of(DU_CANCELLED);
    du_list_each(node, &context->bindings->operations) {
        struct du_operation *operation = du_container_of(node, struct du_operation, node);
        if (operation->task == NULL && operation->flight != NULL)
            fail(operation, &cancelled);
    }
}
