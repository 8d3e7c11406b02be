#include "reload.h"

#include "audit.h"
#include "child.h"
#include "engine_int.h"
#include "findings.h"
#include "mem.h"
#include "named.h"
#include "restart.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { FINDINGS_LOGGED = 20 };

/* One reload, while it is built. */
struct build {
    struct du_engine *engine;
    uint64_t generation;
    struct du_check *check;
    struct du_named_change *named;
    struct du_edition **editions;
    size_t edition_count;
    struct du_findings findings;
    struct du_error error;
    struct du_bytes notes; /* what needs a restart; what specs said */
};

static bool may_reload(struct du_engine *engine) {
    return atomic_load(&engine->serving) && !atomic_load(&engine->draining);
}

static bool is_refused(void *user) {
    struct du_engine *engine = user;
    struct du_reloader *reloader = &engine->reloader;
    pthread_mutex_lock(&reloader->lock);
    bool refused = reloader->ending || !may_reload(engine);
    pthread_mutex_unlock(&reloader->lock);
    return refused;
}

static const char refusal[] = "the engine starts or drains: nothing is reloaded now";

/* --- building --- */

static enum du_error_kind run_specs(struct build *build) {
    const struct du_config *config = du_check_config(build->check);
    const struct du_engine_options *options = &build->engine->options;
    if (!config->reload_specs ||
        options->bundle != NULL) /* a bundle carries none, nor can change */
        return DU_OK;
    if (options->program == NULL)
        return du_error_set(&build->error, DU_SCRIPT,
                            "reload.specs: this program has no `dunite spec` to run them by");
    const char *words[6] = {options->program, "spec"};
    size_t count = 2;
    if (options->scripts != NULL) {
        words[count++] = "--scripts";
        words[count++] = options->scripts;
    }
    words[count] = options->folder;
    struct du_child_options child = {
        .name = "the deployment's specs",
        .words = words,
        .environment = options->environment,
        .most_ms = config->reload_specs_ms,
        .give_up = is_refused,
        .user = build->engine,
    };
    struct du_bytes said;
    du_bytes_init(&said);
    enum du_error_kind kind = du_child_run(&child, &said, &build->error);
    if (kind != DU_OK) {
        du_findings_add(&build->findings, build->error.message);
        if (said.size > 0)
            du_findings_add(&build->findings, said.data);
    }
    du_bytes_deinit(&said);
    return kind;
}

struct du_edition_options du_edition_options(struct du_engine *engine, const struct du_check *check,
                                             uint64_t generation, unsigned worker) {
    const struct du_config *config = du_check_config(check);
    return (struct du_edition_options){
        .base = &engine->base,
        .folder = engine->options.folder,
        .bundle = engine->options.bundle,
        .modules = engine->options.modules,
        .host = engine->options.host,
        .scripts = engine->options.scripts,
        .overrides = engine->options.overrides,
        .environment = engine->options.environment,
        .sources = du_check_sources(check),
        .instructions = config->instructions,
        .memory = (size_t)config->memory_bytes,
        .generation = generation,
        .worker = worker,
    };
}

static enum du_error_kind make_editions(struct build *build) {
    struct du_engine *engine = build->engine;
    build->editions = du_calloc(engine->worker_count, sizeof *build->editions);
    if (build->editions == NULL)
        return du_error_set(&build->error, DU_MEMORY, "making Lua states");
    enum du_error_kind kind = DU_OK;
    for (unsigned i = 0; kind == DU_OK && i < engine->worker_count; i++) {
        struct du_edition_options options =
            du_edition_options(engine, build->check, build->generation, i);
        kind = du_edition_new(&build->editions[i], &options, &build->findings, &build->error);
        if (kind == DU_OK)
            build->edition_count++;
    }
    return kind;
}

static enum du_error_kind make(struct build *build) {
    struct du_engine *engine = build->engine;
    enum du_error_kind kind =
        du_check_new(&build->check, &engine->options, &build->findings, &build->error);
    if (kind != DU_OK)
        return kind;
    du_restart_notes(du_check_config(build->engine->check), du_check_config(build->check),
                     &build->notes);
    kind = run_specs(build);
    if (kind == DU_OK)
        kind = du_named_prepare(engine->stores.shared.named, du_check_config(build->check),
                                &build->named, &build->error);
    if (kind == DU_OK)
        kind = make_editions(build);
    if (kind == DU_OK && is_refused(engine))
        kind = du_error_set(&build->error, DU_CANCELLED, "%s", refusal);
    if (kind == DU_OK) /* the last that may fail */
        kind = du_stores_set_members(&engine->stores, du_check_config(build->check), &build->error);
    return kind;
}

/* Nothing of it can fail. */
static void put_in_force(struct build *build) {
    struct du_engine *engine = build->engine;
    const struct du_config *config = du_check_config(build->check);
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_stage(engine->workers[i], &build->editions[i]);
    du_named_make(engine->stores.shared.named, &build->named);
    atomic_store(&engine->generation, build->generation);
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_adopt(engine->workers[i]);
    du_index_limit(engine->stores.index, config->cache_bytes, config->cache_min_free);
    du_cache_limit(engine->stores.shared.cache, (size_t)config->fills_per_upstream,
                   (size_t)config->fills_per_member);
    du_audit_keep(engine->stores.shared.audit, config->audit_keep_ms);
    atomic_store(&engine->drain_ms, config->drain_ms);
    du_log_set(engine->base.log, config->log_format,
               engine->options.quiet ? DU_LOG_WARN : config->log_level);
    struct du_reloader *reloader = &engine->reloader;
    if (reloader->last != NULL)
        du_check_free(&reloader->last);
    reloader->last = build->check;
    build->check = NULL;
    du_check_close_scripts(reloader->last);
}

static void free_build(struct build *build) {
    for (size_t i = 0; i < build->edition_count; i++)
        if (build->editions[i] != NULL)
            du_edition_free(&build->editions[i]);
    du_free(build->editions);
    if (build->named != NULL)
        du_named_discard(&build->named);
    if (build->check != NULL)
        du_check_free(&build->check);
    du_findings_free(&build->findings);
    du_bytes_deinit(&build->notes);
}

/* --- telling --- */

static void count_reload(struct du_engine *engine, const char *result, int64_t amount) {
    struct du_bytes labels;
    du_bytes_init(&labels);
    du_metrics_label(&labels, "result", result, strlen(result));
    du_series_add(du_metrics_series(engine->stores.shared.metrics, "dunite_reloads_total",
                                    DU_METRIC_COUNTER, "Reloads of the scripts, by result.",
                                    labels.failed ? "" : labels.data),
                  amount);
    du_bytes_deinit(&labels);
}

static void count_replaced(struct du_engine *engine, int64_t amount) {
    du_series_add(du_metrics_series(engine->stores.shared.metrics, "dunite_states_replaced_total",
                                    DU_METRIC_COUNTER,
                                    "Lua states replaced because they ran out of memory.", ""),
                  amount);
}

static void log_reload(struct build *build, bool ok, int64_t ms) {
    struct du_log *log = build->engine->base.log;
    const struct du_log_field fields[] = {
        {"generation", DU_LOG_INTEGER, {.integer = (int64_t)build->generation}},
        {"ms", DU_LOG_INTEGER, {.integer = ms}},
        {"needs_a_restart",
         DU_LOG_STRING,
         {.string = build->notes.size > 0 ? build->notes.data : NULL}},
    };
    if (ok) {
        du_log_write(log, build->notes.size > 0 ? DU_LOG_WARN : DU_LOG_INFO, NULL,
                     "reloaded: a new generation of scripts serves", fields, 3);
        return;
    }
    size_t told = build->findings.count < FINDINGS_LOGGED ? build->findings.count : FINDINGS_LOGGED;
    for (size_t i = 0; i < told; i++)
        du_log_format(log, DU_LOG_ERROR, "not reloaded: %s", build->findings.list[i]);
    if (told == 0)
        du_log_format(log, DU_LOG_ERROR, "not reloaded: %s", build->error.message);
}

/* The lines for whoever asked. */
static void say(const struct build *build, bool ok, struct du_bytes *text) {
    if (ok)
        du_bytes_text(text, build->notes.size > 0 ? build->notes.data : "");
    for (size_t i = 0; !ok && i < build->findings.count; i++)
        du_bytes_format(text, "%s%s", i > 0 ? "\n" : "", build->findings.list[i]);
    if (!ok && build->findings.count == 0)
        du_bytes_text(text, build->error.message[0] != '\0' ? build->error.message
                                                            : du_error_text(build->error.kind));
}

static void answer(struct du_list *wishes, const struct du_reload_outcome *outcome) {
    struct du_list *node;
    while ((node = du_list_take(wishes)) != NULL) {
        struct du_reload_request *request = du_container_of(node, struct du_reload_request, node);
        request->done(request, outcome);
    }
}

static void refuse(struct du_engine *engine, struct du_list *wishes) {
    struct du_reload_outcome outcome = {false, atomic_load(&engine->generation), refusal};
    answer(wishes, &outcome);
}

static void reload(struct du_engine *engine, struct du_list *wishes) {
    struct build build = {.engine = engine, .generation = atomic_load(&engine->generation) + 1};
    struct du_bytes text;
    int64_t began_ms = du_clock_mono_ms(&engine->base.clock);
    du_bytes_init(&build.notes);
    du_bytes_init(&text);
    if (engine->options.reloading != NULL)
        engine->options.reloading(engine->options.reloading_user, true);
    bool ok = make(&build) == DU_OK;
    if (ok)
        put_in_force(&build);
    count_reload(engine, ok ? "ok" : "failed", 1);
    log_reload(&build, ok, du_clock_mono_ms(&engine->base.clock) - began_ms);
    if (engine->options.reloading != NULL)
        engine->options.reloading(engine->options.reloading_user, false);
    say(&build, ok, &text);
    struct du_reload_outcome outcome = {ok, atomic_load(&engine->generation),
                                        text.data != NULL ? text.data : ""};
    answer(wishes, &outcome);
    free_build(&build);
    du_bytes_deinit(&text);
}

/* --- a state that ran out of memory --- */

static void replace(struct du_engine *engine, unsigned worker) {
    struct du_check *last = engine->reloader.last != NULL ? engine->reloader.last : engine->check;
    struct du_edition *edition = NULL;
    struct du_findings findings = {0};
    struct du_error error = {0};
    struct du_edition_options options =
        du_edition_options(engine, last, atomic_load(&engine->generation), worker);
    enum du_error_kind kind = du_edition_new(&edition, &options, &findings, &error);
    if (kind == DU_OK) {
        du_worker_stage(engine->workers[worker], &edition);
        du_worker_adopt(engine->workers[worker]);
    }
    const struct du_log_field fields[] = {
        {"worker", DU_LOG_INTEGER, {.integer = worker}},
        {"problem",
         DU_LOG_STRING,
         {.string = kind == DU_OK        ? NULL
                    : findings.count > 0 ? findings.list[0]
                                         : error.message}},
    };
    du_log_write(engine->base.log, DU_LOG_WARN, NULL,
                 kind == DU_OK ? "scripts ran out of memory: their state was replaced"
                               : "scripts ran out of memory, and their state cannot be replaced",
                 fields, 2);
    if (kind == DU_OK)
        count_replaced(engine, 1);
    du_findings_free(&findings);
}

/* --- the thread --- */

/* A worker whose state is to be replaced; -1: none. Under the lock. */
static int take_spent(struct du_engine *engine) {
    for (size_t i = 0; i < engine->worker_count; i++) {
        if (engine->reloader.spent[i]) {
            engine->reloader.spent[i] = false;
            return (int)i;
        }
    }
    return -1;
}

static void *run(void *user) {
    struct du_engine *engine = user;
    struct du_reloader *reloader = &engine->reloader;
    struct du_list wishes;
    du_list_init(&wishes);
    pthread_mutex_lock(&reloader->lock);
    while (!reloader->ending) {
        bool wished = reloader->wished || !du_list_empty(&reloader->wishes);
        int spent = wished ? -1 : take_spent(engine);
        if (!wished && spent < 0) {
            pthread_cond_wait(&reloader->news, &reloader->lock);
            continue;
        }
        du_list_move(&wishes, &reloader->wishes);
        if (wished)
            reloader->wished = false;
        pthread_mutex_unlock(&reloader->lock);
        if (wished && is_refused(engine))
            refuse(engine, &wishes);
        else if (wished)
            reload(engine, &wishes);
        else
            replace(engine, (unsigned)spent);
        pthread_mutex_lock(&reloader->lock);
    }
    du_list_move(&wishes, &reloader->wishes);
    pthread_mutex_unlock(&reloader->lock);
    refuse(engine, &wishes);
    return NULL;
}

/* Under the lock. False: it cannot be. */
static bool start(struct du_engine *engine) {
    struct du_reloader *reloader = &engine->reloader;
    sigset_t all, before;
    if (reloader->ending)
        return false;
    if (!reloader->started) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        reloader->started = pthread_create(&reloader->thread, NULL, run, engine) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_cond_signal(&reloader->news);
    return reloader->started;
}

static struct du_engine *engine_of(struct du_shared *shared) {
    struct du_stores *stores = du_container_of(shared, struct du_stores, shared);
    return du_container_of(stores, struct du_engine, stores);
}

void du_reloader_ask(struct du_shared *shared, struct du_reload_request *request) {
    struct du_engine *engine = engine_of(shared);
    struct du_reloader *reloader = &engine->reloader;
    struct du_list alone;
    du_list_init(&alone);
    pthread_mutex_lock(&reloader->lock);
    bool started = may_reload(engine) && start(engine);
    if (request == NULL)
        reloader->wished |= started;
    else
        du_list_append(started ? &reloader->wishes : &alone, &request->node);
    pthread_mutex_unlock(&reloader->lock);
    if (!started)
        du_log_format(engine->base.log, DU_LOG_WARN, "not reloaded: %s", refusal);
    refuse(engine, &alone);
}

void du_reloader_replace(void *user, unsigned worker) {
    struct du_engine *engine = user;
    pthread_mutex_lock(&engine->reloader.lock);
    if (may_reload(engine)) {
        engine->reloader.spent[worker] = true;
        start(engine);
    }
    pthread_mutex_unlock(&engine->reloader.lock);
}

void du_reloader_generations(struct du_shared *shared, du_generation_each *each, void *user) {
    struct du_engine *engine = engine_of(shared);
    for (size_t i = 0; atomic_load(&engine->serving) && i < engine->worker_count; i++)
        du_worker_generations(engine->workers[i], each, user);
}

/* --- lifetime --- */

void du_reloader_init(struct du_engine *engine) {
    struct du_reloader *reloader = &engine->reloader;
    pthread_mutex_init(&reloader->lock, NULL);
    pthread_cond_init(&reloader->news, NULL);
    du_list_init(&reloader->wishes);
}

void du_reloader_begin(struct du_engine *engine) {
    count_reload(engine, "ok", 0);
    count_reload(engine, "failed", 0);
    count_replaced(engine, 0);
    atomic_store(&engine->serving, true);
}

void du_reloader_stop(struct du_engine *engine) {
    struct du_reloader *reloader = &engine->reloader;
    pthread_mutex_lock(&reloader->lock);
    reloader->ending = true;
    bool join_it = reloader->started;
    reloader->started = false;
    pthread_cond_signal(&reloader->news);
    pthread_mutex_unlock(&reloader->lock);
    if (join_it)
        pthread_join(reloader->thread, NULL);
}

void du_reloader_deinit(struct du_engine *engine) {
    struct du_reloader *reloader = &engine->reloader;
    if (reloader->last != NULL)
        du_check_free(&reloader->last);
    pthread_cond_destroy(&reloader->news);
    pthread_mutex_destroy(&reloader->lock);
}
