#include "box.h"

#include "bytes.h"
#include "lua_errors.h"
#include "value.h"

#include <stdbool.h>
#include <string.h>

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
    void *box = lua_newuserdatauv(L, size, 0);
    memset(box, 0, size);
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    lua_setmetatable(L, -2);
    return box;
}

void *du_box_check(lua_State *L, int index, const struct du_box_type *type) {
    void *box = du_box_test(L, index, type);
    return box != NULL ? box : luaL_checkudata(L, index, type->name);
}

void *du_box_test(lua_State *L, int index, const struct du_box_type *type) {
    void *box = lua_touserdata(L, index);
    if (box == NULL || !lua_getmetatable(L, index))
        return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, type);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same ? box : NULL;
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

struct du_bytes *du_box_bytes(lua_State *L) {
    return du_box_new(L, &bytes_type, sizeof(struct du_bytes));
}

void du_box_bytes_push(lua_State *L, struct du_bytes *bytes) {
    if (bytes->failed)
        du_lua_raise(L, du_error_of(DU_MEMORY));
    lua_pushlstring(L, bytes->data != NULL ? bytes->data : "", bytes->size);
    du_bytes_deinit(bytes);
}
