#include "lua_json.h"

static const char array_key;

void du_lua_json_push_array_metatable(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
}

bool du_lua_json_is_array_metatable(lua_State *L) {
    du_lua_json_push_array_metatable(L);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 1);
    return is;
}

static int encode(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    du_lua_json_encode(L, 1);
    return 1;
}

static int decode(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    return du_lua_json_decode(L, text, size);
}

void du_lua_json_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"encode", encode}, {"decode", decode}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
    lua_setfield(L, -2, "array");
    lua_setfield(L, -2, "json");
}

static bool follows(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

size_t du_lua_json_utf8(const unsigned char *text, size_t size) {
    if (size == 0)
        return 0;
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || size < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (!follows(text[i]))
            return 0;
    bool overlong = (first == 0xE0 && text[1] < 0xA0) || (first == 0xF0 && text[1] < 0x90);
    bool surrogate = first == 0xED && text[1] > 0x9F;
    bool beyond = first == 0xF4 && text[1] > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}
