#ifndef DU_TEST_LIMITS_H
#define DU_TEST_LIMITS_H

/* What the tests of the limiter share: a limiter with a clock that stands, a counter that can be
 * made slow and looks at the limiter when it is called, and requests that remember their delivery.
 */

#include "base.h"
#include "limiter.h"
#include "mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOON ((int64_t)1769860800000) /* 2026-01-31T12:00:00Z */

#define HALF_DAY_MS ((int64_t)43200000)

enum { COVER_MS = 600000, MOST_HELD = 64 };

/* Counts in memory; while slow, it answers PENDING and does so later, when told. */
struct slow_counter {
    struct du_counter counter;
    struct du_counter *memory;
    struct du_limiter *limiter;
    bool slow;
    struct du_count *held[MOST_HELD];
    int held_count;
    atomic_int adds, give_backs;
    atomic_int_fast64_t running_at_add, running_at_give_back;
};

struct limits {
    int64_t live; /* blocks before */
    struct du_base base;
    struct slow_counter slow;
    struct du_limiter *limiter;
    char log[4096];
};

struct request {
    struct du_acquire acquire;
    pthread_mutex_t lock;
    pthread_cond_t news;
    int delivered;    /* how often */
    int turn;         /* the number of this delivery among all */
    int64_t *running; /* when set: gets the slots taken at delivery */
    struct limits *limits;
};

static atomic_int turns; /* deliveries so far */

static inline enum du_step slow_add(struct du_counter *counter, struct du_count *count) {
    struct slow_counter *slow = (struct slow_counter *)counter;
    slow->adds++;
    slow->running_at_add = du_limiter_running(slow->limiter, count->subject);
    if (!slow->slow)
        return slow->memory->type->add(slow->memory, count);
    assert_true(slow->held_count < MOST_HELD);
    slow->held[slow->held_count++] = count;
    return DU_STEP_PENDING;
}

static inline enum du_error_kind slow_give_back(struct du_counter *counter, const char *scope,
                                                const char *subject, int32_t day,
                                                struct du_error *error) {
    struct slow_counter *slow = (struct slow_counter *)counter;
    slow->give_backs++;
    slow->running_at_give_back = du_limiter_running(slow->limiter, subject);
    return slow->memory->type->give_back(slow->memory, scope, subject, day, error);
}

static inline int64_t slow_read(struct du_counter *counter, const char *scope, const char *subject,
                                int32_t day) {
    struct slow_counter *slow = (struct slow_counter *)counter;
    return slow->memory->type->read(slow->memory, scope, subject, day);
}

/* Answers what it held, in order. */
static inline void answer_held(struct limits *limits) {
    struct slow_counter *slow = &limits->slow;
    while (slow->held_count > 0) {
        struct du_count *count = slow->held[0];
        memmove(slow->held, slow->held + 1, sizeof *slow->held * (size_t)--slow->held_count);
        if (slow->memory->type->add(slow->memory, count) == DU_STEP_FAILED)
            count->granted = false;
        count->done(count);
    }
}

static inline void keep_line(void *user, enum du_log_level level, const char *line, size_t size) {
    struct limits *limits = user;
    (void)level;
    strncat(limits->log, line, size < 500 ? size : 500);
}

static inline int set_up_limits(void **state) {
    static const struct du_counter_type type = {
        .add = slow_add, .give_back = slow_give_back, .read = slow_read};
    static struct limits limits;
    memset(&limits, 0, sizeof limits);
    limits.live = du_mem_live();
    du_clock_init_manual(&limits.base.clock, NOON);
    du_faults_init(&limits.base.faults);
    assert_int_equal(du_log_new(&limits.base.log, &limits.base.clock, DU_LOG_TEXT, DU_LOG_DEBUG,
                                "/dev/null", NULL),
                     DU_OK);
    du_log_set_sink(limits.base.log, keep_line, &limits);
    assert_int_equal(du_counter_memory_new(&limits.slow.memory, &limits.base.faults), DU_OK);
    limits.slow.counter.type = &type;
    assert_int_equal(
        du_limiter_new(&limits.limiter, "downloads", &limits.slow.counter, &limits.base), DU_OK);
    limits.slow.limiter = limits.limiter;
    turns = 0;
    *state = &limits;
    return 0;
}

static inline int tear_down_limits(void **state) {
    struct limits *limits = *state;
    du_mem_fail_after(-1);
    assert_int_equal(du_limiter_leases(limits->limiter), 0);
    du_limiter_free(&limits->limiter);
    assert_null(limits->limiter);
    du_counter_free(&limits->slow.memory);
    du_log_free(&limits->base.log);
    assert_int_equal(du_mem_live(), limits->live);
    return 0;
}

static inline void note_answer(struct du_acquire *acquire) {
    struct request *request = (struct request *)acquire;
    if (request->running != NULL)
        *request->running = du_limiter_running(request->limits->limiter, acquire->subject);
    pthread_mutex_lock(&request->lock);
    request->delivered++;
    request->turn = ++turns;
    pthread_cond_broadcast(&request->news);
    pthread_mutex_unlock(&request->lock);
}

/* A whole request of "ada", two at once and any number a day, to be changed by the test. */
static inline void init_request(struct limits *limits, struct request *request) {
    memset(request, 0, sizeof *request);
    pthread_mutex_init(&request->lock, NULL);
    pthread_cond_init(&request->news, NULL);
    request->limits = limits;
    request->acquire = (struct du_acquire){
        .subject = "ada",
        .limits = {.concurrency = 2, .daily_cap = DU_UNLIMITED},
        .cover_ms = COVER_MS,
        .wall_ms = du_clock_wall_ms(&limits->base.clock),
        .mono_ms = du_clock_mono_ms(&limits->base.clock),
        .deliver = note_answer,
    };
}

static inline enum du_step acquire(struct limits *limits, struct request *request) {
    return du_limiter_acquire(limits->limiter, &request->acquire);
}

static inline void expect_lease(struct request *request) {
    assert_int_equal(request->acquire.result, DU_ACQUIRED_LEASE);
    assert_non_null(request->acquire.lease);
}

static inline void expect_denial(struct request *request, enum du_limit_denial kind) {
    assert_int_equal(request->acquire.result, DU_ACQUIRED_DENIAL);
    assert_null(request->acquire.lease);
    assert_int_equal(request->acquire.denial.kind, kind);
}

static inline void expect_error(struct request *request, enum du_error_kind kind) {
    assert_int_equal(request->acquire.result, DU_ACQUIRED_ERROR);
    assert_null(request->acquire.lease);
    assert_int_equal(request->acquire.error.kind, kind);
}

static inline struct request *whole(struct limits *limits, struct request *request,
                                    int64_t concurrency, int64_t daily_cap) {
    init_request(limits, request);
    request->acquire.limits = (struct du_limits){concurrency, daily_cap};
    return request;
}

static inline struct request *piece(struct limits *limits, struct request *request,
                                    const char *share, int64_t concurrency, int64_t daily_cap) {
    whole(limits, request, concurrency, daily_cap);
    request->acquire.share = share;
    return request;
}

static inline void get_lease(struct limits *limits, struct request *request) {
    assert_int_equal(acquire(limits, request), DU_STEP_DONE);
    expect_lease(request);
}

static inline void get_denial(struct limits *limits, struct request *request,
                              enum du_limit_denial kind) {
    assert_int_equal(acquire(limits, request), DU_STEP_DONE);
    expect_denial(request, kind);
}

/* To the queue, or to wait for a slow count. */
static inline void get_in_line(struct limits *limits, struct request *request) {
    request->acquire.wait = true;
    assert_int_equal(acquire(limits, request), DU_STEP_PENDING);
    assert_int_equal(request->delivered, 0);
}

static inline void release(struct request *request) {
    du_lease_release(&request->acquire.lease);
    assert_null(request->acquire.lease);
}

static inline int64_t running(struct limits *limits) {
    return du_limiter_running(limits->limiter, "ada");
}

static inline int64_t counted(struct limits *limits) {
    return du_limiter_counted(limits->limiter, "ada", du_clock_wall_ms(&limits->base.clock));
}

#define LIMITS_CASE(test) cmocka_unit_test_setup_teardown(test, set_up_limits, tear_down_limits)

#endif
