#include "environment.h"

#include "budget.h"
#include "coroutine.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

struct library {
    const char *name;
    lua_CFunction open;
    const char *const *allowed; /* NULL-terminated; NULL: all of it */
};

static const char *const base_allowed[] = {
    "_G",       "_VERSION",       "assert", "error",  "getmetatable",
    "ipairs",   "next",           "pairs",  "pcall",  "rawequal",
    "rawget",   "rawlen",         "rawset", "select", "setmetatable",
    "tonumber", "tostring",       "type",   "load",   "print",
    "xpcall",   "collectgarbage", "string", "table",  "math",
    "utf8",     "coroutine",      "os",     "debug",  NULL};
static const char *const string_allowed[] = {
    "byte",    "char", "find", "format", "gmatch", "gsub",     "len",    "lower", "match",
    "reverse", "rep",  "sub",  "upper",  "pack",   "packsize", "unpack", NULL};
static const char *const os_allowed[] = {"clock", "date", "difftime", "time", NULL};
static const char *const debug_allowed[] = {"traceback", NULL};

static const struct library libraries[] = {{LUA_STRLIBNAME, luaopen_string, string_allowed},
                                           {LUA_TABLIBNAME, luaopen_table, NULL},
                                           {LUA_MATHLIBNAME, luaopen_math, NULL},
                                           {LUA_UTF8LIBNAME, luaopen_utf8, NULL},
                                           {LUA_COLIBNAME, du_coroutine_open, NULL},
                                           {LUA_OSLIBNAME, luaopen_os, os_allowed},
                                           {LUA_DBLIBNAME, luaopen_debug, debug_allowed},
                                           {LUA_GNAME, luaopen_base, base_allowed}};

/* --- functions in place of Lua's; upvalue 1 is the one they replace --- */

static int call_replaced(lua_State *L) {
    int count = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, count, LUA_MULTRET);
    return lua_gettop(L);
}

static int load_text(lua_State *L) {
    const char *mode = luaL_optstring(L, 3, "t");
    luaL_argcheck(L, strchr(mode, 't') != NULL, 3, "only text is loaded here");
    if (lua_gettop(L) < 3)
        lua_settop(L, 3);
    lua_pushliteral(L, "t");
    lua_replace(L, 3);
    return call_replaced(L);
}

static int repeat(lua_State *L) {
    size_t size, separator;
    luaL_checklstring(L, 1, &size);
    lua_Integer times = luaL_checkinteger(L, 2);
    luaL_optlstring(L, 3, "", &separator);
    if (times <= 0 || size + separator == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > DU_ENVIRONMENT_REP_MOST / (size + separator))
        return luaL_error(L, "string.rep: the result would be over %d MiB",
                          DU_ENVIRONMENT_REP_MOST >> 20);
    return call_replaced(L);
}

static int count_garbage(lua_State *L) {
    const char *what = luaL_optstring(L, 1, "collect");
    luaL_argcheck(L, strcmp(what, "count") == 0, 1, "only \"count\" is allowed here");
    return call_replaced(L);
}

static int print(lua_State *L) {
    const struct du_environment *environment = lua_touserdata(L, lua_upvalueindex(2));
    int count = lua_gettop(L);
    luaL_Buffer line;
    luaL_buffinit(L, &line);
    for (int i = 1; i <= count; i++) {
        if (i > 1)
            luaL_addchar(&line, '\t');
        luaL_tolstring(L, i, NULL);
        luaL_addvalue(&line);
    }
    luaL_pushresult(&line);
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    if (environment->print != NULL)
        environment->print(environment->user, L, text, size);
    return 0;
}

/* --- strict globals --- */

static int undefined_global(lua_State *L) {
    return luaL_error(L, "undefined global '%s'", luaL_tolstring(L, 2, NULL));
}

static int new_global(lua_State *L) {
    return luaL_error(L, "assignment to a new global '%s' (write local)",
                      luaL_tolstring(L, 2, NULL));
}

static void make_strict(lua_State *L) {
    static const luaL_Reg strict[] = {
        {"__index", undefined_global}, {"__newindex", new_global}, {NULL, NULL}};
    lua_pushglobaltable(L);
    luaL_newlib(L, strict);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
}

/* --- opening --- */

static bool listed(const char *const *names, const char *name) {
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* Takes out of the table on top what is not allowed. */
static void prune(lua_State *L, const char *const *allowed) {
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        lua_pop(L, 1);
        if (listed(allowed, lua_tostring(L, -1)))
            continue;
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, -4);
    }
}

/* In the table on top. */
static void replace(lua_State *L, const char *name, lua_CFunction function, const void *user) {
    lua_getfield(L, -1, name);
    lua_pushlightuserdata(L, (void *)user);
    lua_pushcclosure(L, function, 2);
    lua_setfield(L, -2, name);
}

static void protect_strings(lua_State *L) {
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}

void du_environment_open(lua_State *L, const struct du_environment *environment) {
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].open, 1);
        if (libraries[i].allowed != NULL)
            prune(L, libraries[i].allowed);
        lua_pop(L, 1);
    }
    lua_getglobal(L, LUA_STRLIBNAME);
    replace(L, "rep", repeat, NULL);
    lua_pushglobaltable(L);
    replace(L, "load", load_text, NULL);
    replace(L, "collectgarbage", count_garbage, NULL);
    replace(L, "print", print, environment);
    replace(L, "xpcall", du_budget_xpcall, NULL);
    lua_pop(L, 2);
    protect_strings(L);
    make_strict(L);
}
