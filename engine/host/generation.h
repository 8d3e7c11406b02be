#ifndef DU_GENERATION_H
#define DU_GENERATION_H

/* A generation: a deployment's scripts, loaded into one Lua state of one worker.
 *
 * Invariants
 *  1. Loading never touches the engine's objects, so the same code serves `dunite check`.
 *  2. Everything wrong is gathered before it fails.
 *
 * Thread: its worker's.
 */

#include "config.h"
#include "context.h"
#include "engine.h"
#include "environment.h"

struct du_generation {
    lua_State *state;
    struct du_tasks *tasks;
    struct du_lua_memory memory;
    int loaded;   /* registry reference of what boot.load gave */
    int dispatch; /* registry reference of dispatch(exchange); LUA_NOREF when loading failed */
};

/* Makes the state with environment, loader and bindings; context->tasks is set. Runs boot.load.
 * DU_SCRIPT: see findings (appended to). */
enum du_error_kind du_generation_load(struct du_generation *generation, struct du_context *context,
                                      const char *scripts, const char *overrides,
                                      struct du_findings *findings, struct du_error *error);
/* Makes the state only: for `dunite spec`. */
enum du_error_kind du_generation_open(struct du_generation *generation, struct du_context *context,
                                      const char *scripts, struct du_error *error);
void du_generation_close(struct du_generation *generation);

/* The settings that C needs, out of what was loaded. */
enum du_error_kind du_generation_config(struct du_generation *generation, struct du_config *config,
                                        struct du_error *error);
/* Calls each with every route, in the order they were added. */
void du_generation_routes(struct du_generation *generation,
                          void (*each)(void *user, const char *method, const char *pattern,
                                       const char *where, const char *name),
                          void *user);

#endif
