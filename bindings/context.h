#ifndef DU_CONTEXT_H
#define DU_CONTEXT_H

/* What bindings find behind a lua_State: their worker, and the engine it belongs to. The host makes
 * both; bindings only read them.
 *
 * Invariants
 *  1. du_shared is one per engine, outlives all workers, and everything in it is thread-safe.
 *  2. du_context is one per worker and generation; only its own thread touches it.
 *  3. While a generation is only checked (`dunite check`), or still loads, shared and what belongs
 *     to its worker are NULL: naming an object works, using one and waiting raise.
 *  4. It stays where it is as long as bindings owe it anything, so beyond its state
 *     (du_bindings_owed).
 */

#include "base.h"
#include "cache.h"
#include "credentials.h"
#include "embedded.h"
#include "failure_limiter.h"
#include "lane.h"
#include "limiter.h"
#include "members.h"
#include "metrics.h"
#include "rates.h"
#include "records.h"
#include "server.h"
#include "single_flight.h"
#include "task.h"
#include "upstream.h"

#include <lua.h>

/* Objects that the deployment declares, by name. NULL: no such name was declared. */
struct du_named;
struct du_limiter *du_named_limiter(struct du_named *named, const char *name);
struct du_single_flight *du_named_flights(struct du_named *named, const char *name);
struct du_origin *du_named_origin(struct du_named *named, const char *name); /* a reference */

struct du_audit;
struct du_keys;

struct du_reload_outcome {
    bool ok;
    uint64_t generation; /* the one that serves now */
    const char *text;    /* a line each: why it failed, or what needs a restart; "" for nothing */
};

/* A wish for a new generation of scripts. done is called once, on a thread of the engine's; what it
 * is given lives until it returns. */
struct du_reload_request {
    struct du_list node; /* private */
    void (*done)(struct du_reload_request *request, const struct du_reload_outcome *outcome);
};

/* One worker's part of a generation that serves, or has not ended. */
struct du_generation_seen {
    uint64_t generation;
    unsigned worker;
    bool current;
    int64_t since_ms;    /* monotonic: when another took its place; of the current: when it came */
    size_t requests;     /* that have not ended; of an old one as it was seen last */
    const char *held_by; /* a text: what an old one waits for */
};
typedef void du_generation_each(void *user, const struct du_generation_seen *seen);

struct du_shared {
    struct du_base *base;
    struct du_flight_domain *domain;
    struct du_named *named;
    struct du_cache *cache;
    struct du_records *records;
    struct du_members *members;
    struct du_credentials *credentials;
    struct du_failure_limiter *failures;
    struct du_rate *rate; /* made by du_rates_new */
    struct du_keys *keys;
    struct du_audit *audit;
    struct du_lane *disk, *password;
    struct du_metrics *metrics;
    /* ready, degraded, draining; reason static */
    void (*health)(struct du_shared *shared, bool *ready, bool *degraded, bool *draining,
                   const char **reason);
    /* Both NULL where nothing can be reloaded. From any thread. */
    void (*reload)(struct du_shared *shared, struct du_reload_request *request);
    void (*generations)(struct du_shared *shared, du_generation_each *each, void *user);
};

struct du_bindings;
struct du_loader;

/* A module that the program around the engine gives to scripts: open(name, ":preload:") makes it.
 */
struct du_host_module {
    const char *name;
    lua_CFunction open;
};

struct du_context {
    struct du_tasks *tasks; /* first: the state's extra space points to it (task.h) */
    struct du_base *base;
    struct du_shared *shared;     /* NULL while only checking */
    lua_State *state;             /* set by du_bindings_open, as is the next */
    struct du_bindings *bindings; /* what bindings keep per context */
    uv_loop_t *loop;
    struct du_mailbox *mailbox;
    struct du_timers *timers;
    struct du_client *client;
    const char *folder; /* the deployment's; with a bundle, what relative paths are below */
    const struct du_scripts *bundle; /* in place of what is in the folder, or NULL */
    struct du_sources *sources;      /* what the generation's files are read through; borrowed */
    const struct du_host_module
        *modules; /* of the program around the engine; NULL name ends, or NULL */
    void *host;   /* that program's own */
    const char *const
        *environment; /* "NAME=value" before the process's; NULL-terminated, or NULL */
    const struct du_loader *loader; /* of the state; NULL where there is none */
    uint64_t generation;            /* part of the key of flights of Lua operations */
    unsigned worker;                /* from 0 */
    struct du_task_budget budget;   /* of a task that a binding starts */
    /* Calls each with what is linked and its version; the host's. May be NULL. */
    void (*versions)(void (*each)(void *user, const char *name, const char *version), void *user);
    /* Of a generation that is to end: less is owed to it than before. NULL: nobody waits for that.
     * Called from anywhere in the worker's thread, so only good for a mail. */
    void (*less_owed)(struct du_context *context);
};

static inline struct du_context *du_context_of(lua_State *L) {
    return *(struct du_context **)lua_getextraspace(L);
}

#endif
