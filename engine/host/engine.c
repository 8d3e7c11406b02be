#include "engine_int.h"

#include "bindings.h"
#include "kept.h"
#include "mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ready, degraded, draining, as /readyz tells them. */
static void health(struct du_shared *shared, bool *ready, bool *degraded, bool *draining,
                   const char **reason) {
    struct du_stores *stores = du_container_of(shared, struct du_stores, shared);
    struct du_engine *engine = du_container_of(stores, struct du_engine, stores);
    *draining = atomic_load(&engine->draining);
    *degraded = du_stores_degraded(stores);
    *ready = !*draining;
    *reason = *draining ? "draining" : *degraded ? "the store cannot be written" : NULL;
}

/* Starting. */

static enum du_error_kind open_log(struct du_engine *engine, struct du_error *error) {
    const struct du_config *config = du_check_config(engine->check);
    enum du_log_level level = engine->options.quiet ? DU_LOG_WARN : config->log_level;
    const char *path = engine->options.log_sink != NULL ? "/dev/null" : config->log_file;
    enum du_error_kind kind =
        du_log_new(&engine->base.log, &engine->base.clock, config->log_format, level, path, error);
    if (kind == DU_OK && engine->options.log_sink != NULL)
        du_log_set_sink(engine->base.log, engine->options.log_sink, engine->options.log_user);
    return kind;
}

/* The socket that was given for the address; -1: none was. */
static int find_given(const struct du_engine *engine, const char *address) {
    const int *sockets = engine->options.sockets;
    int found = -1;
    for (size_t i = 0; found < 0 && sockets != NULL && sockets[i] >= 0; i++) {
        struct du_bytes name;
        du_bytes_init(&name);
        if (du_socket_name(sockets[i], &name, NULL) == DU_OK && strcmp(name.data, address) == 0)
            found = sockets[i];
        du_bytes_deinit(&name);
    }
    return found;
}

static enum du_error_kind listen_on(struct du_engine *engine, const char *address, int tag,
                                    unsigned workers, struct du_error *error) {
    if (engine->listener_count == DU_ENGINE_LISTENERS_MOST)
        return du_error_set(error, DU_IO, "more than %d addresses to listen on",
                            DU_ENGINE_LISTENERS_MOST);
    struct du_worker_listener *listener = &engine->listeners[engine->listener_count];
    int given = find_given(engine, address);
    enum du_error_kind kind = given >= 0
                                  ? du_socket_adopt(given, workers, &listener->socket, error)
                                  : du_socket_listen(address, workers, &listener->socket, error);
    if (kind == DU_OK) {
        listener->tag = tag;
        engine->listener_count++;
    }
    return kind;
}

/* A unix socket is for everybody who reaches its folder, as a port is for everybody on the machine:
 * a proxy is another user. */
static enum du_error_kind listen_in_public(struct du_engine *engine, const char *address, int tag,
                                           unsigned workers, struct du_error *error) {
    static const char scheme[] = "unix:";
    enum du_error_kind kind = listen_on(engine, address, tag, workers, error);
    bool is_path = strncmp(address, scheme, strlen(scheme)) == 0;
    if (kind == DU_OK && is_path && chmod(address + strlen(scheme), 0666) != 0)
        kind = du_error_set(error, DU_IO, "%s: cannot be made public", address);
    return kind;
}

/* DATA_DIR/control.sock, for its owner only. */
static enum du_error_kind listen_for_control(struct du_engine *engine, struct du_error *error) {
    char address[512];
    snprintf(address, sizeof address, "unix:%s/control.sock", du_engine_data_dir(engine));
    enum du_error_kind kind = listen_on(engine, address, DU_LISTENER_CONTROL, 1, error);
    if (kind == DU_OK && chmod(address + strlen("unix:"), 0600) != 0)
        kind = du_error_set(error, DU_IO, "%s: cannot be made private", address);
    return kind;
}

static enum du_error_kind listen_all(struct du_engine *engine, unsigned workers,
                                     struct du_error *error) {
    const struct du_config *config = du_check_config(engine->check);
    enum du_error_kind kind = DU_OK;
    bool offline = engine->options.offline;
    for (size_t i = 0; kind == DU_OK && !offline && i < config->listen.count; i++)
        kind = listen_in_public(engine, config->listen.list[i], DU_LISTENER_MAIN, workers, error);
    for (size_t i = 0; kind == DU_OK && !offline && i < config->admin_listen.count; i++)
        kind = listen_in_public(engine, config->admin_listen.list[i], DU_LISTENER_ADMIN, workers,
                                error);
    engine->public_count = engine->listener_count;
    return kind == DU_OK ? listen_for_control(engine, error) : kind;
}

static unsigned worker_count(const struct du_engine *engine) {
    unsigned wanted = du_check_config(engine->check)->workers;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (engine->options.offline)
        return 1;
    unsigned usual = cores > 0 ? (unsigned)cores : 1;
    unsigned count = wanted > 0 ? wanted : usual;
    return count < DU_WORKERS_MOST ? count : DU_WORKERS_MOST;
}

static enum du_error_kind start_workers(struct du_engine *engine, unsigned count,
                                        struct du_findings *findings, struct du_error *error) {
    engine->workers = du_calloc(count, sizeof *engine->workers);
    if (engine->workers == NULL)
        return du_error_set(error, DU_MEMORY, "starting the workers");
    enum du_error_kind kind = DU_OK;
    for (unsigned i = 0; kind == DU_OK && i < count; i++) {
        struct du_worker_options options = {
            .shared = &engine->stores.shared,
            .edition =
                du_edition_options(engine, engine->check, atomic_load(&engine->generation), i),
            .generation = &engine->generation,
            .spent = du_reloader_replace,
            .user = engine,
            .listeners = engine->listeners,
            .listener_count = engine->listener_count,
            .number = i,
        };
        kind = du_worker_start(&engine->workers[i], &options, findings, error);
        if (kind == DU_OK)
            engine->worker_count++;
    }
    /* Not before: whoever is up already answers requests for metrics. */
    if (kind == DU_OK) {
        du_figures_start(&engine->figures, &engine->stores, engine->workers, count);
        du_reloader_begin(engine);
        if (!engine->options.offline)
            du_watchdog_start(&engine->watchdog, engine);
    }
    return kind;
}

static enum du_error_kind start(struct du_engine *engine, struct du_findings *findings,
                                struct du_error *error) {
    enum du_error_kind kind = du_check_new(&engine->check, &engine->options, findings, error);
    if (kind == DU_OK)
        kind = open_log(engine, error);
    for (size_t i = 0; kind == DU_OK && i < findings->warning_count; i++)
        du_log_write(engine->base.log, DU_LOG_WARN, NULL, findings->warnings[i], NULL, 0);
    if (kind == DU_OK)
        kind = du_stores_open(&engine->stores, &engine->base, du_check_config(engine->check),
                              du_check_data_dir(engine->check), error);
    if (kind != DU_OK)
        return kind;
    engine->stores_open = true;
    engine->stores.shared.health = health;
    engine->stores.shared.reload = du_reloader_ask;
    engine->stores.shared.generations = du_reloader_generations;
    atomic_store(&engine->drain_ms, du_check_config(engine->check)->drain_ms);
    unsigned workers = worker_count(engine);
    kind = listen_all(engine, workers, error);
    if (kind == DU_OK)
        kind = start_workers(engine, workers, findings, error);
    du_check_close_scripts(engine->check);
    return kind;
}

enum du_error_kind du_engine_start(struct du_engine **out, const struct du_engine_options *options,
                                   struct du_findings *findings, struct du_error *error) {
    struct du_engine *engine = du_calloc(1, sizeof *engine);
    if (engine == NULL)
        return du_error_set(error, DU_MEMORY, "starting an engine");
    du_reloader_init(engine);
    atomic_init(&engine->generation, 1);
    if (options->manual_clock)
        du_clock_init_manual(&engine->base.clock, options->clock_ms);
    else
        du_clock_init(&engine->base.clock);
    du_faults_init(&engine->base.faults);
    const struct du_engine_fault *fault = options->fault;
    if (fault != NULL)
        du_faults_arm(&engine->base.faults, fault->fault, fault->number, fault->skip, fault->times);
    enum du_error_kind kind = du_options_keep(&engine->options, options, error);
    if (kind == DU_OK)
        kind = start(engine, findings, error);
    if (kind == DU_OK)
        *out = engine;
    else
        du_engine_stop(&engine);
    return kind;
}

/* Running. */

const char *du_engine_address(struct du_engine *engine, size_t at) {
    return at < engine->public_count ? du_socket_address(engine->listeners[at].socket) : NULL;
}

const char *du_engine_data_dir(const struct du_engine *engine) {
    return du_check_data_dir(engine->check);
}

int64_t du_engine_drain_ms(const struct du_engine *engine) {
    return atomic_load(&engine->drain_ms);
}

struct du_base *du_engine_base(struct du_engine *engine) {
    return &engine->base;
}

struct du_shared *du_engine_shared(struct du_engine *engine) {
    return &engine->stores.shared;
}

void du_engine_clock_moved(struct du_engine *engine) {
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_poke(engine->workers[i]);
}

int64_t du_engine_stands_still_ms(struct du_engine *engine) {
    return du_watchdog_longest(&engine->watchdog);
}

void du_engine_reload(struct du_engine *engine) {
    du_reloader_ask(&engine->stores.shared, NULL);
}

/* Stopping. */

void du_engine_drain(struct du_engine *engine) {
    atomic_store(&engine->draining, true);
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_drain(engine->workers[i]);
}

void du_engine_refuse(struct du_engine *engine) {
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_refuse(engine->workers[i]);
}

bool du_engine_idle(struct du_engine *engine) {
    for (size_t i = 0; i < engine->worker_count; i++) {
        if (du_worker_busy(engine->workers[i]) > 0)
            return false;
    }
    return true;
}

void du_engine_settle(struct du_engine *engine) {
    du_reloader_stop(engine);
    du_watchdog_stop(&engine->watchdog);
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_close(engine->workers[i]);
    if (engine->stores_open)
        du_stores_settle(&engine->stores);
}

void du_engine_stop(struct du_engine **taken) {
    struct du_engine *engine = *taken;
    *taken = NULL;
    du_engine_settle(engine);
    for (size_t i = 0; i < engine->worker_count; i++)
        du_worker_finish(&engine->workers[i]);
    du_free(engine->workers);
    for (size_t i = 0; i < engine->listener_count; i++)
        du_socket_close(&engine->listeners[i].socket);
    if (engine->stores_open)
        du_stores_close(&engine->stores);
    if (engine->base.log != NULL)
        du_log_free(&engine->base.log);
    du_reloader_deinit(engine);
    du_watchdog_deinit(&engine->watchdog);
    if (engine->check != NULL)
        du_check_free(&engine->check);
    du_options_forget(&engine->options);
    du_free(engine);
}
