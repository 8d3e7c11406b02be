#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "wait.h"

#include <string.h>

/* A new generation of scripts, and those that serve. */

struct reloading {
    struct du_wait wait;
    struct du_reload_request request;
    bool ok;
    uint64_t generation;
    char *text; /* NULL: no memory for it */
};

/* ok, the generation that serves now, the lines */
static int push_outcome(lua_State *L, struct du_wait *wait) {
    const struct reloading *reloading = (struct reloading *)wait;
    lua_pushboolean(L, reloading->ok);
    lua_pushinteger(L, (lua_Integer)reloading->generation);
    lua_pushstring(L, reloading->text != NULL ? reloading->text : "(no memory to say more)");
    return 3;
}

/* It goes on for others, and for itself. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_text(struct du_wait *wait) {
    du_free(((struct reloading *)wait)->text);
}

static const struct du_wait_type reload_type = {sizeof(struct reloading), push_outcome,
                                                cannot_withdraw, drop_text};

static void done(struct du_reload_request *request, const struct du_reload_outcome *outcome) {
    struct reloading *reloading = du_container_of(request, struct reloading, request);
    reloading->ok = outcome->ok;
    reloading->generation = outcome->generation;
    reloading->text = du_strdup(outcome->text);
    du_wait_post(&reloading->wait);
}

/* reload() */
static int reload(lua_State *L) {
    struct du_shared *shared = du_module_shared(L);
    DU_EXPLAINED(L, "reload");
    if (shared->reload == NULL)
        return luaL_error(L, "nothing can be reloaded here");
    struct reloading *reloading = du_wait_new(L, &reload_type);
    reloading->request.done = done;
    shared->reload(shared, &reloading->request);
    return du_wait_park(L, &reloading->wait);
}

static void add_seen(void *user, const struct du_generation_seen *seen) {
    struct du_bytes *text = user;
    du_bytes_add(text, (const char *)seen, sizeof *seen);
    du_bytes_add(text, seen->held_by, strlen(seen->held_by) + 1);
}

static void push_seen(lua_State *L, const struct du_generation_seen *seen, const char *held_by) {
    int64_t age_ms = du_clock_mono_ms(&du_context_of(L)->base->clock) - seen->since_ms;
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, (lua_Integer)seen->generation);
    lua_setfield(L, -2, "generation");
    lua_pushinteger(L, seen->worker);
    lua_setfield(L, -2, "worker");
    lua_pushboolean(L, seen->current);
    lua_setfield(L, -2, "current");
    lua_pushinteger(L, age_ms / 1000);
    lua_setfield(L, -2, "secs");
    lua_pushinteger(L, (lua_Integer)seen->requests);
    lua_setfield(L, -2, "requests");
    lua_pushstring(L, held_by);
    lua_setfield(L, -2, "held_by");
}

/* generations(): what add_seen gathered under the engine's lock, where nothing may raise. */
static int generations(lua_State *L) {
    struct du_shared *shared = du_module_shared(L);
    struct du_bytes *text = du_box_bytes(L);
    lua_newtable(L);
    if (shared->generations == NULL)
        return 1;
    shared->generations(shared, add_seen, text);
    if (text->failed)
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    lua_Integer number = 0;
    for (size_t at = 0; at < text->size;) {
        struct du_generation_seen seen;
        memcpy(&seen, text->data + at, sizeof seen);
        const char *held_by = text->data + at + sizeof seen;
        push_seen(L, &seen, held_by);
        lua_rawseti(L, -2, ++number);
        at += sizeof seen + strlen(held_by) + 1;
    }
    return 1;
}

void du_lua_reload_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"reload", reload}, {"generations", generations}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
