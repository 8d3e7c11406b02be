#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "module.h"

#include <string.h>

/* The metrics' text, a script's own counters, health, versions. */

static int metrics(lua_State *L) {
    struct du_shared *shared = du_module_shared(L);
    struct du_bytes *text = du_box_bytes(L);
    du_metrics_write(shared->metrics, text);
    du_box_bytes_push(L, text);
    return 1;
}

/* count(name) */
static int count(lua_State *L) {
    DU_EXPLAINED(L, "count");
    char family[96];
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    bool fine =
        size > 0 && size <= 60 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == size;
    luaL_argcheck(L, fine, 1, "a counter's name is up to 60 of a-z, 0-9 and _");
    snprintf(family, sizeof family, "dunite_script_%s_total", name);
    du_series_add(du_metrics_series(du_module_shared(L)->metrics, family, DU_METRIC_COUNTER,
                                    "Counted by a script.", ""),
                  1);
    return 0;
}

static void set_flag(lua_State *L, const char *key, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, key);
}

static int health(lua_State *L) {
    struct du_shared *shared = du_module_shared(L);
    bool ready = false, degraded = false, draining = false;
    const char *reason = NULL;
    shared->health(shared, &ready, &degraded, &draining, &reason);
    lua_createtable(L, 0, 4);
    set_flag(L, "ready", ready);
    set_flag(L, "degraded", degraded);
    set_flag(L, "draining", draining);
    if (reason != NULL) {
        lua_pushstring(L, reason);
        lua_setfield(L, -2, "reason");
    }
    return 1;
}

static void set_version(void *user, const char *name, const char *version) {
    lua_State *L = user;
    lua_pushstring(L, version);
    lua_setfield(L, -2, name);
}

static int versions(lua_State *L) {
    const struct du_context *context = du_context_of(L);
    lua_newtable(L);
    if (context->versions != NULL)
        context->versions(set_version, L);
    return 1;
}

void du_lua_metrics_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"metrics", metrics},
                                         {"count", count},
                                         {"health", health},
                                         {"versions", versions},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
