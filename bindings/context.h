#ifndef DU_CONTEXT_H
#define DU_CONTEXT_H

/* What bindings find behind a lua_State: their worker, and the engine it belongs to. The host makes
 * both; bindings only read them.
 *
 * Invariants
 *  1. du_shared is one per engine, outlives all workers, and everything in it is thread-safe.
 *  2. du_context is one per worker and generation; only its own thread touches it.
 *  3. While a generation is only checked (`dunite check`), shared is NULL: naming an object works,
 *     using one raises.
 */

#include "audit.h"
#include "base.h"
#include "cache.h"
#include "credentials.h"
#include "keys.h"
#include "lane.h"
#include "limiter.h"
#include "members.h"
#include "metrics.h"
#include "rate.h"
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
struct du_origin *du_named_origin(struct du_named *named, const char *name);

struct du_shared {
    struct du_base *base;
    struct du_flight_domain *domain;
    struct du_named *named;
    struct du_cache *cache;
    struct du_records *records;
    struct du_members *members;
    struct du_credentials *credentials;
    struct du_rate *rate;
    struct du_keys *keys;
    struct du_audit *audit;
    struct du_lane *disk, *password;
    struct du_metrics *metrics;
    /* ready, degraded, draining; reason static */
    void (*health)(struct du_shared *shared, bool *ready, bool *degraded, bool *draining,
                   const char **reason);
};

struct du_context {
    struct du_base *base;
    struct du_shared *shared; /* NULL while only checking */
    uv_loop_t *loop;
    struct du_mailbox *mailbox;
    struct du_timers *timers;
    struct du_tasks *tasks;
    struct du_client *client;
    const char *folder;       /* the deployment's */
    uint64_t generation;      /* part of the key of flights of Lua operations */
    unsigned worker;          /* from 0 */
    struct du_task_budget budget; /* of a task that a binding starts */
};

static inline struct du_context *du_context_of(lua_State *L) {
    return *(struct du_context **)lua_getextraspace(L);
}

#endif
