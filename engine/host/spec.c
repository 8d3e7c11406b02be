#include "spec.h"

#include "bindings.h"
#include "coroutine.h"
#include "engine.h"
#include "loader.h"
#include "lua_memory.h"
#include "mem.h"
#include "scratch.h"
#include "spec_native.h"
#include "versions.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

enum { CALL_THREADS = 16, SPEC_MEMORY = 1 << 30 /* bytes */ };

/* The spec's own engine: it declares what specs of the bindings use. */
static const char deployment[] =
    "local dunite = require 'dunite'\n"
    "return dunite.deployment {\n"
    "  limits = { first = { concurrency = 2, daily_cap = 3 }, second = {} },\n"
    "  flights = { 'first', 'second' },\n"
    "  routes = function() end,\n"
    "}\n";

/* Lua's own require stays busted's; the engine's modules come before what is on the disk under the
 * same names. */
static const char prelude[] =
    "local own, stock, folder = ...\n"
    "table.insert(package.searchers, 2, function(name)\n"
    "  if name ~= 'dunite' and name:sub(1, 7) ~= 'dunite.' then return nil end\n"
    "  return function() return own(name) end\n"
    "end)\n"
    "package.path = folder .. '/?.lua;' .. folder .. '/?/init.lua;' .. package.path\n"
    "require = stock\n";

struct spec {
    const struct du_spec_options *options;
    char folder[DU_SCRATCH_ROOM];
    struct du_engine *engine;
    uv_loop_t loop;
    struct du_mailbox mailbox;
    struct du_timers timers;
    struct du_client *client;
    struct du_lane *calls;
    struct du_context context;
    struct du_loader loader;
    struct du_lua_memory memory;
    struct du_sources *sources;
    lua_State *state;
    int code;
    bool done;
};

static int set_up(lua_State *L) {
    struct spec *spec = lua_touserdata(L, 1);
    luaL_openlibs(L);
    luaL_requiref(L, LUA_COLIBNAME, du_coroutine_open, 1);
    lua_getglobal(L, "require");
    du_loader_open(L, &spec->loader);
    du_bindings_open(L, &spec->context);
    if (luaL_loadstring(L, prelude) != LUA_OK)
        return lua_error(L);
    lua_getglobal(L, "require");
    lua_pushvalue(L, 3);
    lua_pushstring(L, spec->options->folder);
    lua_call(L, 3, 0);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "dunite.native");
    lua_call(L, 1, 1);
    du_spec_native_push(L, spec->calls, spec->options->scripts);
    lua_setfield(L, -2, "spec");
    return 0;
}

static enum du_error_kind open_state(struct spec *spec, struct du_error *error) {
    spec->context = (struct du_context){
        .base = du_engine_base(spec->engine),
        .shared = du_engine_shared(spec->engine),
        .loop = &spec->loop,
        .mailbox = &spec->mailbox,
        .timers = &spec->timers,
        .client = spec->client,
        .folder = spec->options->folder,
        .versions = du_versions_each,
        .generation = 1,
        .loader = &spec->loader,
    };
    spec->sources = du_sources_new();
    if (spec->sources == NULL)
        return du_error_set(error, DU_MEMORY, "making a Lua state");
    spec->loader = (struct du_loader){.sources = spec->sources,
                                      .deployment = spec->options->folder,
                                      .main = "dunite",
                                      .scripts = spec->options->scripts,
                                      .embedded = du_embedded_scripts,
                                      .embedded_count = du_embedded_script_count};
    du_lua_memory_init(&spec->memory, SPEC_MEMORY);
    lua_State *L = spec->state = lua_newstate(du_lua_memory_allocate, &spec->memory);
    if (L == NULL)
        return du_error_set(error, DU_MEMORY, "making a Lua state");
    if (du_tasks_new(&spec->context.tasks, L) != DU_OK)
        return du_error_set(error, DU_MEMORY, "making a Lua state");
    lua_pushcfunction(L, set_up);
    lua_pushlightuserdata(L, spec);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return DU_OK;
    du_error_set(error, DU_SCRIPT, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
    return DU_SCRIPT;
}

static enum du_error_kind open_loop(struct spec *spec, struct du_error *error) {
    struct du_base *base = du_engine_base(spec->engine);
    if (uv_loop_init(&spec->loop) != 0 || du_mailbox_init(&spec->mailbox, &spec->loop) != 0 ||
        du_timers_init(&spec->timers, &spec->loop, &base->clock) != 0 ||
        du_client_new(&spec->client, &spec->loop, &spec->timers, &spec->mailbox, base) != DU_OK ||
        du_lane_new(&spec->calls, "calls", CALL_THREADS, 0) != DU_OK)
        return du_error_set(error, DU_MEMORY, "making a loop");
    du_mailbox_expect(&spec->mailbox, 1);
    return DU_OK;
}

static enum du_error_kind start_engine(struct spec *spec, struct du_error *error) {
    enum du_error_kind kind = du_scratch_make(spec->folder, error);
    if (kind == DU_OK)
        kind =
            du_scratch_write(spec->folder, "dunite.lua", deployment, sizeof deployment - 1, error);
    struct du_engine_options options = {.folder = spec->folder, .offline = true, .quiet = true};
    struct du_findings findings = {0};
    if (kind == DU_OK)
        kind = du_engine_start(&spec->engine, &options, &findings, error);
    if (kind != DU_OK && findings.count > 0)
        du_error_set(error, kind, "%s", findings.list[0]);
    du_findings_free(&findings);
    return kind;
}

/* The task: require "dunite.spec_runner".run(root, words). */

static void ended(void *user, const struct du_task_result *result) {
    struct spec *spec = user;
    spec->done = true;
    spec->code = 1;
    if (result->end == DU_TASK_RETURNED)
        spec->code = (int)lua_tointeger(result->thread, -1);
    else
        fprintf(stderr, "dunite spec: %s\n%s\n", result->error.message,
                result->traceback == NULL ? "" : result->traceback);
}

/* DIR/spec where there is one, else DIR. */
static void push_root(lua_State *L, const char *folder) {
    lua_pushfstring(L, "%s/spec", folder);
    if (!du_scratch_is_folder(lua_tostring(L, -1))) {
        lua_pop(L, 1);
        lua_pushstring(L, folder);
    }
}

static int find_run(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "dunite.spec_runner");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "run");
    return 1;
}

static enum du_error_kind start_task(struct spec *spec, struct du_error *error) {
    lua_State *L = spec->state;
    struct du_task_options options = {
        .phase = DU_PHASE_SPEC, .ended = ended, .user = spec, .label = "spec"};
    lua_pushcfunction(L, find_run);
    if (lua_pcall(L, 0, 1, 0) != LUA_OK) {
        du_error_set(error, DU_SCRIPT, "%s", lua_tostring(L, -1));
        return DU_SCRIPT;
    }
    push_root(L, spec->options->folder);
    lua_createtable(L, (int)spec->options->word_count, 0);
    for (size_t i = 0; i < spec->options->word_count; i++) {
        lua_pushstring(L, spec->options->words[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    enum du_error_kind kind = du_task_start(spec->context.tasks, L, 2, &options, NULL);
    return kind == DU_OK ? DU_OK : du_error_set(error, kind, "starting the specs");
}

static void client_closed(void *user) {
    *(bool *)user = true;
}

/* In the order of host/worker: client, engine's debts, state, loop. */
static void close_all(struct spec *spec) {
    bool quiet = spec->client == NULL;
    if (!quiet) {
        if (spec->context.tasks != NULL)
            du_tasks_cancel_all(spec->context.tasks);
        if (spec->context.bindings != NULL)
            du_bindings_stop(&spec->context);
        du_client_close(&spec->client, client_closed, &quiet);
        while (!quiet)
            uv_run(&spec->loop, UV_RUN_ONCE);
        if (spec->calls != NULL)
            du_lane_free(&spec->calls);
        du_engine_settle(spec->engine);
        du_mailbox_drain(&spec->mailbox);
        if (spec->context.tasks != NULL)
            du_tasks_free(&spec->context.tasks);
        if (spec->state != NULL)
            lua_close(spec->state);
        du_bindings_close(&spec->context);
        du_sources_unref(&spec->sources);
        du_timers_close(&spec->timers, NULL);
        du_mailbox_close(&spec->mailbox, NULL);
        uv_run(&spec->loop, UV_RUN_DEFAULT);
        uv_loop_close(&spec->loop);
    }
    if (spec->engine != NULL)
        du_engine_stop(&spec->engine);
    du_scratch_remove(spec->folder);
}

int du_spec_run(const struct du_spec_options *options, struct du_error *error) {
    struct spec spec = {.options = options, .code = 1};
    enum du_error_kind kind = start_engine(&spec, error);
    if (kind == DU_OK)
        kind = open_loop(&spec, error);
    if (kind == DU_OK)
        kind = open_state(&spec, error);
    if (kind == DU_OK)
        kind = start_task(&spec, error);
    while (kind == DU_OK && !spec.done)
        uv_run(&spec.loop, UV_RUN_ONCE);
    close_all(&spec);
    return spec.code;
}
