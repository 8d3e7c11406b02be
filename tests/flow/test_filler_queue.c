/* Fills of one upstream, or for one member, take turns when there are many. */

#include "fake_upstream.h"
#include "turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "taker.h"

#include <string.h>

enum { MOST = 8, OF_MEMBER = 3, ALL = MOST + DU_TURNS_WAITING_MOST + 1 };

static struct du_digest digests[ALL];
static struct taker *takers[ALL];

static int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    du_cache_limit(rig->cache, MOST, OF_MEMBER);
    for (int i = 0; i < ALL; i++)
        memcpy(digests[i].sha256, &i, sizeof i);
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static void open_some(struct rig *rig, int from, int to) {
    for (int i = from; i < to; i++) {
        takers[i] = taker_new(rig, 0, &digests[i], -1);
        takers[i]->options.cancel_when_abandoned = true;
        taker_open(takers[i]);
    }
}

/* Those that wait leave first. */
static void free_some(int from, int to) {
    for (int i = to - 1; i >= from; i--)
        taker_free(&takers[i]);
}

static void a_fill_beyond_the_bound_waits_for_another_to_end(void **state) {
    open_some(*state, 0, MOST + 2);
    assert_int_equal(fake_started(), MOST);
    assert_int_equal(taker_state(takers[MOST]), TAKER_OPENING);
    fake_end(fake_wait(3), DU_NOT_FOUND, false);
    fake_end(fake_wait(MOST + 1), DU_NOT_FOUND, false); /* the first that waited */
    taker_assert_fails(takers[MOST], DU_NOT_FOUND);
    fake_end(fake_wait(MOST + 2), DU_NOT_FOUND, false);
    taker_assert_fails(takers[MOST + 1], DU_NOT_FOUND);
    free_some(0, MOST + 2);
}

static void the_bound_holds_over_all_workers(void **state) {
    struct rig *rig = *state;
    open_some(rig, 0, MOST);
    struct taker *other = taker_new(rig, 1, &digests[MOST], -1);
    taker_open(other);
    assert_int_equal(fake_started(), MOST);
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    fake_end(fake_wait(MOST + 1), DU_NOT_FOUND, false);
    taker_assert_fails(other, DU_NOT_FOUND);
    free_some(0, MOST);
    taker_free(&other);
}

static void a_member_waits_for_his_own_and_others_go_on(void **state) {
    struct taker *ada[OF_MEMBER + 1], *bob;
    for (int i = 0; i <= OF_MEMBER; i++) {
        ada[i] = taker_new(*state, 0, &digests[i], -1);
        ada[i]->options.member = "ada";
        taker_open(ada[i]);
    }
    assert_int_equal(fake_started(), OF_MEMBER);
    bob = taker_new(*state, 1, &digests[OF_MEMBER + 1], -1);
    bob->options.member = "bob";
    taker_open(bob);
    fake_end(fake_wait(OF_MEMBER + 1), DU_NOT_FOUND, false);
    taker_assert_fails(bob, DU_NOT_FOUND);
    assert_int_equal(fake_started(), OF_MEMBER + 1);
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    fake_end(fake_wait(OF_MEMBER + 2), DU_NOT_FOUND, false);
    taker_assert_fails(ada[OF_MEMBER], DU_NOT_FOUND);
    taker_free(&bob);
    for (int i = 1; i < OF_MEMBER; i++)
        fake_end(fake_wait(i + 1), DU_NOT_FOUND, false);
    for (int i = 0; i <= OF_MEMBER; i++)
        taker_free(&ada[i]);
}

/* Half as many, and none of them keeps a fill waiting. */
static void passages_have_turns_of_their_own(void **state) {
    struct rig *rig = *state;
    struct taker *passing[MOST / 2 + 1], *filling;
    du_index_limit(rig->index, 100, 0);
    for (int i = 0; i <= MOST / 2; i++) {
        passing[i] = taker_new(rig, 0, &digests[i], 1000);
        taker_open(passing[i]);
    }
    assert_int_equal(fake_started(), MOST / 2);
    filling = taker_new(rig, 0, &digests[MOST], 10);
    taker_open(filling);
    fake_end(fake_wait(MOST / 2 + 1), DU_NOT_FOUND, false);
    taker_assert_fails(filling, DU_NOT_FOUND);
    taker_free(&filling);
    fake_head(fake_wait(1), 200, 1000);
    taker_wait_idle(passing[0]);
    taker_leave(passing[0]);
    fake_end(fake_wait(MOST / 2 + 2), DU_NOT_FOUND, false);
    taker_assert_fails(passing[MOST / 2], DU_NOT_FOUND);
    for (int i = 0; i <= MOST / 2; i++)
        taker_free(&passing[i]);
}

static void one_that_is_abandoned_while_it_waits_never_begins(void **state) {
    struct rig *rig = *state;
    open_some(rig, 0, MOST + 2);
    taker_leave(takers[MOST]);
    rig_settle(&rig->workers[0]);
    rig_settle(&rig->workers[0]);
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    fake_end(fake_wait(MOST + 1), DU_NOT_FOUND, false);
    taker_assert_fails(takers[MOST + 1], DU_NOT_FOUND);
    assert_int_equal(fake_started(), MOST + 1);
    free_some(0, MOST + 2);
}

static void a_turn_that_fails_at_once_passes_on(void **state) {
    open_some(*state, 0, MOST + 2);
    fake_refuse(DU_INVALID_URL);
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    taker_assert_fails(takers[MOST], DU_INVALID_URL);
    fake_end(fake_wait(MOST + 1), DU_NOT_FOUND, false);
    taker_assert_fails(takers[MOST + 1], DU_NOT_FOUND);
    free_some(0, MOST + 2);
}

static void too_many_that_wait_are_overload(void **state) {
    open_some(*state, 0, ALL);
    taker_assert_fails(takers[ALL - 1], DU_OVERLOADED);
    assert_int_equal(taker_state(takers[ALL - 2]), TAKER_OPENING);
    free_some(0, ALL);
}

static void a_worker_that_ends_cancels_those_that_wait(void **state) {
    struct rig *rig = *state;
    open_some(rig, 0, MOST + 3);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    for (int i = 0; i < MOST + 3; i++)
        taker_assert_fails(takers[i], DU_CANCELLED);
    assert_int_equal(fake_started(), MOST);
    free_some(0, MOST + 3);
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_fill_beyond_the_bound_waits_for_another_to_end),
        WITH_RIG(the_bound_holds_over_all_workers),
        WITH_RIG(a_member_waits_for_his_own_and_others_go_on),
        WITH_RIG(passages_have_turns_of_their_own),
        WITH_RIG(one_that_is_abandoned_while_it_waits_never_begins),
        WITH_RIG(a_turn_that_fails_at_once_passes_on),
        WITH_RIG(too_many_that_wait_are_overload),
        WITH_RIG(a_worker_that_ends_cancels_those_that_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
