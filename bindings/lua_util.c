#include "bytes.h"
#include "digest.h"
#include "lua_errors.h"
#include "module.h"
#include "random.h"

#include <errno.h>
#include <string.h>

/* Small functions over bytes, and what kind of task this is. */

static int phase(lua_State *L) {
    switch (du_task_phase(L)) {
    case DU_PHASE_LOAD:
        lua_pushliteral(L, "load");
        break;
    case DU_PHASE_REQUEST:
        lua_pushliteral(L, "request");
        break;
    case DU_PHASE_FLIGHT:
        lua_pushliteral(L, "flight");
        break;
    case DU_PHASE_TIMER:
        lua_pushliteral(L, "timer");
        break;
    case DU_PHASE_SPEC:
        lua_pushliteral(L, "spec");
        break;
    }
    return 1;
}

/* From 0. */
static int worker(lua_State *L) {
    lua_pushinteger(L, du_context_of(L)->worker);
    return 1;
}

/* where(f): "file:line" */
static int where(lua_State *L) {
    lua_Debug debug;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_getinfo(L, ">S", &debug);
    lua_pushfstring(L, "%s:%d", debug.short_src, debug.linedefined);
    return 1;
}

static int sha256(lua_State *L) {
    size_t size;
    const char *bytes = luaL_checklstring(L, 1, &size);
    struct du_digest digest;
    char text[DU_DIGEST_TEXT];
    if (du_digest_of(bytes, size, &digest) != DU_OK)
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    lua_pushstring(L, du_digest_format(&digest, text));
    return 1;
}

static int base64_decode(lua_State *L) {
    size_t size, decoded;
    const char *text = luaL_checklstring(L, 1, &size);
    luaL_Buffer buffer;
    unsigned char *out = (unsigned char *)luaL_buffinitsize(L, &buffer, size * 3 / 4 + 3);
    if (!du_bytes_unbase64(text, size, out, &decoded)) {
        lua_pushnil(L);
        return 1;
    }
    luaL_pushresultsize(&buffer, decoded);
    return 1;
}

static int base64url(lua_State *L) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t size, n = 0;
    const unsigned char *bytes = (const unsigned char *)luaL_checklstring(L, 1, &size);
    luaL_Buffer buffer;
    char *out = luaL_buffinitsize(L, &buffer, size * 4 / 3 + 4);
    for (size_t at = 0; at < size; at += 3) {
        size_t left = size - at;
        unsigned group = (unsigned)bytes[at] << 16 | (left > 1 ? (unsigned)bytes[at + 1] << 8 : 0) |
                         (left > 2 ? bytes[at + 2] : 0);
        for (size_t i = 0; i < 4 && i <= left; i++)
            out[n++] = letters[group >> (18 - 6 * i) & 63];
    }
    luaL_pushresultsize(&buffer, n);
    return 1;
}

/* random(n) */
static int random_hex(lua_State *L) {
    char text[2 * DU_RANDOM_MOST + 1];
    lua_Integer count = luaL_checkinteger(L, 1);
    luaL_argcheck(L, count >= 1 && count <= DU_RANDOM_MOST, 1, "1 to 256 bytes");
    if (!du_random_hex(text, (size_t)count))
        return luaL_error(L, "the system gives no random bytes: %s", strerror(errno));
    lua_pushstring(L, text);
    return 1;
}

/* equal(a, b): the time depends on the lengths only. */
static int equal(lua_State *L) {
    size_t size, other;
    const volatile unsigned char *a =
        (const volatile unsigned char *)luaL_checklstring(L, 1, &size);
    const volatile unsigned char *b =
        (const volatile unsigned char *)luaL_checklstring(L, 2, &other);
    unsigned char difference = size != other;
    for (size_t i = 0; i < size && i < other; i++)
        difference |= a[i] ^ b[i];
    lua_pushboolean(L, difference == 0);
    return 1;
}

void du_lua_util_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"phase", phase},
                                         {"worker", worker},
                                         {"where", where},
                                         {"sha256", sha256},
                                         {"base64_decode", base64_decode},
                                         {"base64url", base64url},
                                         {"random", random_hex},
                                         {"equal", equal},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
