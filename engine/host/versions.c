#include "versions.h"

#include "generation.h"

#include <lauxlib.h>

struct visit {
    void (*each)(void *user, const char *name, const char *version);
    void *user;
};

static int list(lua_State *L) {
    struct visit *visit = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "dunite.native");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "versions");
    lua_call(L, 0, 1);
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
        visit->each(visit->user, lua_tostring(L, -2), lua_tostring(L, -1));
    return 0;
}

void du_versions_each(void (*each)(void *user, const char *name, const char *version), void *user) {
    struct visit visit = {each, user};
    struct du_base base = {0};
    struct du_context context = {.base = &base, .folder = "."};
    struct du_generation generation;
    du_clock_init(&base.clock);
    if (du_generation_open(&generation, &context, NULL, 0, NULL) == DU_OK) {
        lua_pushcfunction(generation.state, list);
        lua_pushlightuserdata(generation.state, &visit);
        lua_pcall(generation.state, 1, 0, 0);
    }
    du_generation_close(&generation);
}
