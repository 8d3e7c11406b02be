#include "options.h"

#include "mem.h"

#include <string.h>

static bool is_one_of(const char *key, const char *const *keys) {
    for (; *keys != NULL; keys++)
        if (**keys == *key && strcmp(*keys, key) == 0)
            return true;
    return false;
}

static void refuse_unknown(lua_State *L, const char *key, const char *const *keys) {
    luaL_Buffer allowed;
    luaL_buffinit(L, &allowed);
    for (const char *const *at = keys; *at != NULL; at++) {
        if (at != keys)
            luaL_addstring(&allowed, ", ");
        luaL_addstring(&allowed, *at);
    }
    luaL_pushresult(&allowed);
    luaL_error(L, "there is no option \"%s\"; there are: %s", key, lua_tostring(L, -1));
}

void du_options_check(lua_State *L, int index, const char *const *keys) {
    lua_settop(L, index);
    if (lua_isnil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "options are named; a %s is no name", luaL_typename(L, -2));
        if (!is_one_of(lua_tostring(L, -2), keys))
            refuse_unknown(L, lua_tostring(L, -2), keys);
        lua_pop(L, 1);
    }
}

/* Most calls bring no options, and pay nothing for those they could have brought. */
static int get(lua_State *L, int index, const char *key) {
    if (lua_isnil(L, index)) {
        lua_pushnil(L);
        return LUA_TNIL;
    }
    lua_pushstring(L, key);
    return lua_rawget(L, index);
}

static void wrong_type(lua_State *L, const char *key, const char *wanted) {
    luaL_error(L, "%s must be %s, not a %s", key, wanted, luaL_typename(L, -1));
}

lua_Integer du_options_integer(lua_State *L, int index, const char *key, lua_Integer absent) {
    if (get(L, index, key) != LUA_TNIL) {
        int is_integer = 0;
        absent = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer || lua_type(L, -1) != LUA_TNUMBER)
            wrong_type(L, key, "an integer");
    }
    lua_pop(L, 1);
    return absent;
}

bool du_options_flag(lua_State *L, int index, const char *key, bool absent) {
    int type = get(L, index, key);
    if (type == LUA_TBOOLEAN)
        absent = lua_toboolean(L, -1);
    else if (type != LUA_TNIL)
        wrong_type(L, key, "true or false");
    lua_pop(L, 1);
    return absent;
}

const char *du_options_text(lua_State *L, int index, const char *key, const char *absent,
                            size_t *size) {
    int type = get(L, index, key);
    if (size != NULL)
        *size = absent != NULL ? strlen(absent) : 0;
    if (type == LUA_TSTRING)
        absent = lua_tolstring(L, -1, size);
    else if (type != LUA_TNIL)
        wrong_type(L, key, "a string");
    lua_pop(L, 1);
    return absent;
}

const char *du_options_need(lua_State *L, int index, const char *key) {
    const char *text = du_options_text(L, index, key, NULL, NULL);
    if (text == NULL)
        luaL_error(L, "%s is missing", key);
    return text;
}

int du_options_choice(lua_State *L, int index, const char *key, const char *const *names,
                      int absent) {
    const char *text = du_options_text(L, index, key, NULL, NULL);
    if (text == NULL)
        return absent;
    for (int i = 0; names[i] != NULL; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return luaL_error(L, "%s cannot be \"%s\"", key, text);
}

/* Pushes "Name: value" for the name at `name` and the text on top, in place of the text. */
static void push_line(lua_State *L, int name) {
    if (!lua_isstring(L, -1))
        luaL_error(L, "the header %s must be a string, not a %s", lua_tostring(L, name),
                   luaL_typename(L, -1));
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    if (strpbrk(text, "\r\n") != NULL || strlen(text) != size ||
        strpbrk(lua_tostring(L, name), ": \r\n") != NULL)
        luaL_error(L, "a header that would be more than one line");
    lua_pushfstring(L, "%s: %s", lua_tostring(L, name), text);
    lua_remove(L, -2);
}

/* Appends to the list of lines at `lines` what the name and value on top stand for. */
static void add_lines(lua_State *L, int lines) {
    int name = lua_gettop(L) - 1, value = lua_gettop(L);
    if (lua_type(L, name) != LUA_TSTRING)
        luaL_error(L, "a header's name is a string, not a %s", luaL_typename(L, name));
    lua_Integer count = lua_istable(L, value) ? (lua_Integer)lua_rawlen(L, value) : 1;
    for (lua_Integer i = 1; i <= count; i++) {
        if (lua_istable(L, value))
            lua_rawgeti(L, value, i);
        else
            lua_pushvalue(L, value);
        push_line(L, name);
        lua_rawseti(L, lines, (lua_Integer)lua_rawlen(L, lines) + 1);
    }
}

const char *const *du_options_headers(lua_State *L, int index, const char *key) {
    if (get(L, index, key) == LUA_TNIL)
        return NULL;
    if (!lua_istable(L, -1))
        wrong_type(L, key, "a table");
    int table = lua_gettop(L), lines = table + 1;
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        add_lines(L, lines);
        lua_pop(L, 1);
    }
    size_t count = lua_rawlen(L, lines);
    const char **block = lua_newuserdatauv(L, (count + 1) * sizeof *block, 1);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(L, lines, (lua_Integer)i + 1);
        block[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    block[count] = NULL;
    lua_pushvalue(L, lines);
    lua_setiuservalue(L, -2, 1); /* the lines live as long as the block */
    lua_replace(L, table);
    lua_settop(L, table);
    return block;
}

char *du_options_copy(const char *text, bool *failed) {
    if (text == NULL)
        return NULL;
    char *copy = du_strdup(text);
    *failed |= copy == NULL;
    return copy;
}
