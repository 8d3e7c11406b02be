#include "worker.h"

#include "bindings.h"
#include "mem.h"
#include "versions.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct du_worker {
    struct du_worker_options options;
    struct du_context context;
    struct du_generation generation;
    uv_loop_t loop;
    struct du_mailbox mailbox;
    struct du_timers timers;
    struct du_client *client;
    struct du_server *server;
    pthread_t thread;
    struct du_mail drain_mail, refuse_mail, close_mail, finish_mail, poke_mail;
    atomic_size_t busy;
    atomic_int_fast64_t lua_bytes;
    /* What other threads wait for. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, refuses, quiet, poked;
    enum du_error_kind result;
    struct du_findings *findings;
    struct du_error *error;
};

static void note(struct du_worker *worker) {
    /* The server is gone from here while it closes. */
    atomic_store(&worker->busy, worker->server == NULL ? 0 : du_server_exchanges(worker->server));
    atomic_store(&worker->lua_bytes, (int64_t)worker->generation.memory.used);
}

static void on_request(void *user, struct du_exchange *exchange) {
    struct du_worker *worker = user;
    du_bindings_request(&worker->context, worker->generation.dispatch, exchange);
    note(worker);
}

static void on_gone(void *user, struct du_exchange *exchange) {
    struct du_worker *worker = user;
    du_bindings_gone(&worker->context, exchange);
}

static void on_finished(void *user, struct du_exchange *exchange, enum du_exchange_end end) {
    struct du_worker *worker = user;
    du_bindings_finished(&worker->context, exchange, end);
    note(worker);
}

static void on_refused(void *user, int status, const char *reason) {
    struct du_worker *worker = user;
    du_bindings_refused(&worker->context, status, reason);
}

static const struct du_server_hooks hooks = {
    .request = on_request, .gone = on_gone, .finished = on_finished, .refused = on_refused};

static void signal_change(struct du_worker *worker, bool *flag) {
    pthread_mutex_lock(&worker->lock);
    *flag = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static void await(struct du_worker *worker, bool *flag) {
    pthread_mutex_lock(&worker->lock);
    while (!*flag)
        pthread_cond_wait(&worker->changed, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
}

/* Closing, step by step; see invariant 2. */

static void client_closed(void *user) {
    struct du_worker *worker = user;
    signal_change(worker, &worker->quiet);
}

static void fills_ended(void *user) {
    struct du_worker *worker = user;
    du_client_close(&worker->client, client_closed, worker);
}

static void server_closed(void *user) {
    struct du_worker *worker = user;
    if (worker->context.tasks != NULL) {
        du_tasks_cancel_all(worker->context.tasks);
        du_bindings_stop(&worker->context);
    }
    if (worker->client == NULL)
        client_closed(worker);
    else if (du_cache_shutdown(worker->options.shared->cache, worker->client, fills_ended,
                               worker) == DU_STEP_DONE)
        fills_ended(worker);
}

static void close_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, close_mail);
    if (worker->context.tasks != NULL) /* who waits for an answer is told 503 */
        du_tasks_cancel_all(worker->context.tasks);
    if (worker->server != NULL)
        du_server_close(&worker->server, server_closed, worker);
    else
        server_closed(worker);
}

static void finish_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, finish_mail);
    du_generation_close(&worker->generation);
    du_timers_close(&worker->timers, NULL);
    du_mailbox_close(&worker->mailbox, NULL);
}

static void drain_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, drain_mail);
    du_server_drain(worker->server);
    note(worker);
}

static void refuse_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, refuse_mail);
    du_server_stop(worker->server);
    note(worker);
    signal_change(worker, &worker->refuses);
}

static void poke_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, poke_mail);
    du_timers_run(&worker->timers);
    signal_change(worker, &worker->poked);
}

/* Starting. */

static void fill_context(struct du_worker *worker) {
    const struct du_worker_options *options = &worker->options;
    worker->context = (struct du_context){
        .base = options->shared->base,
        .shared = options->shared,
        .loop = &worker->loop,
        .mailbox = &worker->mailbox,
        .timers = &worker->timers,
        .client = worker->client,
        .folder = options->folder,
        .bundle = options->bundle,
        .modules = options->modules,
        .host = options->host,
        .environment = options->environment,
        .versions = du_versions_each,
        .generation = 1,
        .worker = options->number,
        .budget = {.instructions = options->config->instructions},
    };
}

static enum du_error_kind accept_all(struct du_worker *worker) {
    const struct du_worker_options *options = &worker->options;
    enum du_error_kind kind =
        du_server_new(&worker->server, &worker->loop, &worker->timers, options->shared->base,
                      &du_server_limits_default, &hooks, worker);
    for (size_t i = 0; kind == DU_OK && i < options->listener_count; i++) {
        const struct du_worker_listener *listener = &options->listeners[i];
        if (listener->tag == DU_LISTENER_CONTROL && options->number != 0)
            continue;
        kind = du_server_accept(worker->server, listener->socket, options->number, listener->tag,
                                worker->error);
    }
    return kind;
}

static enum du_error_kind begin(struct du_worker *worker) {
    const struct du_worker_options *options = &worker->options;
    enum du_error_kind kind = du_client_new(&worker->client, &worker->loop, &worker->timers,
                                            &worker->mailbox, options->shared->base);
    if (kind != DU_OK)
        return du_error_set(worker->error, kind, "making a worker's upstream client");
    fill_context(worker);
    kind = du_generation_open(&worker->generation, &worker->context, options->scripts,
                              (size_t)options->config->memory_bytes, worker->error);
    if (kind == DU_OK)
        kind = du_generation_load(&worker->generation, options->overrides, worker->findings,
                                  worker->error);
    return kind == DU_OK ? accept_all(worker) : kind;
}

static void *run(void *user) {
    struct du_worker *worker = user;
    worker->result = begin(worker);
    /* The loop lives on the mailbox from here until it is closed. */
    du_mailbox_expect(&worker->mailbox, 1);
    signal_change(worker, &worker->started);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    uv_loop_close(&worker->loop);
    return NULL;
}

static enum du_error_kind open_loop(struct du_worker *worker) {
    if (uv_loop_init(&worker->loop) != 0)
        return DU_MEMORY;
    if (du_mailbox_init(&worker->mailbox, &worker->loop) != 0 ||
        du_timers_init(&worker->timers, &worker->loop, &worker->options.shared->base->clock) != 0)
        return DU_MEMORY;
    return DU_OK;
}

static int create_thread(struct du_worker *worker) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum du_error_kind du_worker_start(struct du_worker **out, const struct du_worker_options *options,
                                   struct du_findings *findings, struct du_error *error) {
    struct du_worker *worker = du_calloc(1, sizeof *worker);
    if (worker == NULL)
        return du_error_set(error, DU_MEMORY, "starting a worker");
    worker->options = *options;
    worker->findings = findings;
    worker->error = error;
    worker->drain_mail.deliver = drain_now;
    worker->refuse_mail.deliver = refuse_now;
    worker->close_mail.deliver = close_now;
    worker->finish_mail.deliver = finish_now;
    worker->poke_mail.deliver = poke_now;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->changed, NULL);
    if (open_loop(worker) != DU_OK || create_thread(worker) != 0) {
        du_free(worker);
        return du_error_set(error, DU_MEMORY, "starting a worker");
    }
    await(worker, &worker->started);
    enum du_error_kind result = worker->result;
    if (result == DU_OK) {
        *out = worker;
        return DU_OK;
    }
    du_worker_close(worker);
    du_worker_finish(&worker);
    return result;
}

void du_worker_drain(struct du_worker *worker) {
    du_mailbox_post(&worker->mailbox, &worker->drain_mail);
}

void du_worker_refuse(struct du_worker *worker) {
    du_mailbox_post(&worker->mailbox, &worker->refuse_mail);
    await(worker, &worker->refuses);
}

void du_worker_close(struct du_worker *worker) {
    du_mailbox_post(&worker->mailbox, &worker->close_mail);
    await(worker, &worker->quiet);
}

size_t du_worker_busy(struct du_worker *worker) {
    return atomic_load(&worker->busy);
}

int64_t du_worker_lua_bytes(struct du_worker *worker) {
    return atomic_load(&worker->lua_bytes);
}

void du_worker_poke(struct du_worker *worker) {
    worker->poked = false;
    du_mailbox_post(&worker->mailbox, &worker->poke_mail);
    await(worker, &worker->poked);
}

void du_worker_finish(struct du_worker **taken) {
    struct du_worker *worker = *taken;
    *taken = NULL;
    du_mailbox_post(&worker->mailbox, &worker->finish_mail);
    pthread_join(worker->thread, NULL);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    du_free(worker);
}
