/* One fill that goes well: what readers get when, and what paces it. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { HELD = 64 << 10, SIZE = 300 << 10, HALF = SIZE / 2, MANY = 20 };

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

static struct taker *open_taker(struct rig *rig, int worker) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, (int64_t)payload.size);
    taker_open(taker);
    return taker;
}

/* Streaming ------------------------------------------------------------------------------------ */

static void many_who_want_one_blob_share_one_fetch_and_get_it_as_it_comes(void **state) {
    struct taker *takers[MANY];
    for (int i = 0; i < MANY; i++)
        takers[i] = open_taker(*state, i % RIG_WORKERS);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    for (int i = 0; i < MANY; i++)
        taker_wait_got(takers[i], HALF);
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
    for (int i = 0; i < MANY; i++) {
        taker_assert_gets(takers[i], payload.bytes, SIZE);
        assert_int_equal(takers[i]->status, i == 0 ? DU_CACHE_MISS : DU_CACHE_COALESCED);
        taker_free(&takers[i]);
    }
    assert_int_equal(fake_started(), 1);
}

static void readers_are_there_as_soon_as_upstream_has_answered(void **state) {
    struct taker *taker = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    rig_settle(taker->worker);
    assert_int_equal(taker_state(taker), TAKER_OPENING);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    assert_int_equal(taker_state(taker), TAKER_READING);
    assert_int_equal(taker->body_length, SIZE);
    fake_data(fetch, payload.bytes, SIZE);
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void the_last_64_kib_are_held_until_the_whole_is_verified(void **state) {
    rig_gate_close(&gates.verify);
    struct taker *taker = open_taker(*state, 0);
    fake_send(fake_wait(1), payload.bytes, payload.size);
    rig_gate_wait_for_arrival(&gates.verify, 1);
    taker_wait_got(taker, SIZE - HELD);
    rig_settle(taker->worker);
    assert_int_equal(taker_got(taker), SIZE - HELD);
    rig_gate_open(&gates.verify);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void a_stopped_reader_slows_neither_the_others_nor_the_fill(void **state) {
    struct taker *stopped = taker_new(*state, 0, &payload.digest, SIZE);
    stopped->limit = 10;
    taker_open(stopped);
    struct taker *other = open_taker(*state, 0);
    fake_send(fake_wait(1), payload.bytes, payload.size);
    taker_assert_gets(other, payload.bytes, SIZE);
    assert_int_equal(taker_got(stopped), 10);
    taker_allow(stopped, INT64_MAX);
    taker_assert_gets(stopped, payload.bytes, SIZE);
    taker_free(&stopped);
    taker_free(&other);
}

static void who_comes_late_begins_at_his_first_byte(void **state) {
    struct taker *first = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(first, HALF);
    struct taker *late = taker_new(*state, 1, &payload.digest, SIZE);
    late->first = 1000;
    late->length = HALF;
    taker_open(late);
    taker_wait_got(late, HALF - HELD);
    assert_int_equal(late->status, DU_CACHE_COALESCED);
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(first, payload.bytes, SIZE);
    taker_assert_gets(late, payload.bytes + 1000, HALF);
    taker_free(&first);
    taker_free(&late);
}

/* Lengths -------------------------------------------------------------------------------------- */

static void a_body_of_unknown_length_streams_but_for_its_last_64_kib(void **state) {
    struct taker *taker = taker_new(*state, 0, &payload.digest, -1);
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(taker, HALF - HELD);
    taker_wait_idle(taker);
    assert_int_equal(taker_got(taker), HALF - HELD);
    assert_int_equal(taker->body_length, -1);
    fake_data(fetch, payload.bytes + HALF, SIZE - HALF);
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void an_empty_body_ends_once_it_is_verified(void **state) {
    struct payload nothing = payload_of(0);
    struct taker *taker = taker_new(*state, 0, &nothing.digest, 0);
    rig_gate_close(&gates.verify);
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, 0);
    fake_end(fetch, DU_OK, true);
    rig_gate_wait_for_arrival(&gates.verify, 1);
    taker_wait_idle(taker);
    assert_int_equal(taker_state(taker), TAKER_READING);
    rig_gate_open(&gates.verify);
    taker_assert_gets(taker, nothing.bytes, 0);
    assert_int_equal(rig_blobs(*state), 1);
    taker_free(&taker);
    payload_free(&nothing);
}

static void the_size_known_beforehand_is_the_length_when_upstream_says_none(void **state) {
    struct taker *taker = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    taker_wait_idle(taker);
    assert_int_equal(taker->body_length, SIZE);
    fake_data(fetch, payload.bytes, SIZE);
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

/* The disk ------------------------------------------------------------------------------------- */

static void the_disk_paces_upstream(void **state) {
    enum { CHUNK = 64 << 10, BIG = 4 << 20 };
    struct payload big = payload_of(BIG);
    struct taker *taker = taker_new(*state, 0, &big.digest, BIG);
    rig_gate_close(&gates.write);
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, BIG);
    size_t sent = 0;
    for (; !fake_is_paused(fetch); sent += CHUNK)
        fake_data(fetch, big.bytes + sent, CHUNK);
    assert_in_range(sent, CHUNK, 3 << 20);
    rig_gate_open(&gates.write);
    fake_wait_resumed(fetch);
    for (; sent < BIG; sent += CHUNK) {
        fake_wait_resumed(fetch);
        fake_data(fetch, big.bytes + sent, CHUNK);
    }
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(taker, big.bytes, BIG);
    taker_free(&taker);
    payload_free(&big);
}

static void short_writes_are_written_on(void **state) {
    struct rig *rig = *state;
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_SHORT_WRITE, 1000, 0, 50);
    struct taker *taker = open_taker(rig, 0);
    fake_send(fake_wait(1), payload.bytes, payload.size);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
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
        WITH_RIG(many_who_want_one_blob_share_one_fetch_and_get_it_as_it_comes),
        WITH_RIG(readers_are_there_as_soon_as_upstream_has_answered),
        WITH_RIG(the_last_64_kib_are_held_until_the_whole_is_verified),
        WITH_RIG(a_stopped_reader_slows_neither_the_others_nor_the_fill),
        WITH_RIG(who_comes_late_begins_at_his_first_byte),
        WITH_RIG(a_body_of_unknown_length_streams_but_for_its_last_64_kib),
        WITH_RIG(an_empty_body_ends_once_it_is_verified),
        WITH_RIG(the_size_known_beforehand_is_the_length_when_upstream_says_none),
        WITH_RIG(the_disk_paces_upstream),
        WITH_RIG(short_writes_are_written_on),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
