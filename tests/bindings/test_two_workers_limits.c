/* What limits promise across workers. */

#include "pair.h"

static void a_slot_that_one_worker_gives_back_goes_to_the_other_that_queues(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a,
                 "local lease = native.limiter('downloads'):acquire('ada', 1, -1)\n"
                 "gate() lease:release()",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b,
                 "local lease <close> = native.limiter('downloads'):acquire('ada', 1, -1, { wait = "
                 "10000 })\n"
                 "return lease and 'mine'",
                 DU_PHASE_REQUEST, &b);
    settle(pair);
    assert_false(b.ended);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(b.result, "mine");
}

static void who_queues_too_long_is_denied_and_leaves_nothing_behind(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a,
                 "local lease = native.limiter('downloads'):acquire('ada', 1, -1)\n"
                 "gate() lease:release()",
                 DU_PHASE_REQUEST, &a);
    worker_begin(
        &pair->b,
        "local _, denied = native.limiter('downloads'):acquire('ada', 1, -1, { wait = 10000 })\n"
        "return denied.variant",
        DU_PHASE_REQUEST, &b);
    worker_advance(&pair->b, 9999);
    assert_false(b.ended);
    worker_advance(&pair->b, 1);
    assert_string_equal(b.result, "Concurrency");
    gate_open(&pair->a);
    settle(pair);
    assert_int_equal(du_limiter_subjects(pair->engine.named.downloads), 0);
}

static void a_task_that_is_cancelled_while_it_queues_takes_no_slot(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    worker_begin(&pair->a,
                 "local lease = native.limiter('downloads'):acquire('ada', 1, -1)\n"
                 "gate() lease:release()",
                 DU_PHASE_REQUEST, &a);
    struct du_task *queued = worker_begin(
        &pair->b, "native.limiter('downloads'):acquire('ada', 1, -1, { wait = 10000 })",
        DU_PHASE_REQUEST, &b);
    gate_open(&pair->a); /* the slot is b's now, and a mail says so */
    du_task_cancel(queued);
    settle(pair);
    assert_int_equal(b.end, DU_TASK_CANCELLED);
    assert_int_equal(du_limiter_leases(pair->engine.named.downloads), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_slot_that_one_worker_gives_back_goes_to_the_other_that_queues),
        WITH_PAIR(who_queues_too_long_is_denied_and_leaves_nothing_behind),
        WITH_PAIR(a_task_that_is_cancelled_while_it_queues_takes_no_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
