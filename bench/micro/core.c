/* What the core's primitives cost by themselves: nanoseconds, allocations and bytes. */

#include "base.h"
#include "counter.h"
#include "figure.h"
#include "limiter.h"
#include "mem.h"
#include "single_flight.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS = 2000000,
    COHORT = 1000,
    COHORTS = 500,
    CONTENDED = 500000,
    ACQUIRES = 2000000,
    HELD = 100000
};

struct rig {
    struct du_base base;
    struct du_flight_domain *domain;
    struct du_single_flight *table;
    struct du_counter *counter;
    struct du_limiter *limiter;
};

static _Thread_local int64_t delivered;

static void note(struct du_waiter *waiter) {
    du_value_unref(&waiter->outcome.value);
    delivered++;
}

static enum du_join join(struct rig *rig, const char *key, struct du_waiter *waiter,
                         struct du_flight **flight) {
    struct du_error error;
    waiter->deliver = note;
    return du_single_flight_join(rig->table, key, strlen(key), waiter, NULL, flight, &error);
}

static void complete(struct du_flight **flight) {
    du_flight_succeed(flight, NULL);
}

static void run_and_complete(struct rig *rig) {
    du_mem_fail_after(-1);
    struct du_waiter waiter = {0}; /* of what the caller allocates for himself anyway */
    struct du_flight *flight;
    int64_t start = figure_cpu_ns();
    for (int i = 0; i < RUNS; i++) {
        join(rig, "a key of some length", &waiter, &flight);
        complete(&flight);
    }
    figure_each("flight.run_ns", start, RUNS);
    figure("flight.run_allocations", (double)du_mem_asked() / RUNS);
}

static void join_a_cohort(struct rig *rig) {
    struct du_waiter *waiters = malloc(COHORT * sizeof *waiters);
    struct du_flight *flight, *none;
    int64_t start = figure_cpu_ns();
    for (int i = 0; i < COHORTS; i++) {
        memset(waiters, 0, COHORT * sizeof *waiters);
        join(rig, "a key of some length", &waiters[0], &flight);
        for (int j = 1; j < COHORT; j++)
            join(rig, "a key of some length", &waiters[j], &none);
        complete(&flight);
    }
    figure_each("flight.waiter_ns", start, (int64_t)COHORT * COHORTS);
    free(waiters);
}

/* Both threads run one key as fast as they can: whoever joins waits for the other's completion. */
struct contender {
    struct rig *rig;
    pthread_barrier_t *begin;
    int64_t joined;
};

struct spinning {
    struct du_waiter waiter;
    atomic_bool done;
};

static void wake(struct du_waiter *waiter) {
    atomic_store_explicit(&((struct spinning *)waiter)->done, true, memory_order_release);
}

static void *contend(void *user) {
    struct contender *contender = user;
    pthread_barrier_wait(contender->begin);
    for (int i = 0; i < CONTENDED; i++) {
        struct spinning spinning;
        struct du_flight *flight;
        struct du_error error;
        memset(&spinning, 0, sizeof spinning);
        spinning.waiter.deliver = wake;
        enum du_join how = du_single_flight_join(contender->rig->table, "hot", 3, &spinning.waiter,
                                                 NULL, &flight, &error);
        if (how == DU_JOIN_LEADER)
            complete(&flight);
        contender->joined += how == DU_JOIN_JOINED;
        while (!atomic_load_explicit(&spinning.done, memory_order_acquire))
            continue;
    }
    return NULL;
}

static void two_threads(struct rig *rig) {
    pthread_t threads[2];
    pthread_barrier_t begin;
    struct contender contenders[2] = {{rig, &begin, 0}, {rig, &begin, 0}};
    pthread_barrier_init(&begin, NULL, 3);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, contend, &contenders[i]);
    pthread_barrier_wait(&begin);
    int64_t start = figure_cpu_ns();
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    figure_each("flight.contended_ns", start, 2 * (int64_t)CONTENDED);
    figure("flight.contended_joined_percent",
           100.0 * (double)(contenders[0].joined + contenders[1].joined) / (2.0 * CONTENDED));
    pthread_barrier_destroy(&begin);
}

static void begin_acquire(struct rig *rig, struct du_acquire *acquire, const char *subject,
                          bool slot_only) {
    *acquire = (struct du_acquire){
        .subject = subject, .limits = {2, 1000000000}, .slot_only = slot_only, .wall_ms = 1};
    du_limiter_acquire(rig->limiter, acquire);
}

static void acquire_and_release(struct rig *rig, const char *name, bool slot_only) {
    struct du_acquire acquire; /* of what the caller allocates for himself anyway */
    begin_acquire(rig, &acquire, "ada@example.com", slot_only);
    du_lease_release(&acquire.lease);
    int64_t start = figure_cpu_ns();
    for (int i = 0; i < ACQUIRES; i++) {
        du_limiter_acquire(rig->limiter, &acquire);
        du_lease_release(&acquire.lease);
    }
    figure_each(name, start, ACQUIRES);
}

static void flights_held(struct rig *rig) {
    struct du_flight **flights = malloc(HELD * sizeof *flights);
    struct du_waiter *waiters = calloc(HELD, sizeof *waiters);
    char key[32];
    int64_t before = figure_heap();
    for (int i = 0; i < HELD; i++) {
        snprintf(key, sizeof key, "key %08d", i);
        join(rig, key, &waiters[i], &flights[i]);
    }
    figure("memory.flight_bytes", (double)(figure_heap() - before) / HELD);
    for (int i = 0; i < HELD; i++)
        complete(&flights[i]);
    figure("memory.waiter_bytes", sizeof *waiters);
    figure("memory.flights_left_bytes", (double)(figure_heap() - before));
    free(flights);
    free(waiters);
}

static void leases_held(struct rig *rig) {
    struct du_acquire *acquires = calloc(HELD, sizeof *acquires);
    char(*subjects)[32] = malloc(HELD * sizeof *subjects);
    int64_t before = figure_heap();
    for (int i = 0; i < HELD; i++) {
        snprintf(subjects[i], sizeof *subjects, "subject %08d", i);
        begin_acquire(rig, &acquires[i], subjects[i], true);
    }
    figure("memory.lease_of_a_new_subject_bytes", (double)(figure_heap() - before) / HELD);
    for (int i = 0; i < HELD; i++)
        du_lease_release(&acquires[i].lease);
    figure("memory.leases_left_bytes", (double)(figure_heap() - before));
    free(subjects);
    free(acquires);
}

int main(void) {
    struct rig rig;
    memset(&rig, 0, sizeof rig);
    du_clock_init(&rig.base.clock);
    du_faults_init(&rig.base.faults);
    du_flight_domain_new(&rig.domain);
    du_single_flight_new(&rig.table, rig.domain);
    du_counter_memory_new(&rig.counter, NULL);
    du_limiter_new(&rig.limiter, "downloads", rig.counter, &rig.base);
    run_and_complete(&rig);
    join_a_cohort(&rig);
    two_threads(&rig);
    acquire_and_release(&rig, "limiter.slot_ns", true);
    acquire_and_release(&rig, "limiter.slot_and_day_ns", false);
    flights_held(&rig);
    leases_held(&rig);
    du_limiter_free(&rig.limiter);
    du_counter_free(&rig.counter);
    du_single_flight_free(&rig.table);
    du_flight_domain_free(&rig.domain);
    return 0;
}
