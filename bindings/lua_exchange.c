#include "lua_exchange.h"

#include "bindings.h"
#include "box.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "wait.h"

struct reading {
    struct du_wait wait;
    struct du_request *request;
    int64_t max;
    struct du_error error;
    bool starting, heard;
};

static const struct du_box_type exchange_type;
static const char *const listener_names[] = {
    [DU_LISTENER_MAIN] = "main", [DU_LISTENER_ADMIN] = "admin", [DU_LISTENER_CONTROL] = "control"};

void du_lua_push_exchange(lua_State *L, struct du_request *request) {
    struct du_exchange_box *box = du_box_new(L, &exchange_type, sizeof *box);
    box->request = request;
    request->box = box;
}

static struct du_request *check_request(lua_State *L) {
    struct du_exchange_box *box = du_box_check(L, 1, &exchange_type);
    if (box->request == NULL || box->request->exchange == NULL)
        luaL_error(L, "this request has ended");
    return box->request;
}

static struct du_exchange *check_exchange(lua_State *L) {
    return check_request(L)->exchange;
}

static int push_slice(lua_State *L, struct du_slice slice) {
    lua_pushlstring(L, slice.data != NULL ? slice.data : "", slice.size);
    return 1;
}

static int method(lua_State *L) {
    return push_slice(L, du_exchange_method(check_exchange(L)));
}

static int path(lua_State *L) {
    return push_slice(L, du_exchange_path(check_exchange(L)));
}

static int query(lua_State *L) {
    return push_slice(L, du_exchange_query(check_exchange(L)));
}

static int header(lua_State *L) {
    struct du_exchange *exchange = check_exchange(L);
    struct du_slice value;
    size_t from = 0;
    if (du_exchange_header(exchange, luaL_checkstring(L, 2), &from, &value))
        return push_slice(L, value);
    lua_pushnil(L);
    return 1;
}

static int headers(lua_State *L) {
    struct du_exchange *exchange = check_exchange(L);
    const char *name = luaL_checkstring(L, 2);
    struct du_slice value;
    size_t from = 0;
    lua_newtable(L);
    for (lua_Integer n = 1; du_exchange_header(exchange, name, &from, &value); n++) {
        push_slice(L, value);
        lua_rawseti(L, 3, n);
    }
    return 1;
}

static int peer(lua_State *L) {
    lua_pushstring(L, du_exchange_peer(check_exchange(L)));
    return 1;
}

static int listener(lua_State *L) {
    lua_pushstring(L, listener_names[du_exchange_tag(check_exchange(L))]);
    return 1;
}

static int id(lua_State *L) {
    lua_pushstring(L, check_request(L)->id);
    return 1;
}

static int head(lua_State *L) {
    struct du_request *request = check_request(L);
    push_slice(L, du_exchange_method(request->exchange));
    push_slice(L, du_exchange_path(request->exchange));
    lua_pushstring(L, request->id);
    lua_pushstring(L, listener_names[du_exchange_tag(request->exchange)]);
    return 4;
}

/* Keeps a copy of the text at 2 for the access line. */
static int note(lua_State *L, char **kept) {
    const char *text = luaL_optstring(L, 2, NULL);
    char *copy = text != NULL ? du_strdup(text) : NULL;
    du_free(*kept);
    *kept = copy;
    return 0;
}

static int route(lua_State *L) {
    return note(L, &check_request(L)->route);
}

static int member(lua_State *L) {
    return note(L, &check_request(L)->member);
}

static int client(lua_State *L) {
    return note(L, &check_request(L)->client);
}

/* The body. */

static int push_body(lua_State *L, struct du_wait *wait) {
    struct reading *reading = (struct reading *)wait;
    if (reading->error.kind != DU_OK)
        return du_lua_fail(L, &reading->error);
    return push_slice(L, reading->request->body);
}

/* The server calls back, or the exchange ends; nothing stops it before. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_body(struct du_wait *wait) {
    du_request_unref(&((struct reading *)wait)->request);
}

static const struct du_wait_type body_type = {sizeof(struct reading), push_body, cannot_withdraw,
                                              drop_body};

static void check_size(struct reading *reading) {
    if ((int64_t)reading->request->body.size > reading->max)
        du_error_set(&reading->error, DU_OVERLOADED, "a body of more than %lld bytes",
                     (long long)reading->max);
}

static void hear_body(void *user, enum du_error_kind result, struct du_slice body) {
    struct reading *reading = user;
    if (result == DU_OK) {
        reading->request->body = body;
        reading->request->has_body = true;
        check_size(reading);
    } else {
        reading->request->left = true; /* the server answers, or nobody is there */
        reading->error = du_error_of(result);
    }
    reading->heard = true;
    reading->request->reading = NULL;
    if (!reading->starting)
        du_wait_settle(&reading->wait);
}

void du_lua_exchange_end(struct du_request *request) {
    struct reading *reading = (struct reading *)request->reading;
    if (reading == NULL)
        return;
    request->reading = NULL;
    reading->error = du_error_of(DU_CANCELLED);
    du_wait_settle(&reading->wait);
}

/* exchange:body(max) */
static int body(lua_State *L) {
    struct du_request *request = check_request(L);
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 0, 2, "a size is not negative");
    if (request->reading != NULL)
        return luaL_error(L, "the body of this request is being read already");
    struct reading *reading = du_wait_new(L, &body_type);
    reading->request = du_request_ref(request);
    reading->max = max;
    reading->error = du_error_of(DU_OK);
    if (request->has_body) {
        check_size(reading);
        return du_wait_answer(L, &reading->wait);
    }
    reading->starting = true;
    request->reading = &reading->wait;
    du_exchange_read(request->exchange, hear_body, reading);
    reading->starting = false;
    return reading->heard ? du_wait_answer(L, &reading->wait) : du_wait_park(L, &reading->wait);
}

static int close_exchange(lua_State *L) {
    struct du_exchange_box *box = du_box_check(L, 1, &exchange_type);
    if (box->request != NULL)
        box->request->box = NULL;
    box->request = NULL;
    return 0;
}

static const luaL_Reg methods[] = {
    {"method", method},   {"path", path}, {"query", query}, {"header", header},
    {"headers", headers}, {"body", body}, {"peer", peer},   {"listener", listener},
    {"id", id},           {"head", head}, {"route", route}, {"member", member},
    {"client", client},   {NULL, NULL}};
static const struct du_box_type exchange_type = {"dunite.native.Exchange", methods, close_exchange};

void du_lua_exchange_open(lua_State *L) {
    du_box_define(L, &exchange_type);
}
