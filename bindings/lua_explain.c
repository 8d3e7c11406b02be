#include "explain.h"

#include "module.h"
#include "options.h"
#include "range.h"

#include <string.h>

static struct du_request *explaining(lua_State *L) {
    struct du_request *request = du_request_of(L);
    return request != NULL && request->explainer > 0 ? request : NULL;
}

bool du_explains(lua_State *L) {
    return explaining(L) != NULL;
}

int64_t du_explain_wall_ms(lua_State *L) {
    struct du_request *request = du_request_of(L);
    if (request != NULL && request->explained_ms != 0)
        return request->explained_ms;
    return du_clock_wall_ms(&du_context_of(L)->base->clock);
}

int du_explain(lua_State *L, const char *operation) {
    struct du_request *request = explaining(L);
    if (request == NULL)
        return -1;
    int count = lua_gettop(L), explainer = request->explainer;
    luaL_checkstack(L, count + 4, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, explainer);
    lua_pushstring(L, operation);
    for (int i = 1; i <= count; i++)
        lua_pushvalue(L, i);
    request->explainer = 0;
    int status = lua_pcall(L, count + 1, LUA_MULTRET, 0);
    request->explainer = explainer;
    if (status != LUA_OK)
        return lua_error(L);
    if (lua_toboolean(L, count + 1))
        return lua_gettop(L) - count - 1;
    lua_settop(L, count);
    return -1;
}

/* explain(explainer, at) */
static int explain(lua_State *L) {
    struct du_request *request = du_request_of(L);
    lua_settop(L, 2);
    if (request == NULL)
        return luaL_error(L, "explain: no request runs");
    if (request->explainer > 0)
        luaL_unref(L, LUA_REGISTRYINDEX, request->explainer);
    request->explainer = 0;
    request->explained_ms = 0;
    if (lua_isnil(L, 1))
        return 0;
    luaL_checktype(L, 1, LUA_TFUNCTION);
    request->explained_ms = luaL_optinteger(L, 2, 0);
    lua_settop(L, 1);
    request->explainer = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* explains(): does this request only explain? */
static int explains(lua_State *L) {
    lua_pushboolean(L, du_explains(L));
    return 1;
}

static void read_header(lua_State *L, const char *name, struct du_slice *value) {
    value->data =
        lua_getfield(L, 2, name) == LUA_TSTRING ? lua_tolstring(L, -1, &value->size) : NULL;
    lua_pop(L, 1); /* the table keeps it alive */
}

/* decide(thing, headers): the status that conditions and ranges make of a 200. */
static int decide(lua_State *L) {
    static const char *const keys[] = {"method", "size", "etag", "modified", "ranges", NULL};
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_insert(L, 1);
    du_options_check(L, 2, keys);
    lua_insert(L, 1);
    struct du_range_thing thing = {.length = du_options_integer(L, 1, "size", -1),
                                   .etag = du_options_text(L, 1, "etag", NULL, NULL),
                                   .modified_ms = du_options_integer(L, 1, "modified", -1)};
    struct du_range_request wanted = {.get = strcmp(du_options_need(L, 1, "method"), "GET") == 0 &&
                                             du_options_flag(L, 1, "ranges", true)};
    int64_t first, length;
    read_header(L, "if-match", &wanted.if_match);
    read_header(L, "if-none-match", &wanted.if_none_match);
    read_header(L, "if-modified-since", &wanted.if_modified_since);
    read_header(L, "if-unmodified-since", &wanted.if_unmodified_since);
    read_header(L, "range", &wanted.range);
    read_header(L, "if-range", &wanted.if_range);
    static const int statuses[] = {[DU_RANGE_WHOLE] = 200,
                                   [DU_RANGE_PART] = 206,
                                   [DU_RANGE_NOT_MODIFIED] = 304,
                                   [DU_RANGE_UNSATISFIABLE] = 416,
                                   [DU_RANGE_FAILED] = 412};
    lua_pushinteger(L, statuses[du_range_decide(&wanted, &thing, &first, &length)]);
    return 1;
}

void du_lua_explain_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"explain", explain}, {"explains", explains}, {"decide", decide}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
