#include "generation.h"

#include "bindings.h"
#include "findings.h"

#include <lauxlib.h>
#include <string.h>

enum { LOAD_INSTRUCTIONS = 200000000 };

static void print_line(void *user, lua_State *L, const char *line, size_t size) {
    struct du_generation *generation = user;
    (void)L;
    struct du_log_field field = {.key = "text", .type = DU_LOG_STRING, .as.string = line};
    (void)size;
    du_log_write(generation->context->base->log, DU_LOG_INFO, NULL, "print", &field, 1);
}

/* Protected: any of these may run out of memory. */
static int set_up(lua_State *L) {
    struct du_generation *generation = lua_touserdata(L, 1);
    du_environment_open(L, &generation->environment);
    du_loader_open(L, &generation->loader);
    du_bindings_open(L, generation->context);
    const struct du_host_module *module = generation->context->modules;
    for (; module != NULL && module->name != NULL; module++)
        du_loader_preload(L, module->name, module->open);
    return 0;
}

enum du_error_kind du_generation_open(struct du_generation *generation, struct du_context *context,
                                      const char *scripts, size_t memory, struct du_error *error) {
    memset(generation, 0, sizeof *generation);
    generation->context = context;
    generation->loaded = generation->dispatch = LUA_NOREF;
    generation->environment = (struct du_environment){.print = print_line, .user = generation};
    generation->loader = (struct du_loader){.deployment = context->folder,
                                            .bundle = context->bundle,
                                            .main = "dunite",
                                            .scripts = scripts,
                                            .sources = context->sources,
                                            .embedded = du_embedded_scripts,
                                            .embedded_count = du_embedded_script_count};
    context->loader = &generation->loader;
    du_lua_memory_init(&generation->memory, memory);
    lua_State *L = lua_newstate(du_lua_memory_allocate, &generation->memory);
    if (L == NULL)
        return du_error_set(error, DU_MEMORY, "making a Lua state");
    generation->state = L;
    enum du_error_kind kind = du_tasks_new(&context->tasks, L);
    if (kind != DU_OK)
        return du_error_set(error, kind, "making a Lua state");
    lua_pushcfunction(L, set_up);
    lua_pushlightuserdata(L, generation);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK)
        return DU_OK;
    kind = du_error_set(error, DU_SCRIPT, "setting up a Lua state: %s", lua_tostring(L, -1));
    lua_pop(L, 1);
    return kind;
}

void du_generation_close_state(struct du_generation *generation) {
    if (generation->state == NULL)
        return;
    if (generation->context->tasks != NULL)
        du_tasks_free(&generation->context->tasks);
    lua_close(generation->state);
    generation->state = generation->context->state = NULL;
}

void du_generation_close(struct du_generation *generation) {
    if (generation->context == NULL)
        return;
    du_generation_close_state(generation);
    du_bindings_close(generation->context);
}

/* Loading: a task that calls boot.load(overrides). */

struct loading {
    struct du_generation *generation;
    struct du_findings *findings;
    struct du_error error;
};

static void keep(struct du_generation *generation, lua_State *L, int at) {
    lua_getfield(L, at, "dispatch");
    generation->dispatch = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushvalue(L, at);
    generation->loaded = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Adds each text of the list in that field of the table at `at`; gives how many there are. */
static size_t gather(lua_State *L, int at, const char *field, struct du_findings *findings,
                     void (*add)(struct du_findings *findings, const char *text)) {
    lua_getfield(L, at, field);
    size_t count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        add(findings, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static void loaded(void *user, const struct du_task_result *result) {
    struct loading *loading = user;
    loading->error = result->error;
    if (result->end != DU_TASK_RETURNED) {
        du_findings_add(loading->findings, result->error.message);
        return;
    }
    int at = lua_absindex(result->thread, -1);
    if (gather(result->thread, at, "findings", loading->findings, du_findings_add) > 0)
        loading->error = du_error_of(DU_SCRIPT);
    gather(result->thread, at, "warnings", loading->findings, du_findings_warn);
    keep(loading->generation, result->thread, at);
}

/* Gives boot.load itself. */
static int find_boot(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "dunite.boot");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "load");
    return 1;
}

/* The task's function: require "dunite.boot".load(...). */
static int load_all(lua_State *L) {
    lua_pushcfunction(L, find_boot);
    lua_call(L, 0, 1);
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

enum du_error_kind du_generation_load(struct du_generation *generation, const char *overrides,
                                      struct du_findings *findings, struct du_error *error) {
    lua_State *L = generation->state;
    struct loading loading = {.generation = generation, .findings = findings};
    struct du_task_options options = {.phase = DU_PHASE_LOAD,
                                      .budget = {.instructions = LOAD_INSTRUCTIONS},
                                      .ended = loaded,
                                      .user = &loading,
                                      .label = "load"};
    struct du_task *task = NULL;
    lua_pushcfunction(L, load_all);
    if (overrides != NULL)
        lua_pushstring(L, overrides);
    else
        lua_pushnil(L);
    lua_pushstring(L, generation->checks);
    enum du_error_kind kind = du_task_start(generation->context->tasks, L, 2, &options, &task);
    if (kind != DU_OK)
        return du_error_set(error, kind, "loading the scripts");
    if (task != NULL) {
        du_task_cancel(task);
        return du_error_set(error, DU_SCRIPT, "a script waits while it loads");
    }
    if (loading.error.kind != DU_OK && error != NULL)
        *error = loading.error;
    return loading.error.kind == DU_OK ? DU_OK : DU_SCRIPT;
}

enum du_error_kind du_generation_config(struct du_generation *generation, struct du_config *config,
                                        struct du_error *error) {
    lua_State *L = generation->state;
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->loaded);
    enum du_error_kind kind = du_config_read(L, lua_gettop(L), config, error);
    lua_pop(L, 1);
    return kind;
}

static const char *field(lua_State *L, const char *key) {
    lua_getfield(L, -1, key);
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1); /* the route keeps it alive */
    return text;
}

void du_generation_routes(struct du_generation *generation, du_generation_route *each, void *user) {
    lua_State *L = generation->state;
    lua_rawgeti(L, LUA_REGISTRYINDEX, generation->loaded);
    lua_getfield(L, -1, "routes");
    size_t count = lua_rawlen(L, -1);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i);
        each(user, field(L, "method"), field(L, "pattern"), field(L, "where"), field(L, "name"));
        lua_pop(L, 1);
    }
    lua_pop(L, 2);
}
