#include "lua_json.h"

#include "box.h"
#include "bytes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    lua_State *L;
    struct du_bytes *text;
    int depth;
};

static void write_value(struct writer *writer, int index);

static void write_string(struct writer *writer, int index) {
    size_t size;
    const char *text = lua_tolstring(writer->L, index, &size);
    for (size_t at = 0, step; at < size; at += step) {
        step = du_lua_json_utf8((const unsigned char *)text + at, size - at);
        if (step == 0)
            luaL_error(writer->L, "JSON is UTF-8; this string is not, at byte %d", (int)at + 1);
    }
    du_bytes_json(writer->text, text, size);
}

/* The shortest text that reads back as the same double. */
static void write_float(struct writer *writer, double number) {
    char text[40];
    if (!isfinite(number))
        luaL_error(writer->L, "JSON has no infinities and no NaN");
    if (number == floor(number) && fabs(number) <= 0x1p53) {
        du_bytes_format(writer->text, "%.0f", number == 0 ? 0.0 : number);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, number);
        if (strtod(text, NULL) == number)
            break;
    }
    du_bytes_text(writer->text, text);
}

static void write_number(struct writer *writer, int index) {
    if (lua_isinteger(writer->L, index))
        du_bytes_format(writer->text, "%lld", (long long)lua_tointeger(writer->L, index));
    else
        write_float(writer, lua_tonumber(writer->L, index));
}

static void write_array(struct writer *writer, int index) {
    lua_Integer count = (lua_Integer)lua_rawlen(writer->L, index);
    du_bytes_text(writer->text, "[");
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1)
            du_bytes_text(writer->text, ",");
        lua_rawgeti(writer->L, index, i);
        write_value(writer, lua_gettop(writer->L));
        lua_pop(writer->L, 1);
    }
    du_bytes_text(writer->text, "]");
}

static int compare(const void *a, const void *b) {
    const struct du_slice *left = a, *right = b;
    size_t size = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->data, right->data, size);
    if (order != 0)
        return order;
    return left->size < right->size ? -1 : left->size > right->size;
}

/* Pushes a block with the table's keys, sorted. The table anchors their text. */
static const struct du_slice *sorted_keys(struct writer *writer, int index, size_t count) {
    lua_State *L = writer->L;
    struct du_slice *keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    size_t n = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "a JSON object has strings as keys, not a %s", luaL_typename(L, -2));
        keys[n].data = lua_tolstring(L, -2, &keys[n].size);
        n++;
        lua_pop(L, 1);
    }
    qsort(keys, n, sizeof *keys, compare);
    return keys;
}

static void write_object(struct writer *writer, int index, size_t count) {
    lua_State *L = writer->L;
    const struct du_slice *keys = sorted_keys(writer, index, count);
    du_bytes_text(writer->text, "{");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            du_bytes_text(writer->text, ",");
        lua_pushlstring(L, keys[i].data, keys[i].size);
        write_string(writer, lua_gettop(L));
        du_bytes_text(writer->text, ":");
        lua_rawget(L, index);
        write_value(writer, lua_gettop(L));
        lua_pop(L, 1);
    }
    du_bytes_text(writer->text, "}");
    lua_pop(L, 1);
}

static size_t count_of(lua_State *L, int index) {
    size_t count = 0;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        count++;
        lua_pop(L, 1);
    }
    return count;
}

static bool has_array_metatable(lua_State *L, int index) {
    if (!lua_getmetatable(L, index))
        return false;
    bool is = du_lua_json_is_array_metatable(L);
    lua_pop(L, 1);
    return is;
}

static void write_table(struct writer *writer, int index) {
    lua_State *L = writer->L;
    luaL_checkstack(L, 8, NULL);
    if (++writer->depth > DU_LUA_JSON_DEPTH)
        luaL_error(L, "JSON more than 64 deep, or a table inside itself");
    size_t count = count_of(L, index);
    bool is_list = count > 0 && count == lua_rawlen(L, index);
    if (is_list || has_array_metatable(L, index))
        write_array(writer, index);
    else
        write_object(writer, index, count);
    writer->depth--;
}

static void write_value(struct writer *writer, int index) {
    lua_State *L = writer->L;
    int type = lua_type(L, index);
    bool is_null = type == LUA_TNIL /* a hole in a list */ ||
                   (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, index) == NULL);
    if (type == LUA_TSTRING)
        write_string(writer, index);
    else if (type == LUA_TNUMBER)
        write_number(writer, index);
    else if (type == LUA_TBOOLEAN)
        du_bytes_text(writer->text, lua_toboolean(L, index) ? "true" : "false");
    else if (type == LUA_TTABLE)
        write_table(writer, index);
    else if (is_null)
        du_bytes_text(writer->text, "null");
    else
        luaL_error(L, "JSON has no %s", luaL_typename(L, index));
}

void du_lua_json_encode(lua_State *L, int index) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 8, NULL);
    struct writer writer = {L, du_box_bytes(L), 0};
    write_value(&writer, index);
    du_box_bytes_push(L, writer.text);
    lua_remove(L, -2);
}
