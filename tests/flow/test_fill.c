/* A fill by itself: who is parked is woken when there is something for him, once, on his own loop.
 */

#include "fill_int.h"
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

struct sleeper {
    struct du_fill_parked parked;
    struct du_fill *fill;
    struct du_fill_port *port;
    struct rig_worker *worker;
    int64_t seen;
    bool stays; /* parks again, until the end */
    bool did_park;
    bool leaves_other; /* unparks `other` when woken */
    struct sleeper *other;
    int woken; /* under the rig's lock */
    bool saw_end, out_of_place;
};

/* True when the fill has ended. */
static bool look(struct sleeper *sleeper) {
    bool ended = du_fill_look(sleeper->fill, &sleeper->seen, NULL) >= DU_FILL_VERIFIED;
    rig_lock();
    sleeper->saw_end |= ended;
    rig_tell();
    rig_unlock();
    return ended;
}

/* As a reader does it: looks again when it cannot park. */
static void go_to_sleep(void *user) {
    struct sleeper *sleeper = user;
    do
        sleeper->did_park = du_fill_park(sleeper->port, &sleeper->parked, sleeper->seen);
    while (!sleeper->did_park && sleeper->stays && !look(sleeper));
}

static void on_woken(struct du_fill_parked *parked) {
    struct sleeper *sleeper = du_container_of(parked, struct sleeper, parked);
    if (sleeper->leaves_other)
        du_fill_unpark(sleeper->other->port, &sleeper->other->parked);
    rig_lock();
    sleeper->woken++;
    sleeper->out_of_place |= !pthread_equal(pthread_self(), sleeper->worker->thread);
    rig_unlock();
    if (!look(sleeper) && sleeper->stays)
        go_to_sleep(sleeper);
}

static void wake_up(void *user) {
    struct sleeper *sleeper = user;
    du_fill_unpark(sleeper->port, &sleeper->parked);
}

static struct sleeper sleeper_of(struct rig *rig, int worker, struct du_fill *fill, int64_t seen) {
    struct sleeper sleeper = {.fill = fill, .worker = &rig->workers[worker], .seen = seen};
    sleeper.parked.woken = on_woken;
    sleeper.port = du_fill_port(fill, &sleeper.worker->mailbox);
    assert_non_null(sleeper.port);
    return sleeper;
}

static void park(struct sleeper *sleeper) {
    du_list_init(&sleeper->parked.node);
    rig_run(sleeper->worker, go_to_sleep, sleeper);
}

static bool saw_end(void *user) {
    return ((struct sleeper *)user)->saw_end;
}

static int woken(struct sleeper *sleeper) {
    rig_settle(sleeper->worker);
    rig_lock();
    int count = sleeper->woken;
    assert_false(sleeper->out_of_place);
    rig_unlock();
    return count;
}

static int set_up(void **state) {
    *state = rig_new();
    return 0;
}

static int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static struct du_fill *fill_new(void) {
    struct du_fill *fill = du_fill_new();
    assert_non_null(fill);
    return fill;
}

static void fail_fill(struct du_fill *fill) {
    struct du_error error = du_error_of(DU_TRANSPORT);
    du_fill_failed(fill, &error);
}

static void verify(struct du_fill *fill) {
    struct du_blob *none = NULL;
    du_fill_verifying(fill);
    du_fill_verified(fill, &none);
}

static void a_parked_reader_is_woken_by_bytes_beyond_those_it_saw(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper sleeper = sleeper_of(*state, 0, fill, 100);
    park(&sleeper);
    assert_true(sleeper.did_park);
    du_fill_advance(fill, 100);
    assert_int_equal(woken(&sleeper), 0);
    du_fill_advance(fill, 101);
    assert_int_equal(woken(&sleeper), 1);
    du_fill_advance(fill, 200);
    assert_int_equal(woken(&sleeper), 1);
    du_fill_unref(&fill);
}

static void nobody_parks_for_what_has_come(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper sleeper = sleeper_of(*state, 0, fill, 5);
    du_fill_advance(fill, 6);
    park(&sleeper);
    assert_false(sleeper.did_park);
    verify(fill);
    sleeper.seen = INT64_MAX;
    park(&sleeper);
    assert_false(sleeper.did_park);
    assert_int_equal(woken(&sleeper), 0);
    du_fill_unref(&fill);
}

static void verifying_wakes_nobody_and_verified_everybody(void **state) {
    struct du_fill *fill = fill_new();
    struct du_blob *none = NULL;
    struct sleeper ours = sleeper_of(*state, 0, fill, 10);
    struct sleeper theirs = sleeper_of(*state, 1, fill, INT64_MAX);
    park(&ours);
    park(&theirs);
    du_fill_verifying(fill);
    assert_int_equal(woken(&ours) + woken(&theirs), 0);
    du_fill_verified(fill, &none);
    assert_int_equal(woken(&ours), 1);
    assert_int_equal(woken(&theirs), 1);
    du_fill_unref(&fill);
}

static void a_failure_wakes_everybody_and_says_why(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper sleeper = sleeper_of(*state, 0, fill, INT64_MAX);
    struct du_error error = du_error_of(DU_OK);
    int64_t committed;
    park(&sleeper);
    du_fill_advance(fill, 7);
    fail_fill(fill);
    assert_int_equal(woken(&sleeper), 1);
    assert_int_equal(du_fill_look(fill, &committed, &error), DU_FILL_FAILED);
    assert_int_equal(committed, 7);
    assert_int_equal(error.kind, DU_TRANSPORT);
    du_fill_unref(&fill);
}

static void of_many_only_those_are_woken_who_have_something(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper near = sleeper_of(*state, 0, fill, 10);
    struct sleeper far = sleeper_of(*state, 0, fill, 20);
    park(&far);
    park(&near);
    du_fill_advance(fill, 15);
    assert_int_equal(woken(&near), 1);
    assert_int_equal(woken(&far), 0);
    du_fill_advance(fill, 25);
    assert_int_equal(woken(&far), 1);
    du_fill_unref(&fill);
}

/* Holds a worker's loop between posting and delivery. */
static struct rig_gate gate;

static void hold(struct du_mail *mail) {
    (void)mail;
    rig_gate_pass(&gate);
}

static void a_reader_that_leaves_with_the_mail_under_way_is_not_called(void **state) {
    struct rig *rig = *state;
    struct du_fill *fill = fill_new();
    struct du_mail mail = {.deliver = hold};
    struct sleeper leaver = sleeper_of(rig, 0, fill, 0);
    struct sleeper other = sleeper_of(rig, 0, fill, 0);
    park(&other);
    park(&leaver);
    /* `other` is woken first and takes leaver out of the very list that is being called. */
    other.leaves_other = true;
    other.other = &leaver;
    rig_gate_close(&gate);
    du_mailbox_post(&rig->workers[0].mailbox, &mail);
    rig_gate_wait_for_arrival(&gate, 1);
    du_fill_advance(fill, 1);
    du_fill_advance(fill, 2);
    rig_gate_open(&gate);
    assert_int_equal(woken(&other), 1);
    assert_int_equal(woken(&leaver), 0);
    du_fill_unref(&fill);
}

static void a_reader_that_left_is_not_woken_and_leaving_twice_is_harmless(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper sleeper = sleeper_of(*state, 0, fill, 0);
    park(&sleeper);
    rig_run(sleeper.worker, wake_up, &sleeper);
    rig_run(sleeper.worker, wake_up, &sleeper);
    du_fill_advance(fill, 1);
    assert_int_equal(woken(&sleeper), 0);
    du_fill_unref(&fill);
}

static void the_mail_keeps_the_fill(void **state) {
    struct rig *rig = *state;
    struct du_fill *fill = fill_new();
    struct du_mail mail = {.deliver = hold};
    struct sleeper sleeper = sleeper_of(rig, 0, fill, 0);
    park(&sleeper);
    rig_gate_close(&gate);
    du_mailbox_post(&rig->workers[0].mailbox, &mail);
    rig_gate_wait_for_arrival(&gate, 1);
    du_fill_advance(fill, 1);
    du_fill_unref(&fill);
    rig_gate_open(&gate);
    assert_int_equal(woken(&sleeper), 1);
}

static void a_loop_has_one_port(void **state) {
    struct rig *rig = *state;
    struct du_fill *fill = fill_new();
    struct du_fill_port *port = du_fill_port(fill, &rig->workers[0].mailbox);
    assert_ptr_equal(du_fill_port(fill, &rig->workers[0].mailbox), port);
    assert_ptr_not_equal(du_fill_port(fill, &rig->workers[1].mailbox), port);
    du_fill_unref(&fill);
}

static void a_value_of_another_type_is_no_fill(void **state) {
    (void)state;
    static const struct du_value_type type = {"other", NULL};
    struct du_value other;
    du_value_init(&other, &type);
    struct du_fill *fill = fill_new();
    assert_null(du_fill_of(&other));
    assert_null(du_fill_of(NULL));
    assert_ptr_equal(du_fill_of(du_fill_value(fill)), fill);
    du_fill_unref(&fill);
}

/* Contention: the writer never waits, and nobody misses the last byte. */

enum { SLEEPERS = 8, STEPS = 20000 };

static void *write_all(void *user) {
    struct du_fill *fill = user;
    for (int64_t step = 1; step <= STEPS; step++)
        du_fill_advance(fill, step);
    verify(fill);
    return NULL;
}

static void no_wake_is_lost_between_a_writer_and_readers_on_two_loops(void **state) {
    struct du_fill *fill = fill_new();
    struct sleeper sleepers[SLEEPERS];
    pthread_t writer;
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = sleeper_of(*state, i % RIG_WORKERS, fill, 0);
        sleepers[i].stays = true;
    }
    for (int i = 0; i < SLEEPERS; i++)
        park(&sleepers[i]);
    assert_int_equal(pthread_create(&writer, NULL, write_all, fill), 0);
    for (int i = 0; i < SLEEPERS; i++)
        rig_wait(saw_end, &sleepers[i]);
    pthread_join(writer, NULL);
    for (int i = 0; i < SLEEPERS; i++) {
        assert_true(woken(&sleepers[i]) > 0);
        assert_int_equal(sleepers[i].seen, STEPS);
    }
    du_fill_unref(&fill);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_parked_reader_is_woken_by_bytes_beyond_those_it_saw),
        WITH_RIG(nobody_parks_for_what_has_come),
        WITH_RIG(verifying_wakes_nobody_and_verified_everybody),
        WITH_RIG(a_failure_wakes_everybody_and_says_why),
        WITH_RIG(of_many_only_those_are_woken_who_have_something),
        WITH_RIG(a_reader_that_leaves_with_the_mail_under_way_is_not_called),
        WITH_RIG(a_reader_that_left_is_not_woken_and_leaving_twice_is_harmless),
        WITH_RIG(the_mail_keeps_the_fill),
        WITH_RIG(a_loop_has_one_port),
        WITH_RIG(a_value_of_another_type_is_no_fill),
        WITH_RIG(no_wake_is_lost_between_a_writer_and_readers_on_two_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
