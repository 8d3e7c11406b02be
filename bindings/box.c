#include "box.h"

#include "bytes.h"
#include "lua_errors.h"
#include "value.h"

#include <string.h>

/* What a box begins with, before what its user sees. No other userdata begins with the address of
 * one of our types, so this tells a box and its type without a look at the metatable. */
struct head {
    const struct du_box_type *type;
};

void du_box_define(lua_State *L, const struct du_box_type *type) {
    luaL_newmetatable(L, type->name);
    lua_newtable(L);
    luaL_setfuncs(L, type->methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, type); /* found by that, not by its name */
    if (type->close != NULL) {
        lua_pushcfunction(L, type->close);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, type->close);
        lua_setfield(L, -2, "__close");
    }
    lua_pop(L, 1);
}

void *du_box_new(lua_State *L, const struct du_box_type *type, size_t size) {
    struct head *head = lua_newuserdatauv(L, sizeof *head + size, 0);
    head->type = type;
    memset(head + 1, 0, size);
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
    return head + 1;
}

void *du_box_check(lua_State *L, int index, const struct du_box_type *type) {
    void *box = du_box_test(L, index, type);
    if (box == NULL)
        luaL_typeerror(L, index, type->name);
    return box;
}

void *du_box_test(lua_State *L, int index, const struct du_box_type *type) {
    struct head *head = lua_touserdata(L, index);
    if (head == NULL || lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) < sizeof *head)
        return NULL;
    return head->type == type ? head + 1 : NULL;
}

static int close_bytes(lua_State *L);
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const struct du_box_type bytes_type = {"dunite.bytes", no_methods, close_bytes};

static int close_bytes(lua_State *L) {
    du_bytes_deinit(du_box_check(L, 1, &bytes_type));
    return 0;
}

static int close_value(lua_State *L);
static const struct du_box_type value_type = {"dunite.value", no_methods, close_value};

static int close_value(lua_State *L) {
    du_value_unref(du_box_check(L, 1, &value_type));
    return 0;
}

void du_box_define_own(lua_State *L) {
    du_box_define(L, &bytes_type);
    du_box_define(L, &value_type);
}

struct du_value **du_box_value(lua_State *L) {
    return du_box_new(L, &value_type, sizeof(struct du_value *));
}

struct du_value **du_box_value_at(lua_State *L, int index) {
    return du_box_test(L, index, &value_type);
}

struct du_bytes *du_box_bytes(lua_State *L) {
    return du_box_new(L, &bytes_type, sizeof(struct du_bytes));
}

void du_box_bytes_push(lua_State *L, struct du_bytes *bytes) {
    if (bytes->failed)
        du_lua_raise(L, du_error_of(DU_MEMORY));
    lua_pushlstring(L, bytes->data != NULL ? bytes->data : "", bytes->size);
    du_bytes_deinit(bytes);
}
