#include "box.h"
#include "bytes.h"
#include "loader.h"
#include "module.h"

#include <stdio.h>
#include <string.h>

/* The standard scripts, as `require` finds them behind the deployment's own: for checks. */

enum { SCRIPT_MOST = 1 << 20 };

static const struct du_loader *loader_of(lua_State *L) {
    static const struct du_loader none = {0};
    const struct du_loader *loader = du_context_of(L)->loader;
    return loader != NULL ? loader : &none;
}

/* False: there is no such file. */
static bool push_file(lua_State *L, const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    struct du_bytes *bytes = du_box_bytes(L);
    char *room = du_bytes_reserve(bytes, SCRIPT_MOST);
    if (room != NULL)
        du_bytes_grew(bytes, fread(room, 1, SCRIPT_MOST, file));
    fclose(file);
    du_box_bytes_push(L, bytes);
    return true;
}

/* standard(path): the text; nil when there is none. */
static int standard(lua_State *L) {
    const struct du_loader *loader = loader_of(L);
    const char *path = luaL_checkstring(L, 1);
    if (loader->scripts != NULL && push_file(L, lua_pushfstring(L, "%s/%s", loader->scripts, path)))
        return 1;
    struct du_scripts embedded = {loader->embedded, loader->embedded_count};
    const struct du_embedded_script *script = du_scripts_find(&embedded, path);
    if (script == NULL)
        return 0;
    lua_pushlstring(L, script->source, script->size);
    return 1;
}

/* standards(): the paths of those that the program carries. */
static int standards(lua_State *L) {
    const struct du_loader *loader = loader_of(L);
    lua_createtable(L, (int)loader->embedded_count, 0);
    for (size_t i = 0; i < loader->embedded_count; i++) {
        lua_pushstring(L, loader->embedded[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* preloaded(name): is it a module of C's, or loaded already? */
static int preloaded(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushvalue(L, 1);
    bool there = lua_rawget(L, -2) != LUA_TNIL;
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, 1);
    there |= lua_rawget(L, -2) != LUA_TNIL;
    lua_pushboolean(L, there);
    return 1;
}

void du_lua_scripts_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"standard", standard}, {"standards", standards}, {"preloaded", preloaded}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
