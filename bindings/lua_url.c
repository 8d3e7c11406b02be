#include "address.h"
#include "box.h"
#include "bytes.h"
#include "lua_errors.h"
#include "module.h"
#include "url.h"

static int url_decode(lua_State *L) {
    struct du_slice text;
    text.data = luaL_checklstring(L, 1, &text.size);
    bool segment = lua_toboolean(L, 2);
    struct du_bytes *decoded = du_box_bytes(L);
    if (du_url_decode(text, segment, decoded))
        du_box_bytes_push(L, decoded);
    else
        lua_pushnil(L);
    return 1;
}

static int url_encode(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    struct du_bytes *encoded = du_box_bytes(L);
    du_url_encode(encoded, text, size);
    du_box_bytes_push(L, encoded);
    return 1;
}

static void set(lua_State *L, const char *key, const char *text) {
    if (text == NULL)
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

/* A parsed URL, closed by the collector, as making the table may raise. */
static int close_url(lua_State *L);
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const struct du_box_type url_type = {"dunite.url", no_methods, close_url};

static int close_url(lua_State *L) {
    du_url_deinit(du_box_check(L, 1, &url_type));
    return 0;
}

static int url_parse(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    struct du_error error;
    struct du_url *url = du_box_new(L, &url_type, sizeof *url);
    if (du_url_parse(text, url, &error) != DU_OK) {
        lua_pushnil(L);
        lua_pushstring(L, error.message);
        return 2;
    }
    lua_createtable(L, 0, 5);
    set(L, "scheme", url->scheme);
    set(L, "host", url->host);
    set(L, "port", url->port);
    set(L, "path", url->path);
    set(L, "query", url->query);
    du_url_deinit(url);
    return 1;
}

/* cidr_has(ranges, address) */
static int cidr_has(lua_State *L) {
    size_t size;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *text = luaL_checklstring(L, 2, &size);
    struct du_address address;
    bool is_address = du_address_parse(text, size, &address), has = false;
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 1); i++) {
        struct du_cidr range;
        struct du_error error;
        lua_rawgeti(L, 1, i);
        if (du_cidr_parse(luaL_checkstring(L, -1), &range, &error) != DU_OK)
            return luaL_error(L, "%s", error.message);
        has |= is_address && du_cidr_has(&range, &address);
        lua_pop(L, 1);
    }
    lua_pushboolean(L, has);
    return 1;
}

void du_lua_url_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"url_decode", url_decode},
                                         {"url_encode", url_encode},
                                         {"url_parse", url_parse},
                                         {"cidr_has", cidr_has},
                                         {NULL, NULL}};
    du_box_define(L, &url_type);
    luaL_setfuncs(L, functions, 0);
}
