/* Interleavings of two workers that must be forced: each turns only when the test says so, and what
 * the other one posted to it waits in its mailbox meanwhile. */

#include "pair.h"

#include <string.h>

#define RUN  "return native.flights('reports'):run('k', "
#define SAID "local value, problem = native.flights('reports'):run('k', "
#define SAY  ")\nreturn value or problem.variant"

static const char lead[] = SAID "function() gate() return 'old' end" SAY;
static const char join[] = SAID "function() error('a second run') end" SAY;

static size_t up(struct pair *pair) {
    return du_single_flight_count(pair->engine.named.reports);
}

static void a_late_member_of_an_old_cohort_arrives_after_a_newer_flight_began(void **state) {
    struct pair *pair = *state;
    struct outcome first, late, newer, joined;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &first);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &late);
    gate_open(&pair->a);
    worker_settle(&pair->a);
    assert_string_equal(first.result, "old");
    assert_false(late.ended); /* its news waits */
    worker_begin(&pair->a, RUN "function() gate() return 'new' end)", DU_PHASE_REQUEST, &newer);
    assert_int_equal(up(pair), 1);
    worker_settle(&pair->b);
    assert_string_equal(late.result, "old");
    assert_int_equal(up(pair), 1);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &joined);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(newer.result, "new");
    assert_string_equal(joined.result, "new");
}

static void a_late_member_that_is_cancelled_leaves_the_newer_flight_alone(void **state) {
    struct pair *pair = *state;
    struct outcome first, late, newer;
    worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &first);
    struct du_task *task = worker_begin(&pair->b, join, DU_PHASE_REQUEST, &late);
    gate_open(&pair->a);
    worker_settle(&pair->a);
    worker_begin(&pair->a, RUN "function() gate() return 'new' end)", DU_PHASE_REQUEST, &newer);
    du_task_cancel(task);
    worker_settle(&pair->b);
    assert_int_equal(late.end, DU_TASK_CANCELLED);
    assert_int_equal(up(pair), 1);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(newer.result, "new");
}

static void the_last_waiter_leaves_while_the_flight_completes(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_task *leader = worker_begin(&pair->a, lead, DU_PHASE_REQUEST, &a);
    struct du_task *last = worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    du_task_cancel(leader);
    gate_open(&pair->a);
    worker_settle(&pair->a); /* completed, and b is not told yet */
    assert_int_equal(up(pair), 0);
    du_task_cancel(last);
    settle(pair);
    assert_int_equal(b.end, DU_TASK_CANCELLED);
}

/* kill(): cancels the task whose address is the upvalue; that takes effect once the one that runs
 * has ended, here: when its flight has completed and the news is under way. */
static int cancel_task(lua_State *L) {
    du_task_cancel(lua_touserdata(L, lua_upvalueindex(1)));
    return 0;
}

static void the_leader_dies_between_completion_and_delivery(void **state) {
    struct pair *pair = *state;
    struct outcome leader, killer, b;
    struct du_task *task = worker_begin(
        &pair->a, "native.flights('reports'):run('k', function() gate() kill() return 'done' end)",
        DU_PHASE_REQUEST, &leader);
    lua_pushlightuserdata(pair->a.L, task);
    lua_pushcclosure(pair->a.L, cancel_task, 1);
    lua_setglobal(pair->a.L, "kill");
    worker_begin(&pair->a, join, DU_PHASE_REQUEST, &killer);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    gate_open(&pair->a);
    settle(pair);
    assert_int_equal(leader.end, DU_TASK_CANCELLED);
    assert_string_equal(killer.result, "done");
    assert_string_equal(b.result, "done");
    assert_int_equal(up(pair), 0);
}

/* meanwhile(): the other worker's task joins; upvalues are the pair and where its outcome goes. */
static int join_meanwhile(lua_State *L) {
    struct pair *pair = lua_touserdata(L, lua_upvalueindex(1));
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, lua_touserdata(L, lua_upvalueindex(2)));
    return 0;
}

static void a_joiner_arrives_while_a_published_flight_fails(void **state) {
    struct pair *pair = *state;
    struct outcome a, b, late, next;
    lua_pushlightuserdata(pair->a.L, pair);
    lua_pushlightuserdata(pair->a.L, &late);
    lua_pushcclosure(pair->a.L, join_meanwhile, 2);
    lua_setglobal(pair->a.L, "meanwhile");
    worker_begin(&pair->a,
                 RUN
                 "function(publish)\n"
                 "  local _ <close> = setmetatable({}, { __close = function() meanwhile() end })\n"
                 "  publish('early') gate() error('too late')\n"
                 "end)",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b, join, DU_PHASE_REQUEST, &b);
    assert_string_equal(b.result, "early");
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(a.result, "early");
    assert_string_equal(late.result, "early");
    assert_int_equal(up(pair), 0);
    worker_begin(&pair->b, RUN "function() return 'next' end)", DU_PHASE_REQUEST, &next);
    settle(pair);
    assert_string_equal(next.result, "next");
}

#define ACQUIRE "native.limiter('downloads'):acquire("

static void the_day_rolls_over_while_a_request_of_the_other_worker_queues(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    struct du_limiter *limiter = pair->engine.named.downloads;
    struct du_clock *clock = &pair->engine.base.clock;
    worker_begin(&pair->a, "local lease = " ACQUIRE "'ada', 1, 1) gate() lease:release()",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b,
                 "local lease <close>, denied = " ACQUIRE "'ada', 1, 1, { wait = 10000 })\n"
                 "return lease and 'mine' or denied.variant",
                 DU_PHASE_REQUEST, &b);
    int64_t old_day = du_clock_wall_ms(clock), new_day = old_day + 86400000;
    du_clock_set(clock, new_day);
    gate_open(&pair->a);
    settle(pair);
    assert_string_equal(b.result, "mine");
    assert_int_equal(du_limiter_counted(limiter, "ada", old_day), 1);
    assert_int_equal(du_limiter_counted(limiter, "ada", new_day), 1);
}

static void the_roll_back_fails_and_the_other_worker_gets_the_slot(void **state) {
    struct pair *pair = *state;
    struct outcome a, b;
    du_faults_arm(&pair->engine.base.faults, DU_FAULT_COUNTER_GIVE_BACK, 5, 0, 1);
    worker_begin(&pair->a,
                 "local lease = " ACQUIRE "'ada', 1, 9) gate() lease:refund() lease:release()",
                 DU_PHASE_REQUEST, &a);
    worker_begin(&pair->b,
                 "local lease <close> = " ACQUIRE "'ada', 1, 9, { wait = 10000 })\n"
                 "return lease and 'mine'",
                 DU_PHASE_REQUEST, &b);
    gate_open(&pair->a);
    settle(pair);
    assert_int_equal(a.end, DU_TASK_RETURNED);
    assert_string_equal(b.result, "mine");
    assert_int_equal(du_limiter_leases(pair->engine.named.downloads), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PAIR(a_late_member_of_an_old_cohort_arrives_after_a_newer_flight_began),
        WITH_PAIR(a_late_member_that_is_cancelled_leaves_the_newer_flight_alone),
        WITH_PAIR(the_last_waiter_leaves_while_the_flight_completes),
        WITH_PAIR(the_leader_dies_between_completion_and_delivery),
        WITH_PAIR(a_joiner_arrives_while_a_published_flight_fails),
        WITH_PAIR(the_day_rolls_over_while_a_request_of_the_other_worker_queues),
        WITH_PAIR(the_roll_back_fails_and_the_other_worker_gets_the_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
