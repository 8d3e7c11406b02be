#include "clone.h"

#include "box.h"
#include "bytes.h"
#include "lua_errors.h"
#include "lua_json.h"
#include "mem.h"

#include <string.h>

/* One value is a tag and what the tag calls for: 8 bytes of a number; the 8-byte length of a string
 * and its bytes; a table's metatable name (a string value, or nil), its pairs, then END. */
enum tag { NIL, NO, YES, INTEGER, FLOAT, STRING, NULL_VALUE, TABLE, ARRAY, END };

struct clone {
    struct du_value value;
    int count;
    size_t size;
    char bytes[];
};

/* Where the writer is: the tables it is inside of, innermost first. */
struct place {
    const struct place *outer;
    const void *table;
    int key; /* stack index of the key it is at */
    int depth;
};

struct writer {
    lua_State *L;
    struct du_bytes *bytes;
};

static void free_clone(struct du_value *value) {
    du_free(value);
}

static const struct du_value_type clone_type = {"clone", free_clone};

/* The way from the outside in. */
static void add_way(lua_State *L, struct du_bytes *way, const struct place *place) {
    if (place == NULL)
        return;
    add_way(L, way, place->outer);
    if (lua_type(L, place->key) == LUA_TSTRING)
        du_bytes_format(way, ".%.40s", lua_tostring(L, place->key));
    else if (lua_isinteger(L, place->key))
        du_bytes_format(way, "[%lld]", (long long)lua_tointeger(L, place->key));
    else
        du_bytes_text(way, "[?]");
}

static void refuse(lua_State *L, const struct place *place, const char *what) {
    struct du_bytes *way = du_box_bytes(L);
    int depth = 0;
    for (const struct place *at = place; at != NULL; at = at->outer)
        depth++;
    if (depth > 0 && depth <= 8) {
        du_bytes_text(way, " at ");
        add_way(L, way, place);
    }
    luaL_error(L,
               "%s cannot cross%s; only nil, booleans, numbers, strings, json.null and tables of "
               "those can",
               what, way->data != NULL && !way->failed ? way->data : "");
}

static void add_tag(struct writer *writer, enum tag tag) {
    char byte = (char)tag;
    du_bytes_add(writer->bytes, &byte, 1);
}

static void add_string(struct writer *writer, int index) {
    size_t size;
    const char *text = lua_tolstring(writer->L, index, &size);
    uint64_t length = size;
    add_tag(writer, STRING);
    du_bytes_add(writer->bytes, &length, sizeof length);
    du_bytes_add(writer->bytes, text, size);
}

static void add_value(struct writer *writer, int index, const struct place *place);

/* The table's tag, and the name of its metatable where it has one. */
static void begin_table(struct writer *writer, int index, const struct place *place) {
    lua_State *L = writer->L;
    if (!lua_getmetatable(L, index)) {
        add_tag(writer, TABLE);
        add_tag(writer, NIL);
        return;
    }
    if (du_lua_json_is_array_metatable(L)) {
        add_tag(writer, ARRAY);
    } else {
        const char *name = du_lua_enum_name(L);
        if (name == NULL)
            refuse(L, place, "a table with a metatable of its own");
        add_tag(writer, TABLE);
        lua_pushstring(L, name);
        add_string(writer, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void add_table(struct writer *writer, int index, const struct place *outer) {
    lua_State *L = writer->L;
    struct place place = {outer, lua_topointer(L, index), 0, outer != NULL ? outer->depth + 1 : 1};
    for (const struct place *at = outer; at != NULL; at = at->outer)
        if (at->table == place.table)
            refuse(L, outer, "a table inside itself");
    if (place.depth > DU_CLONE_DEPTH)
        refuse(L, outer, "a table that is nested more than 100 deep");
    luaL_checkstack(L, 6, NULL);
    begin_table(writer, index, outer);
    lua_pushnil(L);
    place.key = lua_gettop(L);
    while (lua_next(L, index)) {
        add_value(writer, place.key, &place);
        add_value(writer, place.key + 1, &place);
        lua_pop(L, 1);
    }
    add_tag(writer, END);
}

static void add_number(struct writer *writer, int index) {
    if (lua_isinteger(writer->L, index)) {
        int64_t integer = lua_tointeger(writer->L, index);
        add_tag(writer, INTEGER);
        du_bytes_add(writer->bytes, &integer, sizeof integer);
    } else {
        double number = lua_tonumber(writer->L, index);
        add_tag(writer, FLOAT);
        du_bytes_add(writer->bytes, &number, sizeof number);
    }
}

static void add_plain(struct writer *writer, int index, const struct place *place) {
    lua_State *L = writer->L;
    int type = lua_type(L, index);
    if (type == LUA_TNIL)
        add_tag(writer, NIL);
    else if (type == LUA_TBOOLEAN)
        add_tag(writer, lua_toboolean(L, index) ? YES : NO);
    else if (type == LUA_TNUMBER)
        add_number(writer, index);
    else if (type == LUA_TSTRING)
        add_string(writer, index);
    else if (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == NULL)
        add_tag(writer, NULL_VALUE);
    else
        refuse(L, place, lua_pushfstring(L, "a %s", luaL_typename(L, index)));
}

static void add_value(struct writer *writer, int index, const struct place *place) {
    if (lua_istable(writer->L, index))
        add_table(writer, index, place);
    else
        add_plain(writer, index, place);
    if (writer->bytes->failed)
        du_lua_raise(writer->L, du_error_of(DU_MEMORY));
    if (writer->bytes->size > DU_CLONE_BYTES)
        refuse(writer->L, place, "more than 16 MiB");
}

struct du_value *du_clone_new(lua_State *L, int count) {
    int first = lua_gettop(L) - count + 1;
    luaL_checkstack(L, 4, NULL);
    struct writer writer = {L, du_box_bytes(L)};
    for (int i = 0; i < count; i++)
        add_value(&writer, first + i, NULL);
    struct clone *clone = du_malloc(sizeof *clone + writer.bytes->size);
    if (clone == NULL)
        du_lua_raise(L, du_error_of(DU_MEMORY));
    du_value_init(&clone->value, &clone_type);
    clone->count = count;
    clone->size = writer.bytes->size;
    if (clone->size > 0)
        memcpy(clone->bytes, writer.bytes->data, clone->size);
    du_bytes_deinit(writer.bytes);
    lua_settop(L, first + count - 1);
    return &clone->value;
}

static const char *push_value(lua_State *L, const char *at);

static const char *push_string(lua_State *L, const char *at) {
    uint64_t size;
    memcpy(&size, at, sizeof size);
    lua_pushlstring(L, at + sizeof size, size);
    return at + sizeof size + size;
}

static const char *push_pairs(lua_State *L, const char *at) {
    while (*at != END) {
        at = push_value(L, at);
        at = push_value(L, at);
        lua_rawset(L, -3);
    }
    return at + 1;
}

static const char *push_table(lua_State *L, const char *at) {
    luaL_checkstack(L, 6, NULL);
    at = push_value(L, at); /* the metatable's name, or nil */
    lua_newtable(L);
    if (!lua_isnil(L, -2)) {
        du_lua_push_enum(L, lua_tostring(L, -2));
        if (lua_istable(L, -1))
            lua_setmetatable(L, -2);
        else
            lua_pop(L, 1);
    }
    lua_remove(L, -2);
    return push_pairs(L, at);
}

static const char *push_array(lua_State *L, const char *at) {
    luaL_checkstack(L, 6, NULL);
    lua_newtable(L);
    du_lua_json_push_array_metatable(L);
    lua_setmetatable(L, -2);
    return push_pairs(L, at);
}

static const char *push_number(lua_State *L, enum tag tag, const char *at) {
    int64_t integer;
    double number;
    if (tag == INTEGER) {
        memcpy(&integer, at, sizeof integer);
        lua_pushinteger(L, integer);
    } else {
        memcpy(&number, at, sizeof number);
        lua_pushnumber(L, number);
    }
    return at + 8;
}

static const char *push_value(lua_State *L, const char *at) {
    enum tag tag = (enum tag) * at++;
    switch (tag) {
    case NIL:
    case END: /* never begins a value */
        lua_pushnil(L);
        return at;
    case NO:
    case YES:
        lua_pushboolean(L, tag == YES);
        return at;
    case INTEGER:
    case FLOAT:
        return push_number(L, tag, at);
    case STRING:
        return push_string(L, at);
    case NULL_VALUE:
        lua_pushlightuserdata(L, NULL);
        return at;
    case TABLE:
        return push_table(L, at);
    case ARRAY:
        return push_array(L, at);
    }
    return at;
}

int du_clone_push(lua_State *L, const struct du_value *value) {
    if (value == NULL)
        return 0;
    const struct clone *clone = (const struct clone *)(const void *)value;
    const char *at = clone->bytes;
    luaL_checkstack(L, clone->count + 6, NULL);
    for (int i = 0; i < clone->count; i++)
        at = push_value(L, at);
    return clone->count;
}
