/* Lanes: what is accepted runs once and reports home; a full queue refuses; free runs the rest. */

#include "lane.h"
#include "list.h"
#include "mem.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SUBMITTERS = 4, JOBS = 1000 };

struct fixture {
    uv_loop_t loop;
    struct du_mailbox home;
};

struct counted {
    struct du_job job;
    atomic_uint worked;
    unsigned done;
};

static atomic_uint worked;
static unsigned done, done_elsewhere;
static uv_thread_t home_thread;

static int set_up(void **state) {
    struct fixture *fixture = du_calloc(1, sizeof(*fixture));
    uv_loop_init(&fixture->loop);
    assert_int_equal(du_mailbox_init(&fixture->home, &fixture->loop), 0);
    atomic_store(&worked, 0);
    done = done_elsewhere = 0;
    home_thread = uv_thread_self();
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    du_mailbox_close(&fixture->home, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    du_free(fixture);
    return 0;
}

static struct du_lane *lane_of(unsigned threads, size_t bound) {
    struct du_lane *lane;
    assert_int_equal(du_lane_new(&lane, "test", threads, bound), DU_OK);
    return lane;
}

static void work(struct du_job *job) {
    atomic_fetch_add(&du_container_of(job, struct counted, job)->worked, 1);
    atomic_fetch_add(&worked, 1);
}

static void count_done(struct du_job *job) {
    uv_thread_t self = uv_thread_self();
    done_elsewhere += !uv_thread_equal(&self, &home_thread);
    du_container_of(job, struct counted, job)->done++;
    done++;
    du_mailbox_expect(job->home, -1);
}

/* --- many submitters --- */

struct submitter {
    struct du_lane *lane;
    pthread_barrier_t *start;
    struct counted jobs[JOBS];
};

static void *submit_all(void *argument) {
    struct submitter *submitter = argument;
    pthread_barrier_wait(submitter->start);
    for (unsigned i = 0; i < JOBS; i++)
        if (du_lane_submit(submitter->lane, &submitter->jobs[i].job) != DU_OK)
            return submitter;
    return NULL;
}

static void each_job_of_many_submitters_runs_once_and_is_done_once_at_home(void **state) {
    struct fixture *fixture = *state;
    struct du_lane *lane = lane_of(3, 0);
    struct submitter *submitters = du_calloc(SUBMITTERS, sizeof(*submitters));
    pthread_barrier_t start;
    pthread_t threads[SUBMITTERS];
    pthread_barrier_init(&start, NULL, SUBMITTERS + 1);
    du_mailbox_expect(&fixture->home, SUBMITTERS * JOBS);
    for (unsigned s = 0; s < SUBMITTERS; s++) {
        submitters[s].lane = lane;
        submitters[s].start = &start;
        for (unsigned i = 0; i < JOBS; i++)
            submitters[s].jobs[i].job =
                (struct du_job){.work = work, .done = count_done, .home = &fixture->home};
        assert_int_equal(pthread_create(&threads[s], NULL, submit_all, &submitters[s]), 0);
    }
    pthread_barrier_wait(&start);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    for (unsigned s = 0; s < SUBMITTERS; s++) {
        void *refused;
        pthread_join(threads[s], &refused);
        assert_null(refused);
        for (unsigned i = 0; i < JOBS; i++) {
            assert_int_equal(atomic_load(&submitters[s].jobs[i].worked), 1);
            assert_int_equal(submitters[s].jobs[i].done, 1);
        }
    }
    assert_int_equal(done_elsewhere, 0);
    du_lane_free(&lane);
    pthread_barrier_destroy(&start);
    du_free(submitters);
}

/* --- a worker held at a gate --- */

struct gate {
    struct du_job job;
    pthread_barrier_t entered, leave;
};

static void hold(struct du_job *job) {
    struct gate *gate = du_container_of(job, struct gate, job);
    pthread_barrier_wait(&gate->entered);
    pthread_barrier_wait(&gate->leave);
}

static void gate_shut(struct gate *gate, struct du_lane *lane) {
    *gate = (struct gate){.job.work = hold};
    pthread_barrier_init(&gate->entered, NULL, 2);
    pthread_barrier_init(&gate->leave, NULL, 2);
    assert_int_equal(du_lane_submit(lane, &gate->job), DU_OK);
    pthread_barrier_wait(&gate->entered);
}

static void gate_open(struct gate *gate) {
    pthread_barrier_wait(&gate->leave);
}

static void a_full_lane_refuses_at_once(void **state) {
    struct fixture *fixture = *state;
    struct du_lane *lane = lane_of(1, 2);
    struct counted jobs[3] = {0};
    struct gate gate;
    gate_shut(&gate, lane);
    for (unsigned i = 0; i < 3; i++)
        jobs[i].job = (struct du_job){.work = work, .done = count_done, .home = &fixture->home};
    du_mailbox_expect(&fixture->home, 2);
    assert_int_equal(du_lane_submit(lane, &jobs[0].job), DU_OK);
    assert_int_equal(du_lane_submit(lane, &jobs[1].job), DU_OK);
    assert_int_equal(du_lane_queued(lane), 2);
    assert_int_equal(du_lane_submit(lane, &jobs[2].job), DU_OVERLOADED);
    gate_open(&gate);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(done, 2);
    assert_int_equal(jobs[2].worked, 0);
    assert_int_equal(du_lane_queued(lane), 0);
    du_lane_free(&lane);
}

static void a_full_lane_does_not_hold_up_another(void **state) {
    struct fixture *fixture = *state;
    struct du_lane *stuck = lane_of(1, 1), *free_one = lane_of(1, 1);
    struct counted waiting = {.job.work = work};
    struct counted going = {.job = {.work = work, .done = count_done, .home = &fixture->home}};
    struct gate gate;
    gate_shut(&gate, stuck);
    assert_int_equal(du_lane_submit(stuck, &waiting.job), DU_OK);
    du_mailbox_expect(&fixture->home, 1);
    assert_int_equal(du_lane_submit(free_one, &going.job), DU_OK);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(going.done, 1);
    assert_int_equal(waiting.worked, 0);
    gate_open(&gate);
    du_lane_free(&stuck);
    du_lane_free(&free_one);
    assert_int_equal(waiting.worked, 1);
}

static void *open_the_gate(void *argument) {
    gate_open(argument);
    return NULL;
}

static void freeing_a_lane_runs_what_it_accepted(void **state) {
    struct fixture *fixture = *state;
    struct du_lane *lane = lane_of(1, 0);
    static struct counted jobs[JOBS];
    struct gate gate;
    pthread_t opener;
    gate_shut(&gate, lane);
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i].job = (struct du_job){.work = work, .done = count_done, .home = &fixture->home};
        assert_int_equal(du_lane_submit(lane, &jobs[i].job), DU_OK);
    }
    du_mailbox_expect(&fixture->home, JOBS);
    pthread_create(&opener, NULL, open_the_gate, &gate);
    du_lane_free(&lane);
    pthread_join(opener, NULL);
    assert_null(lane);
    assert_int_equal(atomic_load(&worked), JOBS);
    assert_int_equal(done, 0);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(done, JOBS);
}

static void work_and_free(struct du_job *job) {
    work(job);
    du_free(du_container_of(job, struct counted, job));
}

static void a_job_without_done_may_be_freed_by_its_work(void **state) {
    (void)state;
    struct du_lane *lane = lane_of(2, 0);
    for (unsigned i = 0; i < 100; i++) {
        struct counted *counted = du_calloc(1, sizeof(*counted));
        counted->job.work = work_and_free;
        assert_int_equal(du_lane_submit(lane, &counted->job), DU_OK);
    }
    du_lane_free(&lane);
    assert_int_equal(atomic_load(&worked), 100);
}

static void look_at_signals(struct du_job *job) {
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    unsigned seen = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGPIPE) &&
                    sigismember(&blocked, SIGHUP);
    atomic_store(&du_container_of(job, struct counted, job)->worked, seen);
}

static void a_lanes_threads_see_no_signals_and_its_maker_still_does(void **state) {
    (void)state;
    sigset_t before, after;
    struct counted look = {.job.work = look_at_signals};
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct du_lane *lane = lane_of(1, 0);
    assert_int_equal(du_lane_submit(lane, &look.job), DU_OK);
    du_lane_free(&lane);
    assert_int_equal(look.worked, 1);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

static void no_memory_for_a_lane_is_told(void **state) {
    (void)state;
    struct du_lane *lane = NULL;
    du_mem_fail_after(0);
    assert_int_equal(du_lane_new(&lane, "test", 2, 0), DU_MEMORY);
    du_mem_fail_after(-1);
    assert_null(lane);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        RULE(each_job_of_many_submitters_runs_once_and_is_done_once_at_home),
        RULE(a_full_lane_refuses_at_once),
        RULE(a_full_lane_does_not_hold_up_another),
        RULE(freeing_a_lane_runs_what_it_accepted),
        RULE(a_job_without_done_may_be_freed_by_its_work),
        RULE(a_lanes_threads_see_no_signals_and_its_maker_still_does),
        RULE(no_memory_for_a_lane_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
