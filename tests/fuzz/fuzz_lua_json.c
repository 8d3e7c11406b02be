/* JSON from upstreams, into Lua and back: what decodes also encodes, and that text is a fixed
 * point. */

#include "box.h"
#include "lua_json.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int set_up(lua_State *L) {
    du_box_define_own(L);
    lua_newtable(L);
    du_lua_json_open(L);
    return 0;
}

/* Takes the text at 1; gives it encoded anew, or nothing. */
static int round_trip(lua_State *L) {
    size_t size;
    const char *text = lua_tolstring(L, 1, &size);
    if (du_lua_json_decode(L, text, size) != 1)
        return 0;
    du_lua_json_encode(L, -1);
    return 1;
}

static void call(lua_State *L) {
    lua_pushcfunction(L, round_trip);
    lua_insert(L, -2);
    int status = lua_pcall(L, 1, 1, 0);
    assert(status == LUA_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lua_State *L = luaL_newstate();
    lua_pushcfunction(L, set_up);
    lua_call(L, 0, 0);
    lua_pushlstring(L, (const char *)data, size);
    call(L);
    if (!lua_isnil(L, -1)) {
        lua_pushvalue(L, -1);
        call(L);
        assert(lua_rawequal(L, -1, -2));
    }
    lua_close(L);
    return 0;
}
