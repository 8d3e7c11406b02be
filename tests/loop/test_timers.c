/* Timers: fire by our clock, in order, never twice, also when the clock is moved. */

#include "list.h"
#include "mem.h"
#include "timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 1000 };

struct fixture {
    uv_loop_t loop;
    struct du_clock clock;
    struct du_timers timers;
};

struct numbered {
    struct du_timer timer;
    struct fixture *fixture;
    struct numbered *other;
    unsigned number;
};

static unsigned order[MANY], fired;

static int set_up_with(void **state, void (*init_clock)(struct du_clock *)) {
    struct fixture *fixture = du_calloc(1, sizeof(*fixture));
    uv_loop_init(&fixture->loop);
    init_clock(&fixture->clock);
    assert_int_equal(du_timers_init(&fixture->timers, &fixture->loop, &fixture->clock), 0);
    fired = 0;
    *state = fixture;
    return 0;
}

static void standing(struct du_clock *clock) {
    du_clock_init_manual(clock, 1000);
}

static int set_up(void **state) {
    return set_up_with(state, standing);
}

static int set_up_real(void **state) {
    return set_up_with(state, du_clock_init);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    if (!uv_is_closing((uv_handle_t *)&fixture->timers.alarm))
        du_timers_close(&fixture->timers, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    du_free(fixture);
    return 0;
}

static struct numbered *numbered_of(struct du_timer *timer) {
    return du_container_of(timer, struct numbered, timer);
}

static void note(struct du_timer *timer) {
    assert_false(du_timer_running(timer));
    order[fired++] = numbered_of(timer)->number;
}

static void start(struct fixture *fixture, struct numbered *numbered, int64_t ms) {
    numbered->fixture = fixture;
    assert_int_equal(du_timers_start(&fixture->timers, &numbered->timer, ms), DU_OK);
}

static void move(struct fixture *fixture, int64_t ms) {
    du_clock_advance(&fixture->clock, ms);
    du_timers_run(&fixture->timers);
}

static void a_timer_fires_when_the_clock_has_reached_it_and_once(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = note};
    start(fixture, &one, 100);
    move(fixture, 99);
    assert_int_equal(fired, 0);
    assert_true(du_timer_running(&one.timer));
    move(fixture, 1);
    assert_int_equal(fired, 1);
    move(fixture, 1000);
    assert_int_equal(fired, 1);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state) {
    struct fixture *fixture = *state;
    static struct numbered many[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        /* 7919 is prime to MANY: every deadline once, well shuffled. */
        many[i] = (struct numbered){.timer.fire = note, .number = i * 7919 % MANY};
        start(fixture, &many[i], many[i].number);
    }
    move(fixture, MANY);
    assert_int_equal(fired, MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(order[i], i);
}

static void of_equal_deadlines_the_first_started_fires_first(void **state) {
    struct fixture *fixture = *state;
    static struct numbered many[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct numbered){.timer.fire = note, .number = i};
        start(fixture, &many[i], 50);
    }
    move(fixture, 50);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(order[i], i);
}

static void stopping_any_of_many_leaves_the_others_in_order(void **state) {
    struct fixture *fixture = *state;
    static struct numbered many[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        many[i] = (struct numbered){.timer.fire = note, .number = i * 7919 % MANY};
        start(fixture, &many[i], many[i].number);
    }
    for (unsigned i = 0; i < MANY; i += 3)
        du_timers_stop(&fixture->timers, &many[i].timer);
    move(fixture, MANY);
    assert_int_equal(fired, MANY - (MANY + 2) / 3);
    for (unsigned i = 1; i < fired; i++)
        assert_true(order[i - 1] < order[i]);
    for (unsigned i = 0; i < MANY; i += 3)
        for (unsigned j = 0; j < fired; j++)
            assert_int_not_equal(order[j], many[i].number);
}

static void starting_a_running_timer_moves_it(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = note};
    start(fixture, &one, 10);
    start(fixture, &one, 100);
    move(fixture, 50);
    assert_int_equal(fired, 0);
    move(fixture, 50);
    assert_int_equal(fired, 1);
}

static void stop_other(struct du_timer *timer) {
    note(timer);
    du_timers_stop(&numbered_of(timer)->fixture->timers, &numbered_of(timer)->other->timer);
}

static void a_timer_stopped_by_another_that_fires_with_it_does_not_fire(void **state) {
    struct fixture *fixture = *state;
    struct numbered second = {.timer.fire = note, .number = 2};
    struct numbered first = {.timer.fire = stop_other, .number = 1, .other = &second};
    start(fixture, &first, 10);
    start(fixture, &second, 10);
    move(fixture, 10);
    assert_int_equal(fired, 1);
    assert_int_equal(order[0], 1);
}

static void stop_self_and_free(struct du_timer *timer) {
    note(timer);
    du_timers_stop(&numbered_of(timer)->fixture->timers, timer);
    du_free(numbered_of(timer));
}

static void a_timer_may_be_stopped_and_freed_by_its_callback(void **state) {
    struct fixture *fixture = *state;
    struct numbered *one = du_calloc(1, sizeof(*one));
    one->timer.fire = stop_self_and_free;
    start(fixture, one, 5);
    move(fixture, 5);
    assert_int_equal(fired, 1);
}

static void start_at_once(struct du_timer *timer) {
    note(timer);
    start(numbered_of(timer)->fixture, numbered_of(timer), 0);
}

static void a_timer_that_starts_itself_for_now_waits_for_the_next_run(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = start_at_once};
    start(fixture, &one, 0);
    for (unsigned run = 1; run <= 3; run++) {
        du_timers_run(&fixture->timers);
        assert_int_equal(fired, run);
    }
    du_timers_stop(&fixture->timers, &one.timer);
}

static void a_deadline_beyond_all_time_does_not_wrap(void **state) {
    struct fixture *fixture = *state;
    struct numbered never = {.timer.fire = note};
    start(fixture, &never, INT64_MAX);
    move(fixture, 1000LL * 86400 * 365);
    assert_int_equal(fired, 0);
    assert_true(du_timer_running(&never.timer));
    du_timers_stop(&fixture->timers, &never.timer);
}

static void setting_the_wall_clock_fires_nothing(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = note};
    start(fixture, &one, 10);
    du_clock_set(&fixture->clock, 1000000000);
    du_timers_run(&fixture->timers);
    assert_int_equal(fired, 0);
    du_timers_stop(&fixture->timers, &one.timer);
}

static void no_memory_for_the_heap_is_told_and_leaves_the_timer_stopped(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = note};
    du_mem_fail_after(0);
    enum du_error_kind failed = du_timers_start(&fixture->timers, &one.timer, 10);
    du_mem_fail_after(-1);
    assert_int_equal(failed, DU_MEMORY);
    assert_false(du_timer_running(&one.timer));
    start(fixture, &one, 10);
    move(fixture, 10);
    assert_int_equal(fired, 1);
}

static void
what_is_due_on_a_standing_clock_fires_by_the_loop_and_the_rest_does_not_hold_it(void **state) {
    struct fixture *fixture = *state;
    struct numbered now = {.timer.fire = note, .number = 1};
    struct numbered later = {.timer.fire = note, .number = 2};
    start(fixture, &later, 60000);
    start(fixture, &now, 0);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fired, 1);
    assert_int_equal(order[0], 1);
    assert_true(du_timer_running(&later.timer));
    du_timers_stop(&fixture->timers, &later.timer);
}

static void on_the_systems_clock_the_loop_fires_what_is_due(void **state) {
    struct fixture *fixture = *state;
    struct numbered late = {.timer.fire = note, .number = 2};
    struct numbered soon = {.timer.fire = note, .number = 1};
    start(fixture, &late, 20);
    start(fixture, &soon, 3);
    int64_t before = du_clock_mono_ms(&fixture->clock);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(fired, 2);
    assert_int_equal(order[0], 1);
    assert_true(du_clock_mono_ms(&fixture->clock) - before >= 19);
    assert_false(uv_loop_alive(&fixture->loop));
}

static void stopping_the_last_timer_lets_the_loop_end(void **state) {
    struct fixture *fixture = *state;
    struct numbered one = {.timer.fire = note};
    start(fixture, &one, 60000);
    assert_true(uv_loop_alive(&fixture->loop));
    du_timers_stop(&fixture->timers, &one.timer);
    assert_false(uv_loop_alive(&fixture->loop));
}

static void close_all(struct du_timer *timer) {
    note(timer);
    du_timers_close(&numbered_of(timer)->fixture->timers, NULL);
}

static void closing_from_a_callback_stops_the_others(void **state) {
    struct fixture *fixture = *state;
    struct numbered first = {.timer.fire = close_all};
    struct numbered second = {.timer.fire = note};
    start(fixture, &first, 1);
    start(fixture, &second, 1);
    move(fixture, 10);
    assert_int_equal(fired, 1);
    assert_false(du_timer_running(&second.timer));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define RULE(name)      cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define REAL_RULE(name) cmocka_unit_test_setup_teardown(name, set_up_real, tear_down)
        RULE(a_timer_fires_when_the_clock_has_reached_it_and_once),
        RULE(timers_fire_in_the_order_of_their_deadlines),
        RULE(of_equal_deadlines_the_first_started_fires_first),
        RULE(stopping_any_of_many_leaves_the_others_in_order),
        RULE(starting_a_running_timer_moves_it),
        RULE(a_timer_stopped_by_another_that_fires_with_it_does_not_fire),
        RULE(a_timer_may_be_stopped_and_freed_by_its_callback),
        RULE(a_timer_that_starts_itself_for_now_waits_for_the_next_run),
        RULE(a_deadline_beyond_all_time_does_not_wrap),
        RULE(setting_the_wall_clock_fires_nothing),
        RULE(no_memory_for_the_heap_is_told_and_leaves_the_timer_stopped),
        RULE(what_is_due_on_a_standing_clock_fires_by_the_loop_and_the_rest_does_not_hold_it),
        REAL_RULE(on_the_systems_clock_the_loop_fires_what_is_due),
        REAL_RULE(stopping_the_last_timer_lets_the_loop_end),
        RULE(closing_from_a_callback_stops_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
