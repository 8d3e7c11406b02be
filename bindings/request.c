#include "request.h"
#include "access.h"
#include "bindings.h"
#include "bindings_int.h"
#include "lua_answer.h"
#include "lua_errors.h"
#include "lua_exchange.h"
#include "mem.h"
#include "script_log.h"

#include <lauxlib.h>
#include <stdio.h>

struct du_request *du_request_of(lua_State *L) {
    struct du_scope *scope = du_scope_of(L);
    return scope != NULL ? scope->request : NULL;
}

struct du_request *du_request_ref(struct du_request *request) {
    request->references++;
    return request;
}

void du_request_unref(struct du_request **unused) {
    struct du_request *request = *unused;
    *unused = NULL;
    if (request == NULL || --request->references > 0)
        return;
    if (request->box != NULL)
        request->box->request = NULL;
    struct du_context *context = request->context;
    du_list_remove(&request->node);
    context->bindings->request_count--;
    if (request->explainer > 0 && context->state != NULL)
        luaL_unref(context->state, LUA_REGISTRYINDEX, request->explainer);
    du_reply_deinit(&request->reply);
    du_free(request->route);
    du_free(request->member);
    du_free(request->client);
    du_free(request);
    du_bindings_less_owed(context);
}

/* splitmix64 (Steele, Lea, Flood 2014): unique within a context, and not secret. */
static void make_id(struct du_bindings *bindings, struct du_request *request) {
    uint64_t x = bindings->next_id += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    request->number = x ^ x >> 31;
    snprintf(request->id, DU_REQUEST_ID, "%016llx", (unsigned long long)request->number);
}

static struct du_request *new_request(struct du_context *context, struct du_exchange *exchange) {
    struct du_request *request = du_calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    du_list_append(&context->bindings->requests, &request->node);
    context->bindings->request_count++;
    request->context = context;
    request->exchange = exchange;
    request->references = 1; /* the exchange's */
    make_id(context->bindings, request);
    du_scope_init(&request->scope, request);
    du_list_init(&request->holds);
    du_reply_init(&request->reply, 500);
    request->reply.length = -1;
    du_exchange_set_user(exchange, request);
    return request;
}

struct excuse {
    const char *code, *message;
};

/* What a stranger is told of it. */
static struct excuse excuse_for(enum du_error_kind kind, int status) {
    if (status == 503)
        return (struct excuse){"unavailable", "Try again later."};
    switch (du_error_class(kind)) {
    case DU_CLASS_NOT_FOUND:
        return (struct excuse){"not_found", "This does not exist."};
    case DU_CLASS_UPSTREAM:
        return (struct excuse){"upstream", "The server behind this one failed."};
    case DU_CLASS_LOCAL:
        break;
    }
    return (struct excuse){"internal", "Something went wrong on our side."};
}

/* The reply that needs no script: { "error": …, "meta": … }. */
static void make_error_reply(struct du_reply *reply, enum du_error_kind kind, const char *id) {
    int status = kind == DU_CANCELLED ? 503 : du_error_http(kind);
    struct excuse excuse = excuse_for(kind, status);
    du_reply_deinit(reply);
    du_reply_init(reply, status);
    reply->length = -1;
    du_reply_header(reply, "content-type", 12, "application/json", 16, NULL);
    du_bytes_format(&reply->bytes,
                    "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"},"
                    "\"meta\":{\"request_id\":\"%s\"}}",
                    excuse.code, excuse.message, id);
}

static void send_reply(struct du_request *request) {
    if (request->exchange == NULL || request->answered || request->left)
        return;
    request->answered = true;
    request->status = request->reply.status;
    du_exchange_reply(request->exchange, &request->reply);
}

static void fail(struct du_request *request, enum du_error_kind kind) {
    request->problem = kind;
    make_error_reply(&request->reply, kind, request->id);
    send_reply(request);
}

/* How what the task still holds ends, and what was charged with it. */
static struct du_ending ending_of(const struct du_request *request,
                                  const struct du_task_result *result) {
    struct du_ending ending = {.fate = DU_FATE_DONE};
    enum du_error_kind problem =
        result->end != DU_TASK_RETURNED ? result->error.kind : request->problem;
    if (request->left) {
        ending.fate = DU_FATE_LEFT;
    } else if (result->end == DU_TASK_CANCELLED) { /* nobody left: we are closing */
        ending = (struct du_ending){
            .fate = DU_FATE_FAILED, .problem = DU_CANCELLED, .reason = "drained"};
    } else if (du_request_is_our_fault(problem)) {
        ending = (struct du_ending){
            .fate = DU_FATE_FAILED, .problem = problem, .reason = du_error_name(problem)};
    }
    return ending;
}

static void ended(void *user, const struct du_task_result *result) {
    struct du_request *request = user;
    struct du_ending ending = ending_of(request, result);
    request->task = NULL;
    if (result->end == DU_TASK_NO_MEMORY || request->problem == DU_MEMORY)
        request->context->bindings->out_of_memory = true;
    du_scope_end(&request->scope, &ending);
    du_script_log(request->context, request->id, "a request's script failed", result);
    if (result->end == DU_TASK_RETURNED)
        send_reply(request);
    else
        fail(request, result->error.kind);
    du_request_unref(&request);
}

static int answer(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    struct du_request *request = du_request_of(L);
    lua_settop(L, 1);
    if (request->exchange != NULL && !request->left)
        du_lua_answer_read(L, 1, request);
    return 0;
}

/* The task: dispatch(exchange), and its answer read into the reply. */
static int handle(lua_State *L) {
    lua_callk(L, 1, 1, 0, answer);
    return answer(L, LUA_OK, 0);
}

static int push_call(lua_State *L) {
    struct du_request *request = lua_touserdata(L, 1);
    int dispatch = (int)lua_tointeger(L, 2);
    lua_pushcfunction(L, du_scope_enter);
    lua_pushlightuserdata(L, &request->scope);
    lua_pushcfunction(L, handle);
    lua_rawgeti(L, LUA_REGISTRYINDEX, dispatch);
    du_lua_push_exchange(L, request);
    return 5;
}

static enum du_error_kind start(struct du_request *request, int dispatch) {
    struct du_context *context = request->context;
    lua_State *L = context->state;
    struct du_task_options options = {.phase = DU_PHASE_REQUEST,
                                      .budget = context->budget,
                                      .ended = ended,
                                      .user = request,
                                      .label = "a request",
                                      .number = request->number};
    enum du_error_kind kind = DU_MEMORY;
    struct du_task *task = NULL;
    int top = lua_gettop(L);
    if (!lua_checkstack(L, 8))
        return DU_MEMORY;
    lua_pushcfunction(L, push_call);
    lua_pushlightuserdata(L, request);
    lua_pushinteger(L, dispatch);
    du_request_ref(request); /* the task's */
    if (lua_pcall(L, 2, 5, 0) == LUA_OK)
        kind = du_task_start(context->tasks, L, 4, &options, &task);
    lua_settop(L, top);
    if (task != NULL) /* else it has ended, and the request may be gone */
        request->task = task;
    if (task != NULL && request->left)
        du_task_cancel(task);
    return kind;
}

void du_bindings_request(struct du_context *context, int dispatch, struct du_exchange *exchange) {
    struct du_request *request = new_request(context, exchange);
    if (request == NULL) {
        struct du_reply reply;
        du_reply_init(&reply, 503);
        make_error_reply(&reply, DU_MEMORY, "");
        du_exchange_reply(exchange, &reply);
        du_reply_deinit(&reply);
        return;
    }
    struct du_request *kept = du_request_ref(request);
    enum du_error_kind kind = start(request, dispatch);
    if (kind != DU_OK) {
        fail(kept, kind);
        du_request_unref(&request); /* the task's */
    }
    du_request_unref(&kept);
}

void du_bindings_gone(struct du_exchange *exchange) {
    struct du_request *request = du_exchange_user(exchange);
    if (request == NULL)
        return;
    request->left = true;
    if (request->task != NULL)
        du_task_cancel(request->task);
}

void du_bindings_finished(struct du_exchange *exchange, enum du_exchange_end end) {
    struct du_request *request = du_exchange_user(exchange);
    if (request == NULL)
        return;
    du_exchange_set_user(exchange, NULL);
    du_access_settle(request, end);
    du_access_write(request->context, request, end);
    request->exchange = NULL;
    du_lua_exchange_end(request);
    du_request_unref(&request);
}

/* What it is doing, as the log would call it. */
static const char *doing(const struct du_request *request) {
    if (request->task == NULL)
        return request->answered ? "sends its answer" : "ends";
    return request->exchange == NULL ? "its script goes on although nobody is left"
                                     : "its script waits";
}

static void describe(const struct du_request *request, struct du_bytes *text) {
    const struct du_exchange *exchange = request->exchange;
    if (exchange != NULL) {
        struct du_slice method = du_exchange_method(exchange), path = du_exchange_path(exchange);
        int64_t now_ns = du_clock_mono_ns(&request->context->base->clock);
        int64_t age_s = (now_ns - du_exchange_began_ns(exchange)) / 1000000000;
        du_bytes_format(text, "%.*s %.*s for %lld s, ", (int)method.size, method.data,
                        path.size < 200 ? (int)path.size : 200, path.data, (long long)age_s);
    }
    du_bytes_format(text, "%s (request %s)", doing(request), request->id);
}

void du_bindings_describe(const struct du_context *context, struct du_bytes *text) {
    enum { REQUESTS_TOLD = 3 };
    const struct du_bindings *bindings = context->bindings;
    size_t told = 0;
    du_list_each(node, &bindings->requests) {
        if (told++ == REQUESTS_TOLD)
            break;
        du_bytes_text(text, told > 1 ? "; " : "");
        describe(du_container_of(node, struct du_request, node), text);
    }
    if (bindings->request_count > REQUESTS_TOLD)
        du_bytes_format(text, "; %zu more requests", bindings->request_count - REQUESTS_TOLD);
    if (bindings->calls > 0)
        du_bytes_format(text, "%s%zu waits and operations of flights",
                        bindings->request_count > 0 ? "; " : "", bindings->calls);
}
