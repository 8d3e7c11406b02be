#ifndef DU_GENERATION_H
#define DU_GENERATION_H

/* A generation: a deployment's scripts, loaded into one Lua state of one worker.
 *
 * Invariants
 *  1. Loading never touches the engine's objects, so the same code serves `dunite check`.
 *  2. Everything wrong is gathered before it fails.
 *  3. Loading has a budget of its own, whatever the deployment allows its requests.
 *
 * Thread: its worker's. It stays where it is while it is open.
 */

#include "config.h"
#include "context.h"
#include "engine.h"
#include "environment.h"
#include "loader.h"
#include "lua_memory.h"

struct du_generation {
    lua_State *state;
    struct du_context *context;
    struct du_lua_memory memory;
    struct du_environment environment;
    struct du_loader loader;
    const char *checks; /* how much boot.load looks at: "serve", "check", or NULL (boot.lua) */
    int loaded;         /* registry reference of what boot.load gave */
    int dispatch; /* registry reference of dispatch(exchange); LUA_NOREF while there is none */
};

/* Makes the state with environment, loader and bindings, and sets context->tasks. Files are read
 * through context->sources. memory: bytes, 0 for no bound. */
enum du_error_kind du_generation_open(struct du_generation *generation, struct du_context *context,
                                      const char *scripts, size_t memory, struct du_error *error);
/* Runs boot.load in it. DU_SCRIPT: see findings (appended to). */
enum du_error_kind du_generation_load(struct du_generation *generation, const char *overrides,
                                      struct du_findings *findings, struct du_error *error);
/* Cancels its tasks and closes the state; bindings' context goes on. Both are harmless when it was
 * never opened. */
void du_generation_close_state(struct du_generation *generation);
/* All of it. */
void du_generation_close(struct du_generation *generation);

/* The settings that C needs, out of what was loaded. */
enum du_error_kind du_generation_config(struct du_generation *generation, struct du_config *config,
                                        struct du_error *error);

typedef void du_generation_route(void *user, const char *method, const char *pattern,
                                 const char *where, const char *name);
/* Calls each with every route, in the order they were added. */
void du_generation_routes(struct du_generation *generation, du_generation_route *each, void *user);

#endif
