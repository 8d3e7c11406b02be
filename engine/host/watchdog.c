#include "watchdog.h"

#include "engine_int.h"
#include "mem.h"

#include <signal.h>
#include <stdio.h>

enum { EVERY_MS = 250, STALL_MS = 1000 };

struct du_ping {
    struct du_mail mail;
    atomic_bool under_way;
    atomic_int_fast64_t sent_ms;
    int64_t told_ms; /* the length of the stall that was told last; the watchdog's */
};

/* Not the engine's clock: that may be moved, and stalls are real. */
static int64_t now_ms(void) {
    struct du_clock clock;
    du_clock_init(&clock);
    return du_clock_mono_ms(&clock);
}

static void arrived(struct du_mail *mail) {
    atomic_store(&du_container_of(mail, struct du_ping, mail)->under_way, false);
}

static void tell(struct du_watchdog *watchdog, size_t worker, int64_t ms, bool over) {
    struct du_engine *engine = watchdog->engine;
    struct du_worker_at at = du_worker_at(engine->workers[worker]);
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)at.number);
    const struct du_log_field fields[] = {
        {"worker", DU_LOG_INTEGER, {.integer = (int64_t)worker}},
        {"ms", DU_LOG_INTEGER, {.integer = ms}},
        {"at", DU_LOG_STRING, {.string = over ? NULL : at.label}},
    };
    du_log_write(engine->base.log, DU_LOG_WARN, !over && at.number != 0 ? id : NULL,
                 over ? "a worker goes on after it stood still" : "a worker stands still", fields,
                 sizeof fields / sizeof *fields);
}

static void count(struct du_engine *engine, int64_t stalls) {
    du_series_add(du_metrics_series(engine->stores.shared.metrics, "dunite_worker_stalls_total",
                                    DU_METRIC_COUNTER, "Times that a worker's loop stood still.",
                                    ""),
                  stalls);
}

static void look(struct du_watchdog *watchdog, size_t worker) {
    struct du_ping *ping = &watchdog->pings[worker];
    int64_t now = now_ms(), ms = now - atomic_load(&ping->sent_ms);
    if (atomic_load(&ping->under_way)) {
        if (ms < STALL_MS || ms < 2 * ping->told_ms)
            return;
        if (ping->told_ms == 0)
            count(watchdog->engine, 1);
        ping->told_ms = ms;
        tell(watchdog, worker, ms, false);
        return;
    }
    if (ping->told_ms > 0)
        tell(watchdog, worker, ms, true);
    ping->told_ms = 0;
    atomic_store(&ping->sent_ms, now);
    atomic_store(&ping->under_way, true);
    du_worker_post(watchdog->engine->workers[worker], &ping->mail);
}

static void *run(void *user) {
    struct du_watchdog *watchdog = user;
    pthread_mutex_lock(&watchdog->lock);
    while (!watchdog->ending) {
        pthread_mutex_unlock(&watchdog->lock);
        for (size_t i = 0; i < watchdog->count; i++)
            look(watchdog, i);
        struct timespec until = du_clock_deadline(EVERY_MS);
        pthread_mutex_lock(&watchdog->lock);
        if (!watchdog->ending)
            pthread_cond_timedwait(&watchdog->news, &watchdog->lock, &until);
    }
    pthread_mutex_unlock(&watchdog->lock);
    return NULL;
}

void du_watchdog_start(struct du_watchdog *watchdog, struct du_engine *engine) {
    sigset_t all, before;
    watchdog->engine = engine;
    watchdog->pings = du_calloc(engine->worker_count, sizeof *watchdog->pings);
    watchdog->count = watchdog->pings != NULL ? engine->worker_count : 0;
    for (size_t i = 0; i < watchdog->count; i++)
        watchdog->pings[i].mail.deliver = arrived;
    pthread_mutex_init(&watchdog->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* du_clock_deadline's */
    pthread_cond_init(&watchdog->news, &attributes);
    pthread_condattr_destroy(&attributes);
    count(engine, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    watchdog->started = pthread_create(&watchdog->thread, NULL, run, watchdog) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void du_watchdog_stop(struct du_watchdog *watchdog) {
    if (!watchdog->started)
        return;
    pthread_mutex_lock(&watchdog->lock);
    watchdog->ending = true;
    pthread_cond_signal(&watchdog->news);
    pthread_mutex_unlock(&watchdog->lock);
    pthread_join(watchdog->thread, NULL);
    watchdog->started = false;
}

void du_watchdog_deinit(struct du_watchdog *watchdog) {
    if (watchdog->engine == NULL)
        return;
    pthread_cond_destroy(&watchdog->news);
    pthread_mutex_destroy(&watchdog->lock);
    du_free(watchdog->pings);
}

int64_t du_watchdog_longest(struct du_watchdog *watchdog) {
    int64_t longest = 0, now = now_ms();
    for (size_t i = 0; i < watchdog->count; i++) {
        int64_t ms = now - atomic_load(&watchdog->pings[i].sent_ms);
        if (atomic_load(&watchdog->pings[i].under_way) && ms > longest)
            longest = ms;
    }
    return longest;
}
