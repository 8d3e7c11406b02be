#include "explain.h"
#include "module.h"
#include "request.h"

enum { FIELDS = 16 };

/* The field for the key at -2 and the value at -1; the table keeps both alive. */
static struct du_log_field read_field(lua_State *L) {
    struct du_log_field field = {.type = DU_LOG_STRING};
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_error(L, "a field's name is a string, not a %s", luaL_typename(L, -2));
    field.key = lua_tostring(L, -2);
    if (lua_type(L, -1) == LUA_TBOOLEAN) {
        field.type = DU_LOG_BOOLEAN;
        field.as.boolean = lua_toboolean(L, -1);
    } else if (lua_isinteger(L, -1)) {
        field.type = DU_LOG_INTEGER;
        field.as.integer = lua_tointeger(L, -1);
    } else if (lua_type(L, -1) == LUA_TNUMBER) {
        field.type = DU_LOG_NUMBER;
        field.as.number = lua_tonumber(L, -1);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
        field.as.string = lua_tostring(L, -1);
    } else {
        luaL_error(L, "the field %s is a %s; only text, numbers and booleans are logged", field.key,
                   luaL_typename(L, -1));
    }
    return field;
}

/* log(level, message, fields) */
static int write_line(lua_State *L) {
    DU_EXPLAINED(L, "log");
    static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
    enum du_log_level level = (enum du_log_level)luaL_checkoption(L, 1, NULL, levels);
    const char *message = luaL_checkstring(L, 2);
    struct du_log_field fields[FIELDS];
    size_t count = 0;
    lua_settop(L, 3);
    if (!lua_isnil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        lua_pushnil(L);
        while (lua_next(L, 3)) {
            if (count == FIELDS)
                luaL_error(L, "more than %d fields in a log line", FIELDS);
            fields[count++] = read_field(L);
            lua_pop(L, 1);
        }
    }
    struct du_request *request = du_request_of(L);
    du_log_write(du_context_of(L)->base->log, level, request != NULL ? request->id : NULL, message,
                 fields, count);
    return 0;
}

void du_lua_log_open(lua_State *L) {
    lua_pushcfunction(L, write_line);
    lua_setfield(L, -2, "log");
}
