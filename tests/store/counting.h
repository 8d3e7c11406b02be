#ifndef DU_TEST_STORE_COUNTING_H
#define DU_TEST_STORE_COUNTING_H

/* A counter on a ledger, and adds that are waited for. */

#include "counts.h"
#include "fixture.h"

#include <semaphore.h>

enum { TODAY = FIXTURE_WALL_S / 86400 };

/* One add that is waited for. */
struct add {
    struct du_count count;
    sem_t over;
};

static inline void add_done(struct du_count *count) {
    sem_post(&((struct add *)count)->over);
}

static inline void add_init(struct add *add, const char *subject, int32_t day, int64_t cap) {
    *add = (struct add){
        .count = {
            .scope = "downloads", .subject = subject, .day = day, .cap = cap, .done = add_done}};
    sem_init(&add->over, 0, 0);
}

static inline enum du_step start(struct du_counter *counter, struct add *add) {
    return counter->type->add(counter, &add->count);
}

static inline void wait_for(struct add *add) {
    while (sem_wait(&add->over) != 0)
        continue;
}

static inline bool grant_day(struct du_counter *counter, const char *subject, int32_t day,
                             int64_t cap) {
    struct add add;
    add_init(&add, subject, day, cap);
    enum du_step step = start(counter, &add);
    if (step == DU_STEP_PENDING)
        wait_for(&add);
    sem_destroy(&add.over);
    assert_int_not_equal(step, DU_STEP_FAILED);
    assert_int_equal(add.count.error.kind, DU_OK);
    return add.count.granted;
}

static inline bool grant(struct du_counter *counter, const char *subject, int64_t cap) {
    return grant_day(counter, subject, TODAY, cap);
}

static inline int64_t count_of(struct du_counter *counter, const char *subject) {
    return counter->type->read(counter, "downloads", subject, TODAY);
}

static inline void give_back(struct du_counter *counter, const char *subject) {
    assert_int_equal(counter->type->give_back(counter, "downloads", subject, TODAY, NULL), DU_OK);
}

struct store {
    struct du_ledger *ledger;
    struct du_counter *counter;
};

static inline struct store open_store(struct fixture *fixture) {
    struct store store = {.ledger = fixture_ledger(fixture, "counts.db", DU_COUNTS_SCHEMA, true)};
    struct du_error error;
    if (du_counts_new(&store.counter, &fixture->base, store.ledger, &error) != DU_OK)
        fail_msg("%s", error.message);
    return store;
}

static inline void close_store(struct store *store) {
    du_counter_free(&store->counter);
    du_ledger_close(&store->ledger);
}

#endif
