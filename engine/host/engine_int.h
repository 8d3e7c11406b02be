#ifndef DU_ENGINE_INT_H
#define DU_ENGINE_INT_H

/* What engine.c and the reloader share. */

#include "check.h"
#include "engine.h"
#include "figures.h"
#include "reload.h"
#include "stores.h"
#include "watchdog.h"
#include "worker.h"

enum { DU_ENGINE_LISTENERS_MOST = 64 };

struct du_engine {
    struct du_base base;
    struct du_engine_options options;
    struct du_check *check; /* of its start: what no reload changes is in there */
    struct du_stores stores;
    struct du_figures figures;
    struct du_worker_listener listeners[DU_ENGINE_LISTENERS_MOST];
    size_t listener_count, public_count; /* the control socket comes after the public ones */
    struct du_worker **workers;
    size_t worker_count;
    struct du_reloader reloader;
    struct du_watchdog watchdog;
    atomic_uint_fast64_t generation; /* the number of the one in force */
    atomic_int_fast64_t drain_ms;
    atomic_bool serving, draining;
    bool stores_open;
};

/* What a worker's edition is made from. */
struct du_edition_options du_edition_options(struct du_engine *engine, const struct du_check *check,
                                             uint64_t generation, unsigned worker);

#endif
