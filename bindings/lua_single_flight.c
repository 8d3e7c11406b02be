#include "box.h"
#include "bytes.h"
#include "clone.h"
#include "explain.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "operation.h"
#include "options.h"
#include "wait.h"

#include <string.h>

/* A table of flights by name; what the name stands for is looked up at its first use. */
struct flights_box {
    struct du_single_flight *flights; /* the engine's, which outlives the state */
    char name[];
};

/* One caller that waits for a flight. */
struct joining {
    struct du_wait wait;
    struct du_waiter waiter;
};

enum { KEY_ROOM = 256 }; /* of a key that needs no allocation */

static const struct du_box_type flights_type;

static struct du_single_flight *check_flights(lua_State *L) {
    struct flights_box *box = du_box_check(L, 1, &flights_type);
    if (box->flights == NULL)
        box->flights = du_named_flights(du_module_shared(L)->named, box->name);
    if (box->flights == NULL)
        luaL_error(L, "no flights \"%s\" are declared in this deployment", box->name);
    return box->flights;
}

static int push_outcome(lua_State *L, struct du_wait *wait) {
    struct du_outcome *outcome = &((struct joining *)wait)->waiter.outcome;
    if (wait->expired) {
        struct du_error error;
        du_error_set(&error, DU_WAIT_TIMEOUT, "the flight takes longer than this caller waits");
        return du_lua_fail(L, &error);
    }
    if (outcome->error.kind != DU_OK)
        return du_lua_fail(L, &outcome->error);
    return du_clone_push(L, outcome->value);
}

static bool leave_flight(struct du_wait *wait) {
    return du_flight_leave(&((struct joining *)wait)->waiter);
}

/* A clone needs no hold: whoever has it has all of it. */
static void drop_outcome(struct du_wait *wait) {
    struct joining *joining = (struct joining *)wait;
    du_value_unref(&joining->waiter.outcome.value);
    if (joining->waiter.held != NULL)
        du_flight_drop(&joining->waiter.held);
}

static void deliver(struct du_waiter *waiter) {
    du_wait_post(&du_container_of(waiter, struct joining, waiter)->wait);
}

static const struct du_wait_type join_type = {sizeof(struct joining), push_outcome, leave_flight,
                                              drop_outcome};

/* Where run's arguments are. */
enum { KEY = 2, OPERATION, OPTIONS };

struct run_options {
    struct du_operation_options operation;
    int64_t timeout_ms; /* negative: no bound */
};

static int answer_error(lua_State *L, struct joining *joining, struct du_error error) {
    joining->waiter.outcome.error = error;
    return du_wait_answer(L, &joining->wait);
}

/* From here on nothing is raised but by answer and park. */
static int join(lua_State *L, struct du_single_flight *flights, struct joining *joining,
                struct du_slice key, const struct run_options *options) {
    struct du_flight *flight;
    struct du_error error;
    joining->waiter.deliver = deliver;
    joining->waiter.within = du_task_within(L);
    enum du_join joined =
        du_single_flight_join(flights, key.data, key.size, &joining->waiter, NULL, &flight, &error);
    if (joined == DU_JOIN_LEADER)
        du_operation_start(L, OPERATION, &options->operation, &flight);
    if (joined == DU_JOIN_FAILED)
        return answer_error(L, joining, error);
    if (joined == DU_JOIN_SETTLED)
        return du_wait_answer(L, &joining->wait);
    if (options->timeout_ms >= 0 && du_wait_bound(&joining->wait, options->timeout_ms) != DU_OK &&
        leave_flight(&joining->wait))
        return answer_error(L, joining, du_error_of(DU_MEMORY));
    return du_wait_park(L, &joining->wait);
}

/* The key with the generation before it: flights of Lua operations are per script generation. In
 * room where that is enough, else on the stack. */
static struct du_slice whole_key(lua_State *L, char room[KEY_ROOM]) {
    uint64_t generation = du_context_of(L)->generation;
    size_t size;
    const char *text = lua_tolstring(L, KEY, &size);
    memcpy(room, &generation, sizeof generation);
    if (size <= KEY_ROOM - sizeof generation) {
        memcpy(room + sizeof generation, text, size);
        return (struct du_slice){room, sizeof generation + size};
    }
    struct du_slice key;
    lua_pushlstring(L, room, sizeof generation);
    lua_pushvalue(L, KEY);
    lua_concat(L, 2);
    key.data = lua_tolstring(L, -1, &key.size);
    return key;
}

/* Where run_here keeps what was published. */
enum { PUBLISHED = OPTIONS };

/* Into the table that is the upvalue. */
static int publish_here(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    lua_rawseti(L, lua_upvalueindex(1), 1);
    return 0;
}

/* What was published goes before what the operation gave. */
static int ran_here(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    if (lua_rawgeti(L, PUBLISHED, 1) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    return 2;
}

/* Who only explains is alone: the operation runs in its own task. */
static int run_here(lua_State *L) {
    lua_settop(L, OPERATION);
    lua_newtable(L);
    lua_pushvalue(L, OPERATION);
    lua_pushvalue(L, PUBLISHED);
    lua_pushcclosure(L, publish_here, 1);
    lua_callk(L, 1, 2, 0, ran_here);
    return ran_here(L, LUA_OK, 0);
}

static struct run_options read_options(lua_State *L) {
    static const char *const keys[] = {"timeout", "on_abandon", "retries", NULL};
    static const char *const choices[] = {"cancel", "finish", NULL};
    struct run_options options;
    du_options_check(L, OPTIONS, keys);
    options.timeout_ms = du_options_integer(L, OPTIONS, "timeout", -1);
    int64_t retries = du_options_integer(L, OPTIONS, "retries", 0);
    luaL_argcheck(L, retries >= 0 && retries <= 100, OPTIONS, "retries are 0 to 100");
    options.operation.retries = (int)retries;
    options.operation.cancel = du_options_choice(L, OPTIONS, "on_abandon", choices, 0) == 0;
    return options;
}

/* flights:run(key, operation, options) */
static int run(lua_State *L) {
    char room[KEY_ROOM];
    struct du_single_flight *flights = check_flights(L);
    luaL_checktype(L, KEY, LUA_TSTRING); /* the number 1 would be the key "1" */
    luaL_checktype(L, OPERATION, LUA_TFUNCTION);
    struct run_options options = read_options(L);
    if (du_explains(L))
        return run_here(L);
    struct du_slice key = whole_key(L, room);
    struct joining *joining = du_wait_new(L, &join_type);
    return join(L, flights, joining, key, &options);
}

static int in_flight(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)du_single_flight_count(check_flights(L)));
    return 1;
}

/* flights(name) */
static int find(lua_State *L) {
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    struct flights_box *box = du_box_new(L, &flights_type, sizeof *box + size + 1);
    memcpy(box->name, name, size);
    return 1;
}

/* One part of a key, so that no other list of parts gives the same bytes: its type, its length, it.
 */
static void add_part(lua_State *L, int index, luaL_Buffer *key) {
    size_t size;
    char head[32];
    const char *type = lua_typename(L, lua_type(L, index));
    if (lua_type(L, index) != LUA_TSTRING && !lua_isinteger(L, index) && !lua_isboolean(L, index))
        luaL_error(L, "a key is made of strings, integers and booleans, not of a %s (part %d)",
                   lua_type(L, index) == LUA_TNUMBER ? "float" : type, index);
    const char *text = lua_isboolean(L, index) ? (lua_toboolean(L, index) ? "1" : "0") : NULL;
    if (text == NULL) {
        lua_pushvalue(L, index);
        text = lua_tolstring(L, -1, &size);
        lua_replace(L, index); /* an integer is its text now, and anchored */
    } else {
        size = 1;
    }
    int count = snprintf(head, sizeof head, "%c%zu:", type[0], size);
    luaL_addlstring(key, head, (size_t)count);
    luaL_addlstring(key, text, size);
}

/* key(…) */
static int make_key(lua_State *L) {
    int count = lua_gettop(L);
    luaL_Buffer key;
    luaL_buffinit(L, &key);
    for (int i = 1; i <= count; i++)
        add_part(L, i, &key);
    luaL_pushresult(&key);
    return 1;
}

static const luaL_Reg methods[] = {{"run", run}, {"in_flight", in_flight}, {NULL, NULL}};
static const struct du_box_type flights_type = {"dunite.native.Flights", methods, NULL};

void du_lua_single_flight_open(lua_State *L) {
    du_box_define(L, &flights_type);
    du_lua_operation_define(L);
    lua_pushcfunction(L, find);
    lua_setfield(L, -2, "flights");
    lua_pushcfunction(L, make_key);
    lua_setfield(L, -2, "key");
}
