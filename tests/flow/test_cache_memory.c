/* Memory fails at each allocation of an open and its fill in turn: nobody hangs, nothing leaks. */

#include "fake_upstream.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { SIZE = 200 << 10 };

static struct payload payload;

static int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static int64_t successes;

static void let_memory_fail(void *user) {
    (void)user;
    du_mem_fail_after(successes);
}

static void mend_memory(void *user) {
    *(int64_t *)user = du_mem_asked();
    du_mem_fail_after(-1);
}

/* One open and fill, whatever comes of it; then the same without failures. True: nothing failed. */
static bool try_once(struct rig *rig) {
    int before = fake_started();
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker_open(taker);
    if (fake_started() > before)
        fake_send(fake_wait(before + 1), payload.bytes, SIZE);
    enum taker_state state = taker_wait_over(taker);
    if (state != TAKER_ENDED)
        assert_string_equal(du_error_name(taker->error.kind), "Memory");
    taker_free(&taker);
    rig_land(rig, 0);
    return state == TAKER_ENDED;
}

static void assert_works_again(struct rig *rig) {
    assert_int_equal(rig_partials(rig), 0);
    fake_reset();
    du_index_drop(rig->index, &payload.digest);
    assert_true(try_once(rig));
    du_index_drop(rig->index, &payload.digest);
}

/* `run` reaches the thread whose allocations fail in turn. */
static int fail_each_in_turn(struct rig *rig,
                             void (*run)(struct rig *rig, void (*what)(void *), void *user)) {
    int failures = 0;
    for (successes = 0;; successes++) {
        int64_t asked;
        fake_reset();
        run(rig, let_memory_fail, NULL);
        bool good = try_once(rig);
        run(rig, mend_memory, &asked);
        failures += !good;
        if (asked <= successes) {
            assert_true(good);
            break;
        }
        assert_works_again(rig);
    }
    return failures;
}

static void run_on_loop(struct rig *rig, void (*what)(void *), void *user) {
    rig_run(&rig->workers[0], what, user);
}

static void each_allocation_on_the_loop_may_fail(void **state) {
    assert_in_range(fail_each_in_turn(*state, run_on_loop), 5, 100);
}

static void each_allocation_in_the_disk_lane_may_fail(void **state) {
    assert_in_range(fail_each_in_turn(*state, rig_run_in_lane), 3, 100);
}

static void each_allocation_of_a_passage_may_fail(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, SIZE - 1, 0);
    assert_in_range(fail_each_in_turn(rig, run_on_loop), 5, 100);
    assert_in_range(fail_each_in_turn(rig, rig_run_in_lane), 0, 100);
    assert_int_equal(rig_blobs(rig), 0);
}

static int make_payload(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    return 0;
}

static int free_payload(void **state) {
    (void)state;
    payload_free(&payload);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(each_allocation_on_the_loop_may_fail),
        WITH_RIG(each_allocation_in_the_disk_lane_may_fail),
        WITH_RIG(each_allocation_of_a_passage_may_fail),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
