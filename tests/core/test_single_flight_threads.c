/* SingleFlight between threads: each interleaving is forced with barriers, none is hoped for; one
 * storm at the end looks for those nobody thought of. */

#include "flights.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { THREADS = 4, ROUNDS = 300, STORMY = 2000 };

static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
    return thread;
}

/* What the cases below share. Their barriers are met by two threads. */
struct meeting {
    struct flights *flights;
    pthread_barrier_t here, there;
    struct caller first, second, third;
    struct du_flight *flight;
    atomic_int hooks, hooks_left, left_at_return;
};

static struct meeting *meet(struct flights *flights) {
    static struct meeting meeting;
    memset(&meeting, 0, sizeof meeting);
    meeting.flights = flights;
    pthread_barrier_init(&meeting.here, NULL, 2);
    pthread_barrier_init(&meeting.there, NULL, 2);
    return &meeting;
}

static struct meeting *current; /* of a deliver hook, which has no argument of its own */

static void deliver_and_meet(struct du_waiter *waiter) {
    note_delivery(waiter);
    pthread_barrier_wait(&current->here);
    pthread_barrier_wait(&current->there);
}

static void *complete_it(void *argument) {
    struct meeting *meeting = argument;
    du_flight_complete(&meeting->flight, fine(1));
    return NULL;
}

static void rule_4_a_newer_flight_survives_the_completion_that_is_still_under_way(void **state) {
    struct flights *flights = *state;
    struct meeting *meeting = current = meet(flights);
    meeting->flight = lead(flights->table, "k", &meeting->first);
    meeting->first.waiter.deliver = deliver_and_meet;
    pthread_t completing = start(complete_it, meeting);
    pthread_barrier_wait(&meeting->here);
    /* The old cohort is being told; its key is free, so this leads. */
    struct du_flight *newer = lead(flights->table, "k", &meeting->second);
    pthread_barrier_wait(&meeting->there);
    pthread_join(completing, NULL);
    assert_int_equal(du_single_flight_count(flights->table), 1);
    assert_int_equal(join(flights->table, "k", &meeting->third), DU_JOIN_JOINED);
    assert_int_equal(deliveries(&meeting->second), 0);
    du_flight_complete(&newer, fine(2));
    assert_int_equal(number_in(&meeting->first), 1);
    assert_int_equal(number_in(&meeting->second), 2);
    assert_int_equal(number_in(&meeting->third), 2);
    let_go(&meeting->first);
    let_go(&meeting->second);
    let_go(&meeting->third);
}

static void a_leave_during_completion_is_too_late_and_the_delivery_comes(void **state) {
    struct flights *flights = *state;
    struct meeting *meeting = current = meet(flights);
    meeting->flight = lead(flights->table, "k", &meeting->first);
    meeting->first.waiter.deliver = deliver_and_meet;
    join(flights->table, "k", &meeting->second);
    pthread_t completing = start(complete_it, meeting);
    pthread_barrier_wait(&meeting->here);
    assert_int_equal(deliveries(&meeting->second), 0);
    assert_false(du_flight_leave(&meeting->second.waiter));
    pthread_barrier_wait(&meeting->there);
    await_delivery(&meeting->second);
    pthread_join(completing, NULL);
    assert_int_equal(deliveries(&meeting->second), 1);
    let_go(&meeting->first);
    let_go(&meeting->second);
}

static void hook_and_meet(struct du_flight *flight, void *user) {
    struct meeting *meeting = user;
    (void)flight;
    if (atomic_fetch_add(&meeting->hooks, 1) == 0) {
        pthread_barrier_wait(&meeting->here);
        pthread_barrier_wait(&meeting->there);
    }
    atomic_fetch_add(&meeting->hooks_left, 1);
}

static void *leave_first(void *argument) {
    struct meeting *meeting = argument;
    assert_true(du_flight_leave(&meeting->first.waiter));
    return NULL;
}

static void a_joiner_who_comes_while_the_hook_runs_keeps_the_flight(void **state) {
    struct flights *flights = *state;
    struct meeting *meeting = meet(flights);
    const struct du_flight_options options = {hook_and_meet, meeting};
    join_with(flights->table, "k", &meeting->first, NULL, &options, &meeting->flight);
    pthread_t leaving = start(leave_first, meeting);
    pthread_barrier_wait(&meeting->here);
    assert_int_equal(join(flights->table, "k", &meeting->second), DU_JOIN_JOINED);
    assert_false(du_flight_confirm_abandoned(meeting->flight));
    assert_true(du_flight_leave(&meeting->second.waiter)); /* the hook a second time, meanwhile */
    assert_int_equal(meeting->hooks, 2);
    assert_true(du_flight_confirm_abandoned(meeting->flight));
    pthread_barrier_wait(&meeting->there);
    pthread_join(leaving, NULL);
    struct du_flight *newer = lead(flights->table, "k", &meeting->third);
    du_flight_complete(&meeting->flight, failed(DU_CANCELLED, "nobody"));
    assert_int_equal(du_single_flight_count(flights->table), 1);
    du_flight_complete(&newer, fine(1));
    let_go(&meeting->third);
}

static void *complete_after_hook(void *argument) {
    struct meeting *meeting = argument;
    du_flight_complete(&meeting->flight, fine(1));
    meeting->left_at_return = meeting->hooks_left;
    return NULL;
}

static void once_complete_has_returned_no_hook_is_running(void **state) {
    struct flights *flights = *state;
    struct meeting *meeting = meet(flights);
    const struct du_flight_options options = {hook_and_meet, meeting};
    join_with(flights->table, "k", &meeting->first, NULL, &options, &meeting->flight);
    pthread_t leaving = start(leave_first, meeting);
    pthread_barrier_wait(&meeting->here);
    pthread_t completing = start(complete_after_hook, meeting);
    /* It is out of the table and has let go of the lock: so it waits for the hook. */
    while (du_single_flight_count(flights->table) > 0)
        sched_yield();
    assert_int_equal(meeting->hooks_left, 0);
    pthread_barrier_wait(&meeting->there);
    pthread_join(completing, NULL);
    pthread_join(leaving, NULL);
    assert_int_equal(meeting->left_at_return, 1);
}

struct joiner {
    struct flights *flights;
    pthread_barrier_t *start;
    atomic_int *joined, *leaders;
    struct caller caller;
};

static void *join_at_once(void *argument) {
    struct joiner *joiner = argument;
    struct du_flight *flight;
    pthread_barrier_wait(joiner->start);
    enum du_join how = join_with(joiner->flights->table, "k", &joiner->caller, NULL, NULL, &flight);
    atomic_fetch_add(joiner->joined, 1);
    if (how == DU_JOIN_LEADER) {
        atomic_fetch_add(joiner->leaders, 1);
        while (atomic_load(joiner->joined) < THREADS)
            sched_yield();
        du_flight_complete(&flight, fine(9));
    }
    await_delivery(&joiner->caller);
    return NULL;
}

static void rule_1_who_join_in_the_same_instant_have_one_leader(void **state) {
    struct flights *flights = *state;
    static struct joiner joiners[THREADS];
    for (int round = 0; round < ROUNDS; round++) {
        pthread_barrier_t all;
        pthread_t threads[THREADS];
        atomic_int joined = 0, leaders = 0;
        pthread_barrier_init(&all, NULL, THREADS);
        for (int i = 0; i < THREADS; i++) {
            joiners[i] = (struct joiner){
                .flights = flights, .start = &all, .joined = &joined, .leaders = &leaders};
            threads[i] = start(join_at_once, &joiners[i]);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(leaders, 1);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(deliveries(&joiners[i].caller), 1);
            assert_int_equal(number_in(&joiners[i].caller), 9);
            let_go(&joiners[i].caller);
        }
        pthread_barrier_destroy(&all);
    }
}

static void *leave_at_once(void *argument) {
    struct meeting *meeting = argument;
    pthread_barrier_wait(&meeting->here);
    return du_flight_leave(&meeting->second.waiter) ? meeting : NULL;
}

static void rule_9_a_leave_that_races_completion_has_left_or_is_delivered_never_both(void **state) {
    struct flights *flights = *state;
    for (int round = 0; round < ROUNDS; round++) {
        struct meeting *meeting = meet(flights);
        void *left = NULL;
        meeting->flight = lead(flights->table, "k", &meeting->first);
        join(flights->table, "k", &meeting->second);
        pthread_t leaving = start(leave_at_once, meeting);
        pthread_barrier_wait(&meeting->here);
        du_flight_complete(&meeting->flight, fine(1));
        pthread_join(leaving, &left);
        assert_int_equal(deliveries(&meeting->second), left == NULL);
        let_go(&meeting->first);
        let_go(&meeting->second);
    }
}

struct sailor {
    struct flights *flights;
    unsigned seed;
    int outcomes, joins;
};

static void do_nothing(struct du_flight *flight, void *user) {
    (void)user;
    du_flight_published(flight);
}

/* One turn: join some key, end the flight as its leader, else leave or wait. */
static void sail(struct sailor *sailor) {
    static const char *const keys[] = {"a", "b", "c"};
    static const struct du_flight_options options = {do_nothing, NULL};
    struct caller caller;
    struct du_flight *flight;
    unsigned dice = (unsigned)rand_r(&sailor->seed);
    enum du_join how =
        join_with(sailor->flights->table, keys[dice % 3], &caller, NULL, &options, &flight);
    bool left = false;
    sailor->joins++;
    if (how == DU_JOIN_LEADER) {
        struct du_value *value = number(1);
        if (dice & 16)
            left = du_flight_leave(&caller.waiter);
        if (dice & 32)
            du_flight_confirm_abandoned(flight);
        if (dice & 64)
            du_flight_publish(flight, value);
        du_value_unref(&value);
        du_flight_complete(&flight, dice & 128 ? fine(1) : failed(DU_TRANSPORT, "broke"));
    } else if (dice & 16) {
        left = how == DU_JOIN_JOINED && du_flight_leave(&caller.waiter);
    }
    if (!left && how != DU_JOIN_SETTLED)
        await_delivery(&caller);
    sailor->outcomes += left ? deliveries(&caller) == 0 : 1;
    let_go(&caller);
}

static void *sail_on(void *argument) {
    for (int i = 0; i < STORMY; i++)
        sail(argument);
    return NULL;
}

static void a_storm_leaves_no_flight_and_everyone_had_one_outcome(void **state) {
    struct sailor sailors[THREADS];
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        sailors[i] = (struct sailor){*state, i + 1, 0, 0};
        threads[i] = start(sail_on, &sailors[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(sailors[i].joins, STORMY);
        assert_int_equal(sailors[i].outcomes, STORMY);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_flights, tear_down_flights)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(rule_4_a_newer_flight_survives_the_completion_that_is_still_under_way),
        CASE(a_leave_during_completion_is_too_late_and_the_delivery_comes),
        CASE(a_joiner_who_comes_while_the_hook_runs_keeps_the_flight),
        CASE(once_complete_has_returned_no_hook_is_running),
        CASE(rule_1_who_join_in_the_same_instant_have_one_leader),
        CASE(rule_9_a_leave_that_races_completion_has_left_or_is_delivered_never_both),
        CASE(a_storm_leaves_no_flight_and_everyone_had_one_outcome),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
