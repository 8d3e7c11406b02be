#include "gate.h"

#include <lauxlib.h>

static const char key;

static struct du_wait **gate_of(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
    struct du_wait **gate = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return gate;
}

static int push_nothing(lua_State *L, struct du_wait *wait) {
    (void)L;
    (void)wait;
    return 0;
}

static bool leave(struct du_wait *wait) {
    *gate_of(wait->context->state) = NULL;
    return true;
}

static const struct du_wait_type gate_type = {sizeof(struct du_wait), push_nothing, leave, NULL};

static int wait_at_gate(lua_State *L) {
    struct du_wait *wait = du_wait_new(L, &gate_type);
    assert_null(*gate_of(L));
    *gate_of(L) = wait;
    return du_wait_park(L, wait);
}

void gate_install(struct worker *worker) {
    struct du_wait **gate = lua_newuserdatauv(worker->L, sizeof *gate, 0);
    *gate = NULL;
    lua_rawsetp(worker->L, LUA_REGISTRYINDEX, &key);
    lua_pushcfunction(worker->L, wait_at_gate);
    lua_setglobal(worker->L, "gate");
}

bool gate_is_waited_at(struct worker *worker) {
    return *gate_of(worker->L) != NULL;
}

void gate_open(struct worker *worker) {
    struct du_wait **gate = gate_of(worker->L), *wait = *gate;
    assert_non_null(wait);
    *gate = NULL;
    du_wait_settle(wait);
}
