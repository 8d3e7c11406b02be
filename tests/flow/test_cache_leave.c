/* Callers leave the cache: others go on, and what nobody wants any more is cancelled or finishes.
 */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { SIZE = 200 << 10, HALF = SIZE / 2 };

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

static struct taker *open_taker(struct rig *rig, int worker, bool cancel) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = cancel;
    taker_open(taker);
    return taker;
}

/* The fetch that is up, with half of the body committed and read. */
static struct fake_fetch *send_half(struct taker *taker) {
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(taker, HALF);
    return fetch;
}

static void send_rest(struct fake_fetch *fetch) {
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
}

static void assert_next_fetches(struct rig *rig, int count) {
    struct taker *next = open_taker(rig, 1, true);
    fake_send(fake_wait(count), payload.bytes, SIZE);
    taker_assert_gets(next, payload.bytes, SIZE);
    taker_free(&next);
}

/* Holds a worker's loop. */
struct hold {
    struct rig_gate gate;
    struct du_mail mail;
};

static void on_hold(struct du_mail *mail) {
    rig_gate_pass(&du_container_of(mail, struct hold, mail)->gate);
}

static void hold(struct hold *hold, struct rig_worker *worker) {
    *hold = (struct hold){.mail.deliver = on_hold};
    rig_gate_close(&hold->gate);
    du_mailbox_post(&worker->mailbox, &hold->mail);
    rig_gate_wait_for_arrival(&hold->gate, 1);
}

/* Leaving -------------------------------------------------------------------------------------- */

static void a_leader_whose_client_leaves_before_the_answer_aborts_nobody(void **state) {
    struct taker *leader = open_taker(*state, 0, true), *joiner = open_taker(*state, 1, true);
    taker_leave(leader);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(joiner, payload.bytes, SIZE);
    assert_int_equal(fake_started(), 1);
    taker_free(&leader);
    taker_free(&joiner);
}

static void a_leader_whose_client_leaves_while_it_fills_aborts_nobody(void **state) {
    struct taker *leader = open_taker(*state, 0, true), *joiner = open_taker(*state, 1, true);
    struct fake_fetch *fetch = send_half(leader);
    taker_wait_got(joiner, HALF);
    taker_leave(leader);
    send_rest(fetch);
    taker_assert_gets(joiner, payload.bytes, SIZE);
    taker_free(&leader);
    taker_free(&joiner);
}

struct leaving {
    struct du_mail mail;
    struct taker *taker;
    struct rig_gate gate;
    bool left, left_twice;
};

/* On the loop, between the post of the news and its delivery. */
static void leave_there(struct du_mail *mail) {
    struct leaving *leaving = du_container_of(mail, struct leaving, mail);
    struct taker *taker = leaving->taker;
    rig_gate_pass(&leaving->gate);
    leaving->left = du_cache_leave(taker->rig->cache, &taker->open);
    leaving->left_twice = du_cache_leave(taker->rig->cache, &taker->open);
    rig_lock();
    taker->state = TAKER_LEFT;
    rig_unlock();
}

static void who_leaves_between_the_news_and_its_delivery_gives_back_what_it_brought(void **state) {
    struct rig *rig = *state;
    static const enum du_error_kind ends[] = {DU_NOT_FOUND, DU_OK};
    for (int i = 0; i < 2; i++) {
        struct taker *leader = open_taker(rig, 0, false), *leaver = open_taker(rig, 1, false);
        struct leaving leaving = {.mail.deliver = leave_there, .taker = leaver};
        rig_gate_close(&leaving.gate);
        du_mailbox_post(&rig->workers[1].mailbox, &leaving.mail);
        rig_gate_wait_for_arrival(&leaving.gate, 1);
        if (ends[i] == DU_OK)
            fake_send(fake_wait(i + 1), payload.bytes, SIZE);
        else
            fake_end(fake_wait(i + 1), ends[i], false);
        taker_wait_over(leader);
        rig_gate_open(&leaving.gate);
        rig_settle(&rig->workers[1]);
        assert_true(leaving.left);
        assert_false(leaving.left_twice);
        assert_int_equal(taker_state(leaver), TAKER_LEFT);
        taker_free(&leader);
        taker_free(&leaver);
    }
}

/* Abandoned ------------------------------------------------------------------------------------ */

static void a_fill_abandoned_before_the_answer_is_cancelled(void **state) {
    struct taker *ours = open_taker(*state, 0, true), *theirs = open_taker(*state, 1, true);
    struct fake_fetch *fetch = fake_wait(1);
    taker_leave(ours);
    rig_settle(&((struct rig *)*state)->workers[0]);
    assert_false(fake_is_over(fetch));
    taker_leave(theirs);
    fake_wait_over(fetch);
    taker_free(&ours);
    taker_free(&theirs);
    assert_next_fetches(*state, 2);
}

static void a_fill_abandoned_while_it_fills_is_cancelled_and_discarded(void **state) {
    struct rig *rig = *state;
    struct taker *ours = open_taker(rig, 0, true), *theirs = open_taker(rig, 1, true);
    struct fake_fetch *fetch = send_half(ours);
    taker_wait_got(theirs, HALF);
    taker_leave(ours);
    rig_settle(&rig->workers[0]);
    assert_false(fake_is_over(fetch));
    taker_leave(theirs);
    fake_wait_over(fetch);
    taker_free(&ours);
    taker_free(&theirs);
    assert_next_fetches(rig, 2);
    assert_int_equal(rig_partials(rig), 0);
}

static void a_fill_that_is_to_finish_finishes_for_nobody(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_taker(rig, 0, false);
    struct fake_fetch *fetch = send_half(taker);
    taker_leave(taker);
    rig_settle(&rig->workers[0]);
    send_rest(fetch);
    rig_land(rig, 0);
    assert_int_equal(rig_blobs(rig), 1);
    struct taker *next = open_taker(rig, 1, false);
    taker_assert_gets(next, payload.bytes, SIZE);
    assert_int_equal(next->status, DU_CACHE_HIT);
    taker_free(&taker);
    taker_free(&next);
}

static struct taker *open_other(struct rig *rig, int worker, const char *name, bool cancel) {
    struct taker *taker = taker_new(rig, worker, NULL, SIZE);
    taker->options.name = name;
    taker->options.cancel_when_abandoned = cancel;
    taker_open(taker);
    return taker;
}

static void of_several_abandoned_fills_only_those_are_cancelled_that_may_be(void **state) {
    struct rig *rig = *state;
    struct hold loop;
    struct taker *takers[] = {
        open_other(rig, 0, "to finish", false), open_other(rig, 0, "to cancel", true),
        open_other(rig, 0, "to cancel, too", true), open_other(rig, 0, "still wanted", true)};
    struct taker *joiners[] = {open_other(rig, 1, "to cancel", true),
                               open_other(rig, 1, "to cancel, too", true)};
    fake_wait(4);
    for (int i = 0; i < 3; i++)
        taker_leave(takers[i]);
    hold(&loop, takers[0]->worker);
    taker_leave(joiners[0]); /* two calls for one mail */
    taker_leave(joiners[1]);
    rig_gate_open(&loop.gate);
    fake_wait_over(fake_wait(2));
    fake_wait_over(fake_wait(3));
    assert_false(fake_is_over(fake_wait(1)));
    assert_false(fake_is_over(fake_wait(4)));
    fake_send(fake_wait(1), payload.bytes, SIZE);
    fake_send(fake_wait(4), payload.bytes, SIZE);
    taker_assert_gets(takers[3], payload.bytes, SIZE);
    rig_land(rig, 0);
    assert_int_equal(rig_blobs(rig), 1);
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
        taker_free(&takers[i]);
    for (size_t i = 0; i < sizeof joiners / sizeof *joiners; i++)
        taker_free(&joiners[i]);
}

static void an_abandoned_fill_that_is_wanted_again_in_time_goes_on(void **state) {
    struct rig *rig = *state;
    struct hold loop;
    struct taker *leader = open_taker(rig, 0, true), *last = open_taker(rig, 1, true);
    struct fake_fetch *fetch = send_half(last);
    taker_wait_got(leader, HALF);
    taker_leave(leader);
    hold(&loop, &rig->workers[0]);
    taker_leave(last); /* the leader's loop has not heard of it */
    struct taker *again = open_taker(rig, 1, true);
    rig_gate_open(&loop.gate);
    send_rest(fetch);
    taker_assert_gets(again, payload.bytes, SIZE);
    assert_int_equal(fake_started(), 1);
    taker_free(&leader);
    taker_free(&last);
    taker_free(&again);
}

static void a_fill_abandoned_while_it_is_verified_is_kept(void **state) {
    struct rig *rig = *state;
    rig_gate_close(&gates.verify);
    struct taker *taker = open_taker(rig, 0, true);
    send_rest(send_half(taker));
    rig_gate_wait_for_arrival(&gates.verify, 1);
    taker_leave(taker);
    rig_settle(&rig->workers[0]);
    rig_gate_open(&gates.verify);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    assert_int_equal(rig_blobs(rig), 1);
    taker_free(&taker);
}

static void a_fill_abandoned_while_its_file_is_made_leaves_none(void **state) {
    struct rig *rig = *state;
    rig_gate_close(&gates.create);
    struct taker *taker = open_taker(rig, 0, true);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    rig_gate_wait_for_arrival(&gates.create, 1);
    taker_leave(taker);
    fake_wait_over(fetch);
    rig_gate_open(&gates.create);
    taker_free(&taker);
    assert_next_fetches(rig, 2);
    assert_int_equal(rig_partials(rig), 0);
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
        WITH_RIG(a_leader_whose_client_leaves_before_the_answer_aborts_nobody),
        WITH_RIG(a_leader_whose_client_leaves_while_it_fills_aborts_nobody),
        WITH_RIG(who_leaves_between_the_news_and_its_delivery_gives_back_what_it_brought),
        WITH_RIG(a_fill_abandoned_before_the_answer_is_cancelled),
        WITH_RIG(a_fill_abandoned_while_it_fills_is_cancelled_and_discarded),
        WITH_RIG(a_fill_that_is_to_finish_finishes_for_nobody),
        WITH_RIG(of_several_abandoned_fills_only_those_are_cancelled_that_may_be),
        WITH_RIG(an_abandoned_fill_that_is_wanted_again_in_time_goes_on),
        WITH_RIG(a_fill_abandoned_while_it_is_verified_is_kept),
        WITH_RIG(a_fill_abandoned_while_its_file_is_made_leaves_none),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
