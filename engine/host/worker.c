#include "worker.h"

#include "bindings.h"
#include "mem.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct du_worker {
    struct du_worker_options options;
    struct du_edition *incoming; /* on its way, by stage_mail */
    struct du_edition *staged;
    struct du_edition *current; /* as the next, changed under the lock, too */
    struct du_list old;
    bool is_spent; /* and another state was asked for */
    uv_loop_t loop;
    struct du_mailbox mailbox;
    struct du_timers timers;
    struct du_client *client;
    struct du_server *server;
    struct du_task_watch watch;
    pthread_t thread;
    struct du_mail drain_mail, refuse_mail, close_mail, finish_mail, poke_mail, stage_mail,
        adopt_mail;
    atomic_size_t busy;
    atomic_int_fast64_t lua_bytes;
    /* What other threads wait for. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool started, refuses, quiet, poked, has_staged, adopted;
    enum du_error_kind result;
    struct du_findings *findings;
    struct du_error *error;
};

static int64_t bytes_of(const struct du_edition *edition) {
    return (int64_t)atomic_load_explicit(&edition->generation.memory.used, memory_order_relaxed);
}

static void note(struct du_worker *worker) {
    /* The server is gone from here while it closes. */
    atomic_store(&worker->busy, worker->server == NULL ? 0 : du_server_exchanges(worker->server));
    int64_t bytes = bytes_of(worker->current);
    du_list_each(node, &worker->old) bytes +=
        bytes_of(du_container_of(node, struct du_edition, node));
    atomic_store(&worker->lua_bytes, bytes);
}

/* What ran out of memory may have left its tables half changed. */
static void look_at_memory(struct du_worker *worker) {
    struct du_lua_memory *memory = &worker->current->generation.memory;
    bool ran_out = du_bindings_ran_out(&worker->current->context);
    if (worker->is_spent || !(memory->exhausted || (ran_out && memory->refused > 0)))
        return;
    worker->is_spent = true;
    if (worker->options.spent != NULL)
        worker->options.spent(worker->options.user, worker->options.number);
}

/* --- editions --- */

static void adopt(struct du_worker *worker) {
    struct du_edition *old = worker->current;
    pthread_mutex_lock(&worker->lock);
    worker->current = worker->staged;
    du_list_append(&worker->old, &old->node);
    pthread_mutex_unlock(&worker->lock);
    worker->staged = NULL;
    worker->is_spent = false;
    du_edition_retire(old);
}

static bool is_due(const struct du_worker *worker) {
    return worker->staged != NULL &&
           atomic_load(worker->options.generation) >= worker->staged->context.generation;
}

static void edition_ended(void *user, struct du_edition *edition) {
    struct du_worker *worker = user;
    pthread_mutex_lock(&worker->lock);
    du_list_remove(&edition->node);
    pthread_mutex_unlock(&worker->lock);
    du_edition_free(&edition);
    note(worker);
}

/* Each that there is. */
static void for_editions(struct du_worker *worker, void (*act)(struct du_edition *edition)) {
    du_list_each(node, &worker->old) act(du_container_of(node, struct du_edition, node));
    if (worker->current != NULL)
        act(worker->current);
}

static void cancel_tasks(struct du_edition *edition) {
    if (edition->context.tasks != NULL)
        du_tasks_cancel_all(edition->context.tasks);
}

static void stop_bindings(struct du_edition *edition) {
    cancel_tasks(edition);
    du_bindings_stop(&edition->context);
}

/* --- the server's hooks --- */

static void on_request(void *user, struct du_exchange *exchange) {
    struct du_worker *worker = user;
    if (is_due(worker))
        adopt(worker);
    struct du_edition *edition = worker->current;
    du_bindings_request(&edition->context, edition->generation.dispatch, exchange);
    look_at_memory(worker);
    note(worker);
}

static void on_gone(void *user, struct du_exchange *exchange) {
    (void)user;
    du_bindings_gone(exchange);
}

static void on_finished(void *user, struct du_exchange *exchange, enum du_exchange_end end) {
    struct du_worker *worker = user;
    du_bindings_finished(exchange, end);
    look_at_memory(worker);
    note(worker);
}

static void on_refused(void *user, int status, const char *reason) {
    struct du_worker *worker = user;
    du_bindings_refused(&worker->current->context, status, reason);
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
    for_editions(worker, stop_bindings);
    if (worker->client == NULL)
        client_closed(worker);
    else if (du_cache_shutdown(worker->options.shared->cache, worker->client, fills_ended,
                               worker) == DU_STEP_DONE)
        fills_ended(worker);
}

static void close_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, close_mail);
    for_editions(worker, du_edition_hush);
    for_editions(worker, cancel_tasks); /* who waits for an answer is told 503 */
    if (worker->server != NULL)
        du_server_close(&worker->server, server_closed, worker);
    else
        server_closed(worker);
}

static void free_editions(struct du_worker *worker) {
    struct du_list *node;
    while ((node = du_list_take(&worker->old)) != NULL) {
        struct du_edition *edition = du_container_of(node, struct du_edition, node);
        du_edition_free(&edition);
    }
    if (worker->staged != NULL)
        du_edition_free(&worker->staged);
    if (worker->current != NULL)
        du_edition_free(&worker->current);
}

static void finish_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, finish_mail);
    free_editions(worker);
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

static void attach(struct du_worker *worker, struct du_edition *edition) {
    struct du_edition_home home = {
        .shared = worker->options.shared,
        .loop = &worker->loop,
        .mailbox = &worker->mailbox,
        .timers = &worker->timers,
        .client = worker->client,
        .watch = &worker->watch,
        .lock = &worker->lock,
        .ended = edition_ended,
        .user = worker,
    };
    du_edition_attach(edition, &home);
}

static void stage_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, stage_mail);
    worker->staged = worker->incoming;
    worker->incoming = NULL;
    attach(worker, worker->staged);
    signal_change(worker, &worker->has_staged);
}

static void adopt_now(struct du_mail *mail) {
    struct du_worker *worker = du_container_of(mail, struct du_worker, adopt_mail);
    if (is_due(worker))
        adopt(worker);
    note(worker);
    signal_change(worker, &worker->adopted);
}

/* Starting. */

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
    kind = du_edition_new(&worker->current, &options->edition, worker->findings, worker->error);
    if (kind != DU_OK)
        return kind;
    attach(worker, worker->current);
    return accept_all(worker);
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
    worker->stage_mail.deliver = stage_now;
    worker->adopt_mail.deliver = adopt_now;
    du_list_init(&worker->old);
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

struct du_worker_at du_worker_at(struct du_worker *worker) {
    return (struct du_worker_at){atomic_load_explicit(&worker->watch.label, memory_order_relaxed),
                                 atomic_load_explicit(&worker->watch.number, memory_order_relaxed)};
}

void du_worker_post(struct du_worker *worker, struct du_mail *mail) {
    du_mailbox_post(&worker->mailbox, mail);
}

void du_worker_poke(struct du_worker *worker) {
    worker->poked = false;
    du_mailbox_post(&worker->mailbox, &worker->poke_mail);
    await(worker, &worker->poked);
}

void du_worker_stage(struct du_worker *worker, struct du_edition **edition) {
    worker->has_staged = false;
    worker->incoming = *edition;
    *edition = NULL;
    du_mailbox_post(&worker->mailbox, &worker->stage_mail);
    await(worker, &worker->has_staged);
}

void du_worker_adopt(struct du_worker *worker) {
    worker->adopted = false;
    du_mailbox_post(&worker->mailbox, &worker->adopt_mail);
    await(worker, &worker->adopted);
}

static void see(const struct du_edition *edition, bool current, du_generation_each *each,
                void *user) {
    struct du_generation_seen seen = {
        .generation = edition->context.generation,
        .worker = edition->context.worker,
        .current = current,
        .since_ms = edition->since_ms,
        .requests = edition->requests,
        .held_by = edition->held_by,
    };
    each(user, &seen);
}

void du_worker_generations(struct du_worker *worker, du_generation_each *each, void *user) {
    pthread_mutex_lock(&worker->lock);
    if (worker->current != NULL)
        see(worker->current, true, each, user);
    du_list_each(node, &worker->old)
        see(du_container_of(node, struct du_edition, node), false, each, user);
    pthread_mutex_unlock(&worker->lock);
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
