/* Fills and the store's limit: who goes for a fill, and what a fill takes while it is up. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

enum { HELD = 64 << 10, SIZE = 300 << 10, HALF = SIZE / 2, KINDS = 3 };

static struct payload payloads[KINDS]; /* of SIZE, SIZE + 1, … */

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

static struct taker *open_taker(struct rig *rig, int which) {
    struct taker *taker = taker_new(rig, 0, &payloads[which].digest, -1);
    taker_open(taker);
    return taker;
}

static void assert_got(struct taker **taker, int which) {
    taker_assert_gets(*taker, payloads[which].bytes, payloads[which].size);
    taker_free(taker);
}

/* Takes one through the cache, from upstream. */
static void fetch(struct rig *rig, int which) {
    int before = fake_started();
    struct taker *taker = open_taker(rig, which);
    fake_send(fake_wait(before + 1), payloads[which].bytes, payloads[which].size);
    assert_got(&taker, which);
    rig_land(rig, 0);
}

static void assert_hit(struct rig *rig, int which) {
    int before = fake_started();
    struct taker *taker = open_taker(rig, which);
    assert_got(&taker, which);
    assert_int_equal(fake_started(), before);
}

static void a_fill_evicts_what_nobody_used_for_longest(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, 2 * SIZE + KINDS, 0);
    fetch(rig, 0);
    fetch(rig, 1);
    assert_hit(rig, 0);
    fetch(rig, 2);
    assert_int_equal(rig_blobs(rig), 2);
    assert_int_equal(du_index_evictions(rig->index), 1);
    assert_hit(rig, 0);
    assert_hit(rig, 2);
    fetch(rig, 1);
}

static void a_blob_that_is_read_is_not_evicted(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, 2 * SIZE + KINDS, 0);
    fetch(rig, 0);
    fetch(rig, 1);
    struct taker *slow = taker_new(rig, 1, &payloads[0].digest, -1);
    slow->limit = 1;
    taker_open(slow);
    assert_hit(rig, 1);
    fetch(rig, 2);
    assert_hit(rig, 0);
    taker_allow(slow, INT64_MAX);
    assert_got(&slow, 0);
}

static void a_fill_that_is_up_has_its_room(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, 2 * SIZE + KINDS, 0);
    struct taker *first = open_taker(rig, 0), *second = open_taker(rig, 1);
    fake_head(fake_wait(1), 200, (int64_t)payloads[0].size);
    fake_head(fake_wait(2), 200, (int64_t)payloads[1].size);
    taker_wait_idle(first);
    taker_wait_idle(second);
    struct taker *third = open_taker(rig, 2);
    fake_head(fake_wait(3), 200, (int64_t)payloads[2].size);
    fake_send(fake_wait(4), payloads[2].bytes, payloads[2].size);
    taker_assert_gets(third, payloads[2].bytes, payloads[2].size);
    assert_int_equal(third->status, DU_CACHE_BYPASS);
    for (int i = 0; i < 2; i++) {
        fake_data(fake_wait(i + 1), payloads[i].bytes, payloads[i].size);
        fake_end(fake_wait(i + 1), DU_OK, true);
    }
    assert_got(&first, 0);
    assert_got(&second, 1);
    rig_land(rig, 0);
    taker_free(&third);
    int before = fake_started();
    third = open_taker(rig, 2);
    fake_send(fake_wait(before + 1), payloads[2].bytes, payloads[2].size);
    assert_got(&third, 2);
}

static void what_is_larger_than_the_limit_is_passed_through_and_evicts_nobody(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, SIZE, 0);
    fetch(rig, 0);
    struct taker *taker = open_taker(rig, 1);
    struct fake_fetch *upstream = fake_wait(2);
    fake_head(upstream, 200, (int64_t)payloads[1].size);
    fake_wait_over(upstream);
    fake_send(fake_wait(3), payloads[1].bytes, payloads[1].size);
    assert_got(&taker, 1);
    assert_int_equal(rig_blobs(rig), 1);
    assert_hit(rig, 0);
}

static void a_body_of_unknown_length_takes_room_as_it_comes(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, SIZE + 1, 0);
    fetch(rig, 0);
    struct taker *taker = open_taker(rig, 1);
    struct fake_fetch *upstream = fake_wait(2);
    fake_head(upstream, 200, -1);
    taker_wait_idle(taker);
    assert_hit(rig, 0);
    fake_data(upstream, payloads[1].bytes, HALF);
    taker_wait_got(taker, HALF - HELD);
    assert_int_equal(rig_blobs(rig), 0);
    fake_data(upstream, payloads[1].bytes + HALF, payloads[1].size - HALF);
    fake_end(upstream, DU_OK, true);
    assert_got(&taker, 1);
    du_index_limit(rig->index, SIZE, 0);
    taker = open_taker(rig, 1);
    upstream = fake_wait(3);
    fake_head(upstream, 200, -1);
    taker_wait_idle(taker);
    fake_data(upstream, payloads[1].bytes, payloads[1].size);
    taker_assert_breaks(taker, DU_OVERLOADED);
    taker_free(&taker);
    rig_land(rig, 0);
    /* Now it is known to be too large, and passes through. */
    taker = open_taker(rig, 1);
    upstream = fake_wait(4);
    fake_head(upstream, 200, -1);
    fake_data(upstream, payloads[1].bytes, payloads[1].size);
    fake_end(upstream, DU_OK, true);
    taker_assert_gets(taker, payloads[1].bytes, payloads[1].size);
    assert_int_equal(taker->status, DU_CACHE_BYPASS);
    taker_free(&taker);
}

static void a_fill_that_failed_gives_its_room_back_with_its_last_reader(void **state) {
    struct rig *rig = *state;
    du_index_limit(rig->index, SIZE + KINDS, 0);
    struct taker *slow = taker_new(rig, 1, &payloads[0].digest, -1);
    slow->limit = 1;
    taker_open(slow);
    struct fake_fetch *upstream = fake_wait(1);
    fake_head(upstream, 200, SIZE);
    fake_data(upstream, payloads[0].bytes, HALF);
    taker_wait_got(slow, 1);
    fake_end(upstream, DU_NOT_FOUND, false);
    rig_land(rig, 1);
    struct taker *next = open_taker(rig, 1);
    fake_head(fake_wait(2), 200, (int64_t)payloads[1].size);
    fake_send(fake_wait(3), payloads[1].bytes, payloads[1].size);
    assert_got(&next, 1);
    assert_int_equal(rig_blobs(rig), 0);
    taker_allow(slow, INT64_MAX);
    taker_assert_breaks(slow, DU_NOT_FOUND);
    taker_free(&slow);
    fetch(rig, 1);
}

static void a_disk_short_of_space_is_io_and_what_is_cached_is_served(void **state) {
    struct rig *rig = *state;
    fetch(rig, 0);
    du_index_limit(rig->index, -1, 1 << 20);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_SPACE, 1, 0, -1);
    struct taker *taker = open_taker(rig, 1);
    fake_head(fake_wait(2), 200, (int64_t)payloads[1].size);
    taker_assert_fails(taker, DU_IO);
    taker_free(&taker);
    assert_hit(rig, 0);
    du_faults_disarm(&rig->base.faults, DU_FAULT_BLOB_SPACE);
    fetch(rig, 1);
}

static int make_payloads(void **state) {
    (void)state;
    for (int i = 0; i < KINDS; i++)
        payloads[i] = payload_of((size_t)SIZE + (size_t)i);
    return 0;
}

static int free_payloads(void **state) {
    (void)state;
    for (int i = 0; i < KINDS; i++)
        payload_free(&payloads[i]);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_fill_evicts_what_nobody_used_for_longest),
        WITH_RIG(a_blob_that_is_read_is_not_evicted),
        WITH_RIG(a_fill_that_is_up_has_its_room),
        WITH_RIG(what_is_larger_than_the_limit_is_passed_through_and_evicts_nobody),
        WITH_RIG(a_body_of_unknown_length_takes_room_as_it_comes),
        WITH_RIG(a_disk_short_of_space_is_io_and_what_is_cached_is_served),
        WITH_RIG(a_fill_that_failed_gives_its_room_back_with_its_last_reader),
    };
    return cmocka_run_group_tests(tests, make_payloads, free_payloads);
}
