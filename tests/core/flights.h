#ifndef DU_TEST_FLIGHTS_H
#define DU_TEST_FLIGHTS_H

/* What the tests of SingleFlight share: a domain with two tables, values that count, and callers
 * who remember what was delivered to them. */

#include "mem.h"
#include "single_flight.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct flights {
    int64_t live; /* blocks before */
    struct du_flight_domain *domain;
    struct du_single_flight *table, *other;
};

struct number {
    struct du_value value;
    int number;
};

struct caller {
    struct du_waiter waiter;
    pthread_mutex_t lock;
    pthread_cond_t news;
    int delivered; /* how often */
};

static inline int set_up_flights(void **state) {
    static struct flights flights;
    flights.live = du_mem_live();
    assert_int_equal(du_flight_domain_new(&flights.domain), DU_OK);
    assert_int_equal(du_single_flight_new(&flights.table, flights.domain), DU_OK);
    assert_int_equal(du_single_flight_new(&flights.other, flights.domain), DU_OK);
    *state = &flights;
    return 0;
}

static inline int tear_down_flights(void **state) {
    struct flights *flights = *state;
    du_mem_fail_after(-1);
    assert_int_equal(du_single_flight_count(flights->table), 0);
    assert_int_equal(du_single_flight_count(flights->other), 0);
    du_single_flight_free(&flights->table);
    du_single_flight_free(&flights->other);
    du_flight_domain_free(&flights->domain);
    assert_null(flights->table);
    assert_null(flights->domain);
    assert_int_equal(du_mem_live(), flights->live);
    return 0;
}

static inline void free_number(struct du_value *value) {
    du_free(value);
}

static inline struct du_value *number(int of) {
    static const struct du_value_type type = {"number", free_number};
    struct number *made = du_malloc(sizeof *made);
    du_value_init(&made->value, &type);
    made->number = of;
    return &made->value;
}

static inline struct du_outcome fine(int of) {
    return (struct du_outcome){du_error_of(DU_OK), number(of)};
}

static inline struct du_outcome failed(enum du_error_kind kind, const char *message) {
    struct du_outcome outcome = {du_error_of(kind), NULL};
    du_error_set(&outcome.error, kind, "%s", message);
    return outcome;
}

static inline void note_delivery(struct du_waiter *waiter) {
    struct caller *caller = (struct caller *)waiter;
    pthread_mutex_lock(&caller->lock);
    caller->delivered++;
    pthread_cond_broadcast(&caller->news);
    pthread_mutex_unlock(&caller->lock);
}

static inline void init_caller(struct caller *caller) {
    memset(caller, 0, sizeof *caller);
    pthread_mutex_init(&caller->lock, NULL);
    pthread_cond_init(&caller->news, NULL);
    caller->waiter.deliver = note_delivery;
}

static inline int deliveries(struct caller *caller) {
    pthread_mutex_lock(&caller->lock);
    int delivered = caller->delivered;
    pthread_mutex_unlock(&caller->lock);
    return delivered;
}

static inline void await_delivery(struct caller *caller) {
    pthread_mutex_lock(&caller->lock);
    while (caller->delivered == 0)
        pthread_cond_wait(&caller->news, &caller->lock);
    pthread_mutex_unlock(&caller->lock);
}

static inline int number_in(const struct caller *caller) {
    assert_int_equal(caller->waiter.outcome.error.kind, DU_OK);
    assert_non_null(caller->waiter.outcome.value);
    return ((struct number *)caller->waiter.outcome.value)->number;
}

/* What a waiter's owner does at the end. */
static inline void let_go(struct caller *caller) {
    du_value_unref(&caller->waiter.outcome.value);
    du_flight_drop(&caller->waiter.held);
}

static inline enum du_join join_with(struct du_single_flight *table, const char *key,
                                     struct caller *caller, struct du_flight *within,
                                     const struct du_flight_options *options,
                                     struct du_flight **flight) {
    init_caller(caller);
    caller->waiter.within = within;
    struct du_error error;
    enum du_join join =
        du_single_flight_join(table, key, strlen(key), &caller->waiter, options, flight, &error);
    if (join == DU_JOIN_FAILED)
        caller->waiter.outcome.error = error;
    return join;
}

/* The caller leads a new flight. */
static inline struct du_flight *lead(struct du_single_flight *table, const char *key,
                                     struct caller *caller) {
    struct du_flight *flight;
    assert_int_equal(join_with(table, key, caller, NULL, NULL, &flight), DU_JOIN_LEADER);
    assert_non_null(flight);
    return flight;
}

static inline enum du_join join(struct du_single_flight *table, const char *key,
                                struct caller *caller) {
    struct du_flight *flight;
    enum du_join how = join_with(table, key, caller, NULL, NULL, &flight);
    assert_null(flight);
    return how;
}

#endif
