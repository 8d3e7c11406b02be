#include "lua_errors.h"

#include <lauxlib.h>
#include <string.h>

/* Registry keys: name -> metatable, metatable -> name. */
static const char by_name, by_metatable;

static const char *const retry_names[] = {"never", "always", "by_status"};
enum { RETRY_NEVER, RETRY_ALWAYS, RETRY_BY_STATUS };

static void set_text(lua_State *L, const char *key, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

/* "a b" -> { "a", "b" } as the row's fields. */
static void set_fields(lua_State *L, const char *names) {
    lua_newtable(L);
    for (lua_Integer n = 1; *names != '\0'; n++) {
        size_t size = strcspn(names, " ,");
        lua_pushlstring(L, names, size);
        lua_rawseti(L, -2, n);
        names += size + strspn(names + size, " ,");
    }
    lua_setfield(L, -2, "fields");
}

static const char *fields_of(enum du_error_kind kind) {
    switch (kind) {
    case DU_UPSTREAM:
        return "status retry_after";
    case DU_INTEGRITY:
        return "expected actual";
    case DU_OVERLOADED:
        return "retry_after";
    case DU_OK:
    case DU_NOT_FOUND:
    case DU_TRANSPORT:
    case DU_TIMEOUT:
    case DU_INVALID_URL:
    case DU_IO:
    case DU_STORE:
    case DU_SCRIPT:
    case DU_MEMORY:
    case DU_WAIT_TIMEOUT:
    case DU_CANCELLED:
        return "";
    }
    return "";
}

static void push_error_rows(lua_State *L) {
    static const struct {
        enum du_error_kind kind;
        int retry;
    } rows[] = {
#define DU_ERROR(constant, name, class, http, retry, text) {DU_##constant, RETRY_##retry},
#include "error.def"
#undef DU_ERROR
    };
    lua_createtable(L, DU_ERROR_KIND_COUNT, 0);
    for (int i = 0; i < DU_ERROR_KIND_COUNT; i++) {
        lua_newtable(L);
        set_text(L, "name", du_error_name(rows[i].kind));
        set_text(L, "class", du_error_class_name(du_error_class(rows[i].kind)));
        set_integer(L, "http", du_error_http(rows[i].kind));
        set_text(L, "retryable", retry_names[rows[i].retry]);
        set_text(L, "text", du_error_text(rows[i].kind));
        set_fields(L, fields_of(rows[i].kind));
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_class_rows(lua_State *L) {
    static const enum du_error_class classes[] = {DU_CLASS_NOT_FOUND, DU_CLASS_UPSTREAM,
                                                  DU_CLASS_LOCAL};
    lua_newtable(L);
    for (int i = 0; i < (int)(sizeof classes / sizeof *classes); i++) {
        lua_newtable(L);
        set_text(L, "name", du_error_class_name(classes[i]));
        lua_rawseti(L, -2, i + 1);
    }
}

static void push_denial_rows(lua_State *L) {
    static const char *const fields[] = {
#define DU_LIMIT_DENIAL(constant, name, fields, text) fields,
#include "limit_denial.def"
#undef DU_LIMIT_DENIAL
    };
    lua_newtable(L);
    for (int i = 0; i < DU_LIMIT_DENIAL_COUNT; i++) {
        lua_newtable(L);
        set_text(L, "name", du_limit_denial_name((enum du_limit_denial)i));
        set_text(L, "text", du_limit_denial_text((enum du_limit_denial)i));
        set_fields(L, fields[i]);
        lua_rawseti(L, -2, i + 1);
    }
}

/* define(enum, metatable) */
static int define(lua_State *L) {
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &by_name);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawset(L, -3);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &by_metatable);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_rawset(L, -3);
    return 0;
}

void du_lua_errors_open(lua_State *L) {
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &by_name);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &by_metatable);
    lua_newtable(L);
    push_error_rows(L);
    lua_setfield(L, -2, "ErrorKind");
    push_class_rows(L);
    lua_setfield(L, -2, "ErrorClass");
    push_denial_rows(L);
    lua_setfield(L, -2, "LimitDenial");
    lua_setfield(L, -2, "rows");
    lua_pushcfunction(L, define);
    lua_setfield(L, -2, "define");
}

void du_lua_push_enum(lua_State *L, const char *name) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &by_name);
    lua_pushstring(L, name);
    lua_rawget(L, -2);
    lua_remove(L, -2);
}

const char *du_lua_enum_name(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &by_metatable);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    const char *name = lua_tostring(L, -1); /* anchored by the registry */
    lua_pop(L, 2);
    return name;
}

static void give_metatable(lua_State *L, const char *name) {
    du_lua_push_enum(L, name);
    if (lua_istable(L, -1))
        lua_setmetatable(L, -2);
    else
        lua_pop(L, 1);
}

void du_lua_push_error(lua_State *L, const struct du_error *error) {
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 6);
    set_text(L, "variant", du_error_name(error->kind));
    set_text(L, "message", error->message[0] != '\0' ? error->message : du_error_text(error->kind));
    if (error->status != 0)
        set_integer(L, "status", error->status);
    if (error->retry_after >= 0)
        set_integer(L, "retry_after", error->retry_after);
    if (error->expected[0] != '\0')
        set_text(L, "expected", error->expected);
    if (error->actual[0] != '\0')
        set_text(L, "actual", error->actual);
    give_metatable(L, "ErrorKind");
}

void du_lua_push_denial(lua_State *L, const struct du_denial *denial) {
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 2);
    set_text(L, "variant", du_limit_denial_name(denial->kind));
    if (denial->kind == DU_DENIAL_DAILY_CAP)
        set_integer(L, "reset_in_secs", denial->reset_in_secs);
    give_metatable(L, "LimitDenial");
}

/* Does the table at index have the metatable of that enum? */
static bool is_of(lua_State *L, int index, const char *name) {
    if (!lua_getmetatable(L, index))
        return false;
    const char *found = du_lua_enum_name(L);
    lua_pop(L, 1);
    return found != NULL && strcmp(found, name) == 0;
}

/* Reads a string field of the table on top, raw. */
static void read_text(lua_State *L, const char *key, char *text, size_t room) {
    lua_pushstring(L, key);
    lua_rawget(L, -2);
    if (lua_type(L, -1) == LUA_TSTRING) {
        strncpy(text, lua_tostring(L, -1), room - 1);
        text[room - 1] = '\0';
    }
    lua_pop(L, 1);
}

static lua_Integer read_integer(lua_State *L, const char *key, lua_Integer absent) {
    lua_pushstring(L, key);
    lua_rawget(L, -2);
    int is_integer = 0;
    lua_Integer value = lua_tointegerx(L, -1, &is_integer);
    lua_pop(L, 1);
    return is_integer ? value : absent;
}

bool du_lua_read_error(lua_State *L, int index, struct du_error *error) {
    if (!lua_istable(L, index) || !lua_checkstack(L, 6) || !is_of(L, index, "ErrorKind"))
        return false;
    char name[32] = "";
    enum du_error_kind kind;
    lua_pushvalue(L, index);
    read_text(L, "variant", name, sizeof name);
    bool known = du_error_kind_of(name, &kind);
    if (known && error != NULL) {
        *error = du_error_of(kind);
        error->message[0] = '\0';
        read_text(L, "message", error->message, sizeof error->message);
        read_text(L, "expected", error->expected, sizeof error->expected);
        read_text(L, "actual", error->actual, sizeof error->actual);
        error->status = (int)read_integer(L, "status", 0);
        error->retry_after = read_integer(L, "retry_after", -1);
    }
    lua_pop(L, 1);
    return known;
}

void du_lua_read_raised(lua_State *L, int index, struct du_error *error) {
    if (du_lua_read_error(L, index, error))
        return;
    if (lua_type(L, index) == LUA_TSTRING)
        du_error_set(error, DU_SCRIPT, "%s", lua_tostring(L, index));
    else
        du_error_set(error, DU_SCRIPT, "a %s was raised", luaL_typename(L, index));
}

int du_lua_fail(lua_State *L, const struct du_error *error) {
    lua_pushnil(L);
    du_lua_push_error(L, error);
    return 2;
}

int du_lua_raise(lua_State *L, struct du_error error) {
    du_lua_push_error(L, &error);
    lua_error(L);
    __builtin_unreachable();
}
