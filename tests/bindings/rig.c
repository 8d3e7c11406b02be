#include "rig.h"

#include "audit.h"
#include "keys.h"
#include "loader.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JANUARY = 1769860800 }; /* 2026-01-31T12:00:00Z */

struct du_limiter *du_named_limiter(struct du_named *named, const char *name) {
    return strcmp(name, "downloads") == 0 ? named->downloads : NULL;
}

struct du_single_flight *du_named_flights(struct du_named *named, const char *name) {
    return strcmp(name, "reports") == 0 ? named->reports : NULL;
}

struct du_origin *du_named_origin(struct du_named *named, const char *name) {
    bool known = strcmp(name, "origin") == 0 && named->origin != NULL;
    return known ? du_origin_ref(named->origin) : NULL;
}

static void health(struct du_shared *shared, bool *ready, bool *degraded, bool *draining,
                   const char **reason) {
    (void)shared;
    *ready = true;
    *degraded = true;
    *draining = false;
    *reason = "the journal cannot be written";
}

static void ok(enum du_error_kind kind) {
    assert_string_equal(du_error_name(kind), "Ok");
}

static void start_store(struct engine *engine) {
    struct du_shared *shared = &engine->shared;
    char mark[33], path[96];
    strcpy(engine->folder, "/tmp/dunite-bindings-XXXXXX");
    assert_non_null(mkdtemp(engine->folder));
    ok(du_blobs_open(&engine->blobs, &engine->base, engine->folder, NULL, true, mark, NULL));
    ok(du_index_new(&engine->index, &engine->base, engine->blobs, NULL, NULL));
    ok(du_cache_new(&shared->cache, &engine->base, shared->domain, engine->blobs, engine->index,
                    shared->disk));
    ok(du_records_new(&shared->records, &engine->base, NULL, NULL));
    snprintf(path, sizeof path, "%s/journal.db", engine->folder);
    ok(du_ledger_open(&engine->journal, &engine->base, path, DU_MEMBERS_SCHEMA DU_AUDIT_SCHEMA,
                      false, NULL));
    ok(du_members_new(&shared->members, &engine->base, engine->journal, NULL));
    ok(du_audit_new(&shared->audit, &engine->base, engine->journal, NULL));
    snprintf(path, sizeof path, "%s/keys", engine->folder);
    ok(du_keys_open(&shared->keys, &engine->base, path, NULL));
    ok(du_credentials_new(&shared->credentials, &engine->base, 100, 60 * 1000));
    ok(du_failure_limiter_new(&shared->failures, &engine->base));
    ok(du_rates_new(&shared->rate, 100));
}

void engine_start(struct engine *engine) {
    struct du_shared *shared = &engine->shared;
    memset(engine, 0, sizeof *engine);
    engine->live = du_mem_live();
    du_clock_init_manual(&engine->base.clock, JANUARY * 1000LL);
    du_faults_init(&engine->base.faults);
    shared->base = &engine->base;
    shared->named = &engine->named;
    shared->health = health;
    ok(du_flight_domain_new(&shared->domain));
    ok(du_single_flight_new(&engine->named.reports, shared->domain));
    ok(du_counter_memory_new(&engine->counter, &engine->base.faults));
    ok(du_limiter_new(&engine->named.downloads, "downloads", engine->counter, &engine->base));
    ok(du_metrics_new(&shared->metrics));
    ok(du_lane_new(&shared->disk, "disk", 1, 0));
    ok(du_lane_new(&shared->password, "password", 1, 16));
    start_store(engine);
}

void engine_add_origin(struct engine *engine, const char *url) {
    struct du_origin_options options = {.name = "origin", .kind = DU_ORIGIN_PLAIN, .url = url};
    ok(du_origin_new(&engine->named.origin, engine->shared.domain, &engine->base, &options, NULL));
}

static void remove_folder(const char *folder) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

void engine_end(struct engine *engine) {
    struct du_shared *shared = &engine->shared;
    assert_int_equal(du_single_flight_count(engine->named.reports), 0);
    assert_int_equal(du_limiter_leases(engine->named.downloads), 0);
    du_lane_free(&shared->password);
    du_lane_free(&shared->disk);
    du_rate_free(&shared->rate);
    du_failure_limiter_free(&shared->failures);
    du_credentials_free(&shared->credentials);
    du_keys_close(&shared->keys);
    du_members_free(&shared->members);
    du_ledger_close(&engine->journal);
    du_audit_free(&shared->audit);
    du_records_free(&shared->records);
    du_cache_free(&shared->cache);
    du_index_free(&engine->index);
    du_blobs_close(&engine->blobs);
    du_metrics_free(&shared->metrics);
    du_limiter_free(&engine->named.downloads);
    du_counter_free(&engine->counter);
    if (engine->named.origin != NULL)
        du_origin_unref(&engine->named.origin);
    du_single_flight_free(&engine->named.reports);
    du_flight_domain_free(&shared->domain);
    remove_folder(engine->folder);
    assert_int_equal(du_mem_live(), engine->live);
}

static int open_state(lua_State *L) {
    struct worker *worker = lua_touserdata(L, 1);
    luaL_openlibs(L);
    du_loader_open(L, &worker->loader);
    du_bindings_open(L, &worker->context);
    luaL_dostring(L, "native = require 'dunite.native'");
    return 0;
}

static void version(void (*each)(void *user, const char *name, const char *version), void *user) {
    each(user, "dunite", "1");
}

void worker_start(struct worker *worker, struct engine *engine, unsigned number) {
    static struct du_base lonely;
    memset(worker, 0, sizeof *worker);
    worker->engine = engine;
    worker->base = engine != NULL ? &engine->base : &lonely;
    if (engine == NULL)
        du_clock_init_manual(&lonely.clock, 0);
    assert_int_equal(uv_loop_init(&worker->loop), 0);
    assert_int_equal(du_mailbox_init(&worker->mailbox, &worker->loop), 0);
    assert_int_equal(du_timers_init(&worker->timers, &worker->loop, &worker->base->clock), 0);
    worker->L = luaL_newstate();
    worker->loader = (struct du_loader){.scripts = DU_SCRIPTS, .sources = du_sources_new()};
    assert_non_null(worker->loader.sources);
    worker->context = (struct du_context){
        .base = worker->base,
        .shared = engine != NULL ? &engine->shared : NULL,
        .loop = &worker->loop,
        .mailbox = &worker->mailbox,
        .timers = &worker->timers,
        .folder = DU_SCRIPTS,
        .sources = worker->loader.sources,
        .generation = 1,
        .worker = number,
        .budget = {.instructions = 1000 * 1000},
        .versions = version,
    };
    ok(du_client_new(&worker->context.client, &worker->loop, &worker->timers, &worker->mailbox,
                     worker->base));
    ok(du_tasks_new(&worker->context.tasks, worker->L));
    lua_pushcfunction(worker->L, open_state);
    lua_pushlightuserdata(worker->L, worker);
    if (lua_pcall(worker->L, 1, 0, 0) != LUA_OK)
        fail_msg("%s", lua_tostring(worker->L, -1));
}

static void note_closed(void *user) {
    *(bool *)user = true;
}

void worker_settle(struct worker *worker) {
    for (int turn = 0; turn < 20; turn++)
        uv_run(&worker->loop, UV_RUN_NOWAIT);
}

void worker_end(struct worker *worker) {
    bool shut = true;
    du_tasks_cancel_all(worker->context.tasks);
    du_bindings_stop(&worker->context);
    if (worker->engine != NULL)
        shut = du_cache_shutdown(worker->engine->shared.cache, worker->context.client, note_closed,
                                 &shut) == DU_STEP_DONE;
    worker_turn_until(worker, &shut);
    du_client_close(&worker->context.client, note_closed, &worker->client_closed);
    worker_turn_until(worker, &worker->client_closed);
    while (worker->mailbox.expected > 0)
        uv_run(&worker->loop, UV_RUN_ONCE);
    worker_settle(worker);
    du_tasks_free(&worker->context.tasks);
    lua_close(worker->L);
    worker->requests_left = du_bindings_owed(&worker->context).requests;
    size_t calls_left = du_bindings_owed(&worker->context).calls;
    du_bindings_close(&worker->context);
    du_sources_unref(&worker->loader.sources);
    du_timers_close(&worker->timers, NULL);
    du_mailbox_close(&worker->mailbox, NULL);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&worker->loop), 0);
    assert_int_equal(calls_left, 0); /* else an old generation would never end */
}

static void ended(void *user, const struct du_task_result *result) {
    struct outcome *outcome = user;
    outcome->ended = true;
    outcome->end = result->end;
    outcome->error = result->error;
    if (result->traceback != NULL)
        snprintf(outcome->traceback, sizeof outcome->traceback, "%s", result->traceback);
    if (result->end == DU_TASK_RETURNED && result->count > 0) {
        const char *text = luaL_tolstring(result->thread, -result->count, NULL);
        snprintf(outcome->result, sizeof outcome->result, "%s", text);
    }
}

struct du_task *worker_begin_top(struct worker *worker, enum du_task_phase phase,
                                 struct outcome *outcome) {
    struct du_task_options options = {.phase = phase, .ended = ended, .user = outcome};
    struct du_task *task;
    memset(outcome, 0, sizeof *outcome);
    ok(du_task_start(worker->context.tasks, worker->L, 0, &options, &task));
    return task;
}

struct du_task *worker_begin(struct worker *worker, const char *text, enum du_task_phase phase,
                             struct outcome *outcome) {
    if (luaL_loadstring(worker->L, text) != LUA_OK)
        fail_msg("%s", lua_tostring(worker->L, -1));
    return worker_begin_top(worker, phase, outcome);
}

static void give_up(uv_timer_t *timer) {
    *(bool *)timer->data = true;
}

/* Fails the test when it takes as long as it never should. */
void worker_turn_until(struct worker *worker, const bool *done) {
    uv_timer_t patience;
    bool late = false;
    uv_timer_init(&worker->loop, &patience);
    patience.data = &late;
    uv_timer_start(&patience, give_up, 60 * 1000, 0);
    while (!*done && !late)
        uv_run(&worker->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&worker->loop, UV_RUN_NOWAIT);
    assert_true(*done);
}

struct outcome worker_run(struct worker *worker, const char *text) {
    struct outcome outcome;
    worker_begin(worker, text, DU_PHASE_REQUEST, &outcome);
    worker_turn_until(worker, &outcome.ended);
    return outcome;
}

void worker_do(struct worker *worker, const char *text) {
    struct outcome outcome = worker_run(worker, text);
    if (outcome.end != DU_TASK_RETURNED)
        fail_msg("%s\n%s", outcome.error.message, outcome.traceback);
}

void worker_advance(struct worker *worker, int64_t ms) {
    du_clock_advance(&worker->base->clock, ms);
    du_timers_run(&worker->timers);
    worker_settle(worker);
}
