/* Turns: who goes, who waits, and whose turn is next. */

#include "mem.h"
#include "turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

enum { PER_UPSTREAM = 3, PER_MEMBER = 2 };

static struct du_turns turns;
static char upstreams[2];
static int64_t live;

static const struct du_origin *upstream(int which) {
    return (const struct du_origin *)(const void *)&upstreams[which];
}

static int set_up(void **state) {
    (void)state;
    live = du_mem_live();
    du_turns_init(&turns, PER_UPSTREAM, PER_MEMBER);
    return 0;
}

/* What nobody uses costs nothing. */
static int tear_down(void **state) {
    (void)state;
    assert_int_equal(du_mem_live(), live);
    du_turns_deinit(&turns);
    return 0;
}

static void note(void *user) {
    ++*(int *)user;
}

struct taken {
    struct du_turn turn;
    int granted;
    enum du_step step;
    struct du_error error;
};

static void take(struct taken *taken, int of, const char *member) {
    *taken = (struct taken){.turn = {.granted = note}};
    taken->turn.user = &taken->granted;
    taken->step = du_turns_take(&turns, &taken->turn, upstream(of), member, &taken->error);
}

static void give(struct taken *taken) {
    du_turns_give(&turns, &taken->turn);
}

static void give_all(struct taken *taken, int count) {
    for (int i = count - 1; i >= 0; i--)
        give(&taken[i]);
}

static void an_upstream_has_so_many_turns(void **state) {
    (void)state;
    struct taken taken[PER_UPSTREAM + 2], other;
    for (int i = 0; i < PER_UPSTREAM + 2; i++)
        take(&taken[i], 0, NULL);
    assert_int_equal(taken[PER_UPSTREAM - 1].step, DU_STEP_DONE);
    assert_int_equal(taken[PER_UPSTREAM].step, DU_STEP_PENDING);
    assert_false(du_turn_is_taken(&taken[PER_UPSTREAM].turn));
    take(&other, 1, NULL);
    assert_int_equal(other.step, DU_STEP_DONE);
    give(&other);
    assert_int_equal(taken[PER_UPSTREAM].granted, 0);
    give(&taken[0]);
    assert_int_equal(taken[PER_UPSTREAM].granted, 1);
    assert_true(du_turn_is_taken(&taken[PER_UPSTREAM].turn));
    assert_int_equal(taken[PER_UPSTREAM + 1].granted, 0);
    give(&taken[0]); /* twice is harmless */
    assert_int_equal(taken[PER_UPSTREAM + 1].granted, 0);
    give_all(taken, PER_UPSTREAM + 2);
}

static void a_member_has_so_many_turns_over_all_upstreams(void **state) {
    (void)state;
    struct taken ada[3], bob;
    take(&ada[0], 0, "ada");
    take(&ada[1], 1, "ada");
    take(&ada[2], 1, "ada");
    assert_int_equal(ada[2].step, DU_STEP_PENDING);
    take(&bob, 1, "bob");
    assert_int_equal(bob.step, DU_STEP_DONE);
    give(&bob);
    assert_int_equal(ada[2].granted, 0);
    give(&ada[0]);
    assert_int_equal(ada[2].granted, 1);
    give_all(ada, 3);
}

static void who_waits_for_his_own_holds_up_nobody_behind_him(void **state) {
    (void)state;
    struct taken ada[3], bob[2];
    for (int i = 0; i < 3; i++)
        take(&ada[i], 0, "ada");
    take(&bob[0], 0, "bob");
    take(&bob[1], 0, "bob"); /* behind ada's third */
    assert_int_equal(bob[0].step, DU_STEP_DONE);
    assert_int_equal(bob[1].step, DU_STEP_PENDING);
    give(&bob[0]);
    assert_int_equal(ada[2].granted, 0);
    assert_int_equal(bob[1].granted, 1);
    give(&bob[1]);
    give(&ada[1]);
    assert_int_equal(ada[2].granted, 1);
    give_all(ada, 3);
}

static void turns_come_in_the_order_of_waiting(void **state) {
    (void)state;
    struct taken taken[PER_UPSTREAM + 4];
    for (int i = 0; i < PER_UPSTREAM + 4; i++)
        take(&taken[i], 0, NULL);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(taken[PER_UPSTREAM + i].granted, 0);
        give(&taken[i]);
        assert_int_equal(taken[PER_UPSTREAM + i].granted, 1);
    }
    give_all(taken, PER_UPSTREAM + 4);
}

static void who_stops_waiting_is_passed_over(void **state) {
    (void)state;
    struct taken taken[PER_UPSTREAM + 2];
    for (int i = 0; i < PER_UPSTREAM + 2; i++)
        take(&taken[i], 0, "ada");
    give(&taken[PER_UPSTREAM]);
    give(&taken[0]);
    assert_int_equal(taken[PER_UPSTREAM].granted, 0);
    give_all(taken, PER_UPSTREAM + 2);
}

/* A reload may allow more; who waits does not wait for somebody to end first. */
static void a_higher_bound_lets_in_who_waits(void **state) {
    (void)state;
    struct taken taken[PER_UPSTREAM + 2];
    for (int i = 0; i < PER_UPSTREAM + 2; i++)
        take(&taken[i], 0, NULL);
    du_turns_limit(&turns, PER_UPSTREAM + 1, PER_MEMBER);
    assert_int_equal(taken[PER_UPSTREAM].granted, 1);
    assert_int_equal(taken[PER_UPSTREAM + 1].granted, 0);
    du_turns_limit(&turns, PER_UPSTREAM, PER_MEMBER);
    give(&taken[0]);
    assert_int_equal(taken[PER_UPSTREAM + 1].granted, 0);
    give_all(taken, PER_UPSTREAM + 2);
}

static void where_too_many_wait_the_next_is_refused(void **state) {
    (void)state;
    enum { ALL = PER_UPSTREAM + DU_TURNS_WAITING_MOST };
    static struct taken taken[ALL];
    struct taken next, other;
    for (int i = 0; i < ALL; i++)
        take(&taken[i], 0, NULL);
    take(&next, 0, NULL);
    assert_int_equal(next.step, DU_STEP_FAILED);
    assert_int_equal(next.error.kind, DU_OVERLOADED);
    take(&other, 1, NULL);
    assert_int_equal(other.step, DU_STEP_DONE);
    give(&other);
    give(&next);
    give_all(taken, ALL);
}

static void without_memory_nothing_is_taken(void **state) {
    (void)state;
    int failures = 0;
    for (int64_t n = 0;; n++) {
        struct taken taken;
        du_mem_fail_after(n);
        take(&taken, 0, "ada");
        du_mem_fail_after(-1);
        if (taken.step == DU_STEP_DONE) {
            give(&taken);
            break;
        }
        assert_int_equal(taken.error.kind, DU_MEMORY);
        assert_int_equal(du_mem_live(), live);
        failures++;
    }
    assert_in_range(failures, 2, 20);
}

/* Threads take, wait and give; the bounds hold at every moment, and nobody is forgotten. */

static atomic_int up, most;

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t granted;
    bool has;
};

static void wake(void *user) {
    struct waiter *waiter = user;
    pthread_mutex_lock(&waiter->lock);
    waiter->has = true;
    pthread_cond_signal(&waiter->granted);
    pthread_mutex_unlock(&waiter->lock);
}

static void *take_turns(void *member) {
    enum { ROUNDS = 500 };
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    for (int i = 0; i < ROUNDS; i++) {
        struct du_error error;
        struct du_turn turn = {.granted = wake, .user = &waiter};
        waiter.has = false;
        bool at_once = du_turns_take(&turns, &turn, upstream(0), member, &error) == DU_STEP_DONE;
        pthread_mutex_lock(&waiter.lock);
        while (!at_once && !waiter.has)
            pthread_cond_wait(&waiter.granted, &waiter.lock);
        pthread_mutex_unlock(&waiter.lock);
        int now = atomic_fetch_add(&up, 1) + 1;
        for (int seen = atomic_load(&most); now > seen;)
            if (atomic_compare_exchange_weak(&most, &seen, now))
                break;
        atomic_fetch_sub(&up, 1);
        du_turns_give(&turns, &turn);
    }
    return NULL;
}

static void bounds_hold_under_threads(void **state) {
    (void)state;
    enum { THREADS = 8 };
    static char *const members[] = {"ada", "bob", "cyd"};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turns, members[i % 3]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(atomic_load(&most), 1, PER_UPSTREAM);
}

#define WITH_TURNS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_TURNS(an_upstream_has_so_many_turns),
        WITH_TURNS(a_member_has_so_many_turns_over_all_upstreams),
        WITH_TURNS(who_waits_for_his_own_holds_up_nobody_behind_him),
        WITH_TURNS(turns_come_in_the_order_of_waiting),
        WITH_TURNS(who_stops_waiting_is_passed_over),
        WITH_TURNS(a_higher_bound_lets_in_who_waits),
        WITH_TURNS(where_too_many_wait_the_next_is_refused),
        WITH_TURNS(without_memory_nothing_is_taken),
        WITH_TURNS(bounds_hold_under_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
