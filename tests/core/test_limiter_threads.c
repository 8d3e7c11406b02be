/* The limiter between threads: interleavings forced with barriers, then a storm that never may
 * exceed a limit nor lose a slot or a count. */

#include "limits.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 300, STORMY = 2000, CONCURRENCY = 3 };

static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

static void await_answer(struct request *request) {
    pthread_mutex_lock(&request->lock);
    while (request->delivered == 0)
        pthread_cond_wait(&request->news, &request->lock);
    pthread_mutex_unlock(&request->lock);
}

struct rival {
    struct limits *limits;
    pthread_barrier_t *start;
    struct request request;
};

static void *acquire_at_once(void *argument) {
    struct rival *rival = argument;
    pthread_barrier_wait(rival->start);
    assert_int_equal(acquire(rival->limits, &rival->request), DU_STEP_DONE);
    return NULL;
}

static void rule_1_of_those_who_ask_in_the_same_instant_as_many_win_as_allowed(void **state) {
    struct limits *limits = *state;
    for (int round = 0; round < ROUNDS; round++) {
        static struct rival rivals[THREADS];
        pthread_barrier_t all;
        pthread_t threads[THREADS];
        int won = 0;
        pthread_barrier_init(&all, NULL, THREADS);
        for (int i = 0; i < THREADS; i++) {
            rivals[i].limits = limits;
            rivals[i].start = &all;
            whole(limits, &rivals[i].request, CONCURRENCY, DU_UNLIMITED);
        }
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(acquire_at_once, &rivals[i]);
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        for (int i = 0; i < THREADS; i++)
            won += rivals[i].request.acquire.lease != NULL;
        assert_int_equal(won, CONCURRENCY);
        assert_int_equal(running(limits), CONCURRENCY);
        for (int i = 0; i < THREADS; i++)
            release(&rivals[i].request);
        pthread_barrier_destroy(&all);
    }
}

static struct {
    pthread_barrier_t here, there;
    struct request first, second, third;
} meeting;

static void deliver_and_meet(struct du_acquire *acquire) {
    note_answer(acquire);
    pthread_barrier_wait(&meeting.here);
    pthread_barrier_wait(&meeting.there);
}

static void *release_first(void *unused) {
    (void)unused;
    release(&meeting.first);
    return NULL;
}

static void an_abandon_during_delivery_is_too_late_and_the_lease_comes(void **state) {
    struct limits *limits = *state;
    pthread_barrier_init(&meeting.here, NULL, 2);
    pthread_barrier_init(&meeting.there, NULL, 2);
    get_lease(limits, piece(limits, &meeting.first, NULL, 1, 50));
    piece(limits, &meeting.second, "blob", 1, 50)->acquire.deliver = deliver_and_meet;
    get_in_line(limits, &meeting.second);
    get_in_line(limits, piece(limits, &meeting.third, "blob", 1, 50));
    pthread_t releasing = start(release_first, NULL);
    pthread_barrier_wait(&meeting.here);
    /* Both pieces are settled; the second one's delivery is held up by the first one's. */
    assert_false(du_limiter_abandon(limits->limiter, &meeting.third.acquire));
    assert_int_equal(running(limits), 1); /* no hook is called with the lock held */
    pthread_barrier_wait(&meeting.there);
    await_answer(&meeting.third);
    pthread_join(releasing, NULL);
    expect_lease(&meeting.third);
    release(&meeting.second);
    release(&meeting.third);
}

static void *abandon_second(void *argument) {
    struct limits *limits = argument;
    pthread_barrier_wait(&meeting.here);
    return du_limiter_abandon(limits->limiter, &meeting.second.acquire) ? limits : NULL;
}

static void an_abandon_that_races_the_release_is_heard_or_delivered_never_both(void **state) {
    struct limits *limits = *state;
    pthread_barrier_init(&meeting.here, NULL, 2);
    for (int round = 0; round < ROUNDS; round++) {
        void *abandoned = NULL;
        get_lease(limits, whole(limits, &meeting.first, 1, DU_UNLIMITED));
        get_in_line(limits, whole(limits, &meeting.second, 1, DU_UNLIMITED));
        pthread_t abandoning = start(abandon_second, limits);
        pthread_barrier_wait(&meeting.here);
        release(&meeting.first);
        pthread_join(abandoning, &abandoned);
        assert_int_equal(meeting.second.delivered, abandoned == NULL);
        if (abandoned == NULL)
            release(&meeting.second);
        assert_int_equal(running(limits), 0);
    }
}

/* A counter whose answers come from another thread, as the ledger's do. */
struct far_counter {
    struct du_counter counter;
    struct du_counter *memory;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct du_count *asked; /* by link */
    bool ending;
};

static enum du_step far_add(struct du_counter *counter, struct du_count *count) {
    struct far_counter *far = (struct far_counter *)counter;
    pthread_mutex_lock(&far->lock);
    count->link = far->asked;
    far->asked = count;
    pthread_cond_signal(&far->news);
    pthread_mutex_unlock(&far->lock);
    return DU_STEP_PENDING;
}

static enum du_error_kind far_give_back(struct du_counter *counter, const char *scope,
                                        const char *subject, int32_t day, struct du_error *error) {
    struct du_counter *memory = ((struct far_counter *)counter)->memory;
    return memory->type->give_back(memory, scope, subject, day, error);
}

static int64_t far_read(struct du_counter *counter, const char *scope, const char *subject,
                        int32_t day) {
    struct du_counter *memory = ((struct far_counter *)counter)->memory;
    return memory->type->read(memory, scope, subject, day);
}

static void *answer_from_afar(void *argument) {
    struct far_counter *far = argument;
    pthread_mutex_lock(&far->lock);
    while (far->asked != NULL || !far->ending) {
        struct du_count *count = far->asked;
        if (count == NULL) {
            pthread_cond_wait(&far->news, &far->lock);
            continue;
        }
        far->asked = count->link;
        pthread_mutex_unlock(&far->lock);
        far->memory->type->add(far->memory, count);
        count->done(count);
        pthread_mutex_lock(&far->lock);
    }
    pthread_mutex_unlock(&far->lock);
    return NULL;
}

struct sailor {
    struct limits *limits;
    struct du_limiter *limiter;
    atomic_int *inside; /* leases on whole requests of "ada" */
    unsigned seed;
    int exceeded, charged;
};

/* One turn: ask, maybe give up, hold, maybe ask for a refund, release. */
static void sail(struct sailor *sailor) {
    struct request request;
    unsigned dice = (unsigned)rand_r(&sailor->seed);
    bool in_pieces = dice & 8, abandoned = false;
    piece(sailor->limits, &request, in_pieces ? "blob" : NULL, CONCURRENCY, DU_UNLIMITED);
    request.acquire.subject = in_pieces ? "bob" : "ada";
    request.acquire.cover_ms = 0;
    request.acquire.wait = dice & 16;
    if (du_limiter_acquire(sailor->limiter, &request.acquire) == DU_STEP_PENDING) {
        abandoned = dice & 32 && du_limiter_abandon(sailor->limiter, &request.acquire);
        if (!abandoned)
            await_answer(&request);
    }
    if (abandoned || request.acquire.result != DU_ACQUIRED_LEASE)
        return;
    sailor->exceeded += !in_pieces && atomic_fetch_add(sailor->inside, 1) >= CONCURRENCY;
    sailor->charged += !in_pieces && (dice & 64) == 0;
    if (dice & 64)
        du_lease_refund(request.acquire.lease);
    sched_yield();
    if (!in_pieces)
        atomic_fetch_sub(sailor->inside, 1);
    release(&request);
}

static void *sail_on(void *argument) {
    for (int i = 0; i < STORMY; i++)
        sail(argument);
    return NULL;
}

static void a_storm_exceeds_no_limit_and_loses_no_slot_and_no_count(void **state) {
    static const struct du_counter_type type = {
        .add = far_add, .give_back = far_give_back, .read = far_read};
    struct limits *limits = *state;
    struct far_counter far = {.counter = {&type}, .memory = limits->slow.memory};
    pthread_mutex_init(&far.lock, NULL);
    pthread_cond_init(&far.news, NULL);
    struct du_limiter *limiter;
    assert_int_equal(du_limiter_new(&limiter, "storm", &far.counter, &limits->base), DU_OK);
    struct sailor sailors[THREADS];
    pthread_t threads[THREADS], answering = start(answer_from_afar, &far);
    atomic_int inside = 0;
    int charged = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        sailors[i] = (struct sailor){limits, limiter, &inside, i + 1, 0, 0};
        threads[i] = start(sail_on, &sailors[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(sailors[i].exceeded, 0);
        charged += sailors[i].charged;
    }
    pthread_mutex_lock(&far.lock);
    far.ending = true;
    pthread_cond_signal(&far.news);
    pthread_mutex_unlock(&far.lock);
    pthread_join(answering, NULL);
    assert_int_equal(du_limiter_leases(limiter), 0);
    assert_int_equal(du_limiter_subjects(limiter), 0);
    assert_int_equal(du_limiter_counted(limiter, "ada", NOON), charged);
    du_limiter_free(&limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(rule_1_of_those_who_ask_in_the_same_instant_as_many_win_as_allowed),
        LIMITS_CASE(an_abandon_during_delivery_is_too_late_and_the_lease_comes),
        LIMITS_CASE(an_abandon_that_races_the_release_is_heard_or_delivered_never_both),
        LIMITS_CASE(a_storm_exceeds_no_limit_and_loses_no_slot_and_no_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
