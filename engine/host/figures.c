#include "figures.h"

#include "audit.h"
#include "named.h"

#include <stdio.h>
#include <string.h>

static void set(struct du_metrics *metrics, const char *family, enum du_metric_type type,
                const char *help, const char *label, const char *name, int64_t value) {
    struct du_bytes labels;
    du_bytes_init(&labels);
    if (label != NULL)
        du_metrics_label(&labels, label, name, strlen(name));
    if (!labels.failed)
        du_series_set(
            du_metrics_series(metrics, family, type, help, labels.size > 0 ? labels.data : ""),
            value);
    du_bytes_deinit(&labels);
}

static void show_limiter(void *user, const char *name, struct du_limiter *limiter) {
    set(user, "dunite_limiter_leases", DU_METRIC_GAUGE, "Leases held now.", "limit", name,
        (int64_t)du_limiter_leases(limiter));
}

static void show_flights(void *user, const char *name, struct du_single_flight *flights) {
    set(user, "dunite_flights", DU_METRIC_GAUGE, "Flights up now.", "table", name,
        (int64_t)du_single_flight_count(flights));
}

static void show_origin(void *user, const char *name, uint64_t requests) {
    set(user, "dunite_upstream_requests_total", DU_METRIC_COUNTER, "Requests sent upstream.",
        "upstream", name, (int64_t)requests);
}

static void show_cache(struct du_metrics *metrics, struct du_stores *stores) {
    static const char *const results[] = {"hit", "miss", "coalesced", "bypass"};
    struct du_cache_figures cache;
    du_cache_figures(stores->shared.cache, &cache);
    for (int i = 0; i < 4; i++)
        set(metrics, "dunite_cache_results_total", DU_METRIC_COUNTER, "Blobs opened, by result.",
            "result", results[i], (int64_t)cache.opened[i]);
    set(metrics, "dunite_fills_total", DU_METRIC_COUNTER, "Fills that ended, by result.", "result",
        "verified", (int64_t)cache.filled);
    set(metrics, "dunite_fills_total", DU_METRIC_COUNTER, "Fills that ended, by result.", "result",
        "failed", (int64_t)cache.failed);
    set(metrics, "dunite_fill_resumes_total", DU_METRIC_COUNTER,
        "Tries to go on with a body that broke.", NULL, NULL, (int64_t)cache.resumed);
    set(metrics, "dunite_fill_bytes_total", DU_METRIC_COUNTER, "Bytes that fills fetched.", NULL,
        NULL, (int64_t)cache.bytes);
    set(metrics, "dunite_fills", DU_METRIC_GAUGE, "Fills up now.", NULL, NULL,
        (int64_t)du_single_flight_count(du_cache_flights(stores->shared.cache)));
    set(metrics, "dunite_passages", DU_METRIC_GAUGE, "Bodies that pass through uncached now.", NULL,
        NULL, (int64_t)cache.passing);
    set(metrics, "dunite_cache_blobs", DU_METRIC_GAUGE, "Blobs in the store.", NULL, NULL,
        (int64_t)du_index_count(stores->index));
    set(metrics, "dunite_cache_bytes", DU_METRIC_GAUGE, "Bytes of blobs in the store.", NULL, NULL,
        du_index_bytes(stores->index));
    set(metrics, "dunite_cache_evictions_total", DU_METRIC_COUNTER,
        "Blobs evicted to make room for others.", NULL, NULL,
        (int64_t)du_index_evictions(stores->index));
}

static void show_ledger(struct du_metrics *metrics, const char *name, struct du_ledger *ledger) {
    uint64_t entries = 0, commits = 0;
    bool failing = false;
    du_ledger_figures(ledger, &entries, &commits, &failing);
    set(metrics, "dunite_ledger_entries_total", DU_METRIC_COUNTER, "Entries applied.", "ledger",
        name, (int64_t)entries);
    set(metrics, "dunite_ledger_commits_total", DU_METRIC_COUNTER, "Groups committed.", "ledger",
        name, (int64_t)commits);
    set(metrics, "dunite_ledger_failing", DU_METRIC_GAUGE, "1 when the last commit failed.",
        "ledger", name, failing);
}

struct generations {
    uint64_t current;
    int64_t old;
};

static void see_generation(void *user, const struct du_generation_seen *seen) {
    struct generations *generations = user;
    if (seen->current)
        generations->current = seen->generation;
    else
        generations->old++;
}

static void show_generations(struct du_metrics *metrics, struct du_figures *figures) {
    struct generations generations = {0};
    for (size_t i = 0; i < figures->worker_count; i++)
        du_worker_generations(figures->workers[i], see_generation, &generations);
    set(metrics, "dunite_generation", DU_METRIC_GAUGE, "Number of the scripts that serve.", NULL,
        NULL, (int64_t)generations.current);
    set(metrics, "dunite_states_old", DU_METRIC_GAUGE,
        "Lua states of old scripts that have not ended.", NULL, NULL, generations.old);
}

static void collect(struct du_metrics_source *source) {
    static const struct du_named_visitor visitor = {show_limiter, show_flights, show_origin};
    struct du_figures *figures = du_container_of(source, struct du_figures, source);
    struct du_metrics *metrics = figures->stores->shared.metrics;
    char number[24];
    du_named_visit(figures->stores->shared.named, &visitor, metrics);
    show_cache(metrics, figures->stores);
    show_generations(metrics, figures);
    show_ledger(metrics, "counts", figures->stores->counts_ledger);
    show_ledger(metrics, "journal", figures->stores->journal);
    set(metrics, "dunite_audit_lost_total", DU_METRIC_COUNTER,
        "Events of the audit that could not be written.", NULL, NULL,
        (int64_t)du_audit_lost(figures->stores->shared.audit));
    for (size_t i = 0; i < figures->worker_count && figures->workers[i] != NULL; i++) {
        snprintf(number, sizeof number, "%zu", i);
        set(metrics, "dunite_lua_bytes", DU_METRIC_GAUGE, "Memory of a worker's Lua state.",
            "worker", number, du_worker_lua_bytes(figures->workers[i]));
    }
    set(metrics, "dunite_build_info", DU_METRIC_GAUGE, "Always 1; the version is the label.",
        "version", DU_VERSION, 1);
}

void du_figures_start(struct du_figures *figures, struct du_stores *stores,
                      struct du_worker **workers, size_t worker_count) {
    figures->source.collect = collect;
    figures->stores = stores;
    figures->workers = workers;
    figures->worker_count = worker_count;
    du_metrics_add_source(stores->shared.metrics, &figures->source);
}
