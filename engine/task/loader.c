#include "loader.h"

#include "task.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

/* Where things are on the stack of require. */
enum { NAME = 1, LOADED, LOADING, RECORD, TRIED };

/* The registry's table of what is being loaded: a record by module name; by task, the name of the
 * module it loads innermost. */
static const char loading_key;

/* --- modules that are being loaded --- */

static void *task_of(lua_State *L) {
    return du_task_current(L);
}

/* The record's __close, however the loading ended. */
static int end_loading(lua_State *L) {
    lua_settop(L, 1);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loading_key);
    lua_getfield(L, 1, "task");
    lua_getfield(L, 1, "within");
    lua_rawset(L, 2);
    lua_getfield(L, 1, "name");
    lua_pushnil(L);
    lua_rawset(L, 2);
    return 0;
}

static void push_innermost(lua_State *L) {
    lua_pushlightuserdata(L, task_of(L));
    lua_rawget(L, LOADING);
}

/* The record of the module that is wanted again is on top. */
static int refuse_cycle(lua_State *L, const char *name) {
    lua_getfield(L, -1, "task");
    if (lua_touserdata(L, -1) != task_of(L))
        return luaL_error(
            L,
            "module '%s' is still being loaded by another task; require it at the top "
            "of the script",
            name);
    lua_pushvalue(L, NAME); /* the chain, from its end to its start; above it, the module reached */
    push_innermost(L);
    const char *module;
    while ((module = lua_tostring(L, -1)) != NULL) {
        lua_pushfstring(L, "%s -> %s", module, lua_tostring(L, -2));
        lua_replace(L, -3);
        if (strcmp(module, name) == 0)
            break;
        lua_rawget(L, LOADING);
        lua_getfield(L, -1, "within");
        lua_remove(L, -2);
    }
    return luaL_error(L, "module '%s' requires itself: %s", name, lua_tostring(L, -2));
}

/* Pushes the record, which ends the loading when require is left. */
static void begin_loading(lua_State *L, const char *name) {
    if (lua_getfield(L, LOADING, name) == LUA_TTABLE)
        refuse_cycle(L, name);
    lua_pop(L, 1);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, NAME);
    lua_setfield(L, RECORD, "name");
    lua_pushlightuserdata(L, task_of(L));
    lua_setfield(L, RECORD, "task");
    push_innermost(L);
    lua_setfield(L, RECORD, "within");
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_setmetatable(L, RECORD);
    lua_toclose(L, RECORD);
    lua_pushlightuserdata(L, task_of(L));
    lua_pushvalue(L, NAME);
    lua_rawset(L, LOADING);
    lua_pushvalue(L, RECORD);
    lua_setfield(L, LOADING, name);
}

const struct du_embedded_script *du_scripts_find(const struct du_scripts *scripts,
                                                 const char *name) {
    for (size_t i = 0; i < scripts->count; i++)
        if (strcmp(scripts->list[i].name, name) == 0)
            return &scripts->list[i];
    return NULL;
}

/* --- finding: each pushes the chunk and where it is from, or adds to what was tried --- */

/* The place's name, on top, was needed for this only. */
static bool tried(lua_State *L, const char *what) {
    lua_pushfstring(L, "%s\n\tno %s '%s'", lua_tostring(L, TRIED), what, lua_tostring(L, -1));
    lua_replace(L, TRIED);
    lua_pop(L, 1);
    return false;
}

static bool is_not_there(int error) {
    return error == ENOENT || error == ENOTDIR || error == EISDIR || error == EINVAL;
}

/* Lua's own loader passes over a first line that begins with '#', too. */
static struct du_slice without_hash_bang(struct du_slice text) {
    const char *end =
        text.size > 0 && text.data[0] == '#' ? memchr(text.data, '\n', text.size) : NULL;
    if (text.size == 0 || text.data[0] != '#')
        return text;
    size_t skipped = end != NULL ? (size_t)(end - text.data) : text.size;
    return (struct du_slice){text.data + skipped, text.size - skipped};
}

static bool find_file(lua_State *L, const struct du_loader *loader, const char *folder,
                      const char *path, const char *suffix) {
    struct du_slice text;
    if (folder == NULL)
        return false;
    const char *file = lua_pushfstring(L, "%s/%s%s", folder, path, suffix);
    int error = du_sources_read(loader->sources, file, &text);
    if (is_not_there(error))
        return tried(L, "file");
    if (error != 0)
        luaL_error(L, "cannot read %s: %s", file, strerror(error));
    text = without_hash_bang(text);
    const char *chunk = lua_pushfstring(L, "@%s", file);
    if (luaL_loadbufferx(L, text.data, text.size, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_replace(L, -2); /* the chunk's name */
    lua_insert(L, -2);
    return true;
}

/* prefix: what the chunk's name begins with. */
static bool find_carried(lua_State *L, const struct du_scripts *scripts, const char *prefix,
                         const char *path, const char *suffix) {
    const char *name = lua_pushfstring(L, "%s%s", path, suffix);
    const struct du_embedded_script *script = du_scripts_find(scripts, name);
    if (script == NULL)
        return tried(L, "script of the program's");
    const char *chunk = lua_pushfstring(L, "@%s%s", prefix, name);
    if (luaL_loadbufferx(L, script->source, script->size, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_insert(L, -2);
    return true;
}

static bool find_embedded(lua_State *L, const struct du_loader *loader, const char *path,
                          const char *suffix) {
    struct du_scripts embedded = {loader->embedded, loader->embedded_count};
    return find_carried(L, &embedded, "dunite:scripts/", path, suffix);
}

static bool find_deployed(lua_State *L, const struct du_loader *loader, const char *path,
                          const char *suffix) {
    if (loader->bundle != NULL)
        return find_carried(L, loader->bundle, "bundle:", path, suffix);
    return find_file(L, loader, loader->deployment, path, suffix);
}

static bool find_preloaded(lua_State *L, const char *name) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    if (lua_getfield(L, -1, name) == LUA_TNIL) {
        lua_pop(L, 2);
        return false;
    }
    lua_pushliteral(L, ":preload:");
    return true;
}

static bool is_main(const struct du_loader *loader, const char *name) {
    return loader->main != NULL && strcmp(loader->main, name) == 0;
}

static bool find(lua_State *L, const struct du_loader *loader, const char *name) {
    if (find_preloaded(L, name))
        return true;
    const char *path = luaL_gsub(L, name, ".", "/");
    return (!is_main(loader, name) && find_deployed(L, loader, path, ".lua")) ||
           find_deployed(L, loader, path, "/init.lua") ||
           find_file(L, loader, loader->scripts, path, ".lua") ||
           find_file(L, loader, loader->scripts, path, "/init.lua") ||
           find_embedded(L, loader, path, ".lua") || find_embedded(L, loader, path, "/init.lua");
}

/* --- require --- */

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_name(const char *name, size_t size) {
    char before = '.';
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '.' ? before == '.' : !is_word(name[i]))
            return false;
        before = name[i];
    }
    return before != '.';
}

static int loaded(lua_State *L, int status, lua_KContext context) {
    (void)status, (void)context;
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, 1);
    }
    lua_pushvalue(L, NAME);
    lua_pushvalue(L, -2);
    lua_rawset(L, LOADED);
    return 1;
}

static int require(lua_State *L) {
    const struct du_loader *loader = lua_touserdata(L, lua_upvalueindex(1));
    size_t size;
    const char *name = luaL_checklstring(L, NAME, &size);
    lua_settop(L, NAME);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    if (lua_getfield(L, LOADED, name) != LUA_TNIL)
        return 1;
    lua_pop(L, 1);
    if (!is_name(name, size))
        return luaL_error(L, "'%s' is no module's name (\"a.b\" is a/b.lua)", name);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &loading_key);
    begin_loading(L, name);
    lua_pushliteral(L, "");
    if (!find(L, loader, name))
        return luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, TRIED));
    lua_pushvalue(L, NAME);
    lua_insert(L, -2);
    lua_callk(L, 2, 1, 0, loaded);
    return loaded(L, LUA_OK, 0);
}

void du_loader_open(lua_State *L, const struct du_loader *loader) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &loading_key);
    lua_pushglobaltable(L);
    lua_pushliteral(L, "require");
    lua_pushlightuserdata(L, (void *)loader);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, end_loading);
    lua_setfield(L, -2, "__close");
    lua_pushcclosure(L, require, 2);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

void du_loader_preload(lua_State *L, const char *name, lua_CFunction open) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, open);
    lua_setfield(L, -2, name);
    lua_pop(L, 1);
}
