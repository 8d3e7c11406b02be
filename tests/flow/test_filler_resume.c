/* A body that breaks is gone on with: what is asked for, what is taken, and when it is given up. */

#include "fake_upstream.h"
#include "gates.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { HELD = 64 << 10, SIZE = 300 << 10, HALF = SIZE / 2, THIRD = SIZE / 3 };

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

static struct taker *open_digest(struct rig *rig, int64_t size) {
    struct taker *taker = taker_new(rig, 0, &payload.digest, size);
    taker_open(taker);
    return taker;
}

static struct taker *open_named(struct rig *rig, int64_t size) {
    struct taker *taker = taker_new(rig, 0, NULL, size);
    taker->options.name = "asset";
    taker->options.version = "1";
    taker_open(taker);
    return taker;
}

/* The latest fetch answers 200 and breaks after so many bytes; gives the fetch that goes on. */
static struct fake_fetch *break_at(struct rig *rig, struct taker *taker, const char *etag,
                                   int64_t length, size_t size) {
    int started = fake_started();
    struct fake_fetch *fetch = fake_wait(started);
    fake_set_etag(fetch, etag);
    fake_head(fetch, 200, length);
    taker_wait_idle(taker);
    fake_data(fetch, payload.bytes, size);
    fake_end(fetch, DU_TRANSPORT, false);
    return fake_wait_again(rig, started + 1);
}

static void set_range(struct fake_fetch *fetch, int64_t first, int64_t last, int64_t total) {
    char text[64];
    snprintf(text, sizeof text, "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, last, total);
    fake_set_content_range(fetch, text);
}

static void send_rest(struct fake_fetch *fetch, size_t from) {
    fake_data(fetch, payload.bytes + from, SIZE - from);
    fake_end(fetch, DU_OK, true);
}

static void append_rest(struct fake_fetch *fetch, size_t from) {
    set_range(fetch, (int64_t)from, SIZE - 1, SIZE);
    assert_true(fake_head(fetch, 206, (int64_t)(SIZE - from)));
    send_rest(fetch, from);
}

static void send_all(struct fake_fetch *fetch) {
    fake_send(fetch, payload.bytes, SIZE);
}

static void assert_gets(struct taker **taker) {
    taker_assert_gets(*taker, payload.bytes, SIZE);
    assert_int_equal(rig_blobs((*taker)->rig), 1);
    taker_free(taker);
}

static void assert_breaks(struct taker **taker, enum du_error_kind kind) {
    taker_assert_breaks(*taker, kind);
    rig_land((*taker)->rig, 0);
    assert_int_equal(rig_blobs((*taker)->rig), 0);
    taker_free(taker);
}

/* What is asked for ---------------------------------------------------------------------------- */

static void under_a_digest_the_rest_is_asked_for_and_readers_only_wait(void **state) {
    struct du_cache_figures figures;
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *again = break_at(rig, taker, "", SIZE, HALF);
    assert_string_equal(fake_url(again), "/blob");
    assert_string_equal(fake_range(again), "bytes=153600-");
    assert_string_equal(fake_if_range(again), "");
    taker_wait_got(taker, HALF);
    assert_int_equal(taker_state(taker), TAKER_READING);
    struct taker *joiner = taker_new(rig, 1, &payload.digest, SIZE);
    taker_open(joiner);
    append_rest(again, HALF);
    taker_assert_gets(joiner, payload.bytes, SIZE);
    assert_int_equal(joiner->status, DU_CACHE_COALESCED);
    taker_free(&joiner);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 2);
    du_cache_figures(rig->cache, &figures);
    assert_int_equal(figures.resumed, 1);
    assert_int_equal(figures.bytes, SIZE);
}

static void without_a_digest_a_strong_validator_goes_with_the_range(void **state) {
    struct taker *taker = open_named(*state, -1);
    struct fake_fetch *again = break_at(*state, taker, "\"v1\"", SIZE, HALF);
    assert_string_equal(fake_range(again), "bytes=153600-");
    assert_string_equal(fake_if_range(again), "\"v1\"");
    fake_set_etag(again, "\"v1\"");
    append_rest(again, HALF);
    assert_gets(&taker);
}

static void without_either_the_whole_is_asked_for(void **state) {
    static const char *const etags[] = {"", "W/\"v1\""};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++) {
        struct taker *taker = open_named(rig, SIZE);
        struct fake_fetch *again = break_at(rig, taker, etags[i], SIZE, HALF);
        assert_string_equal(fake_range(again), "");
        assert_string_equal(fake_if_range(again), "");
        send_all(again);
        assert_gets(&taker);
        rig_land(rig, 0);
        assert_true(du_index_forget(rig->index, "asset"));
    }
}

static void what_broke_before_its_first_byte_is_asked_for_anew(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, 0);
    assert_string_equal(fake_range(again), "");
    send_all(again);
    assert_gets(&taker);
}

/* What is taken -------------------------------------------------------------------------------- */

static void a_200_is_compared_and_then_gone_on_with(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, HALF);
    assert_true(fake_head(again, 200, SIZE));
    /* The piece that lies across the break is half known and half new. */
    assert_true(fake_data(again, payload.bytes, HALF - 1000));
    assert_true(fake_data(again, payload.bytes + HALF - 1000, 2000));
    taker_wait_got(taker, HALF + 1000);
    send_rest(again, HALF + 1000);
    assert_gets(&taker);
}

static void a_200_whose_beginning_differs_fails(void **state) {
    struct payload other = payload_of(SIZE);
    struct taker *taker = open_named(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, HALF);
    other.bytes[HALF - 1] ^= 1;
    fake_head(again, 200, SIZE);
    fake_data(again, other.bytes, HALF);
    fake_wait_over(again);
    assert_breaks(&taker, DU_INTEGRITY);
    payload_free(&other);
}

static void a_part_that_was_not_asked_for_is_not_appended(void **state) {
    static const char *const ranges[] = {"",
                                         "bytes 153599-307199/307200",
                                         "bytes 153601-307199/307200",
                                         "bytes 153600-307198/307200",
                                         "bytes 153600-307199",
                                         "bytes 153600-/307200",
                                         "bytes */307200",
                                         "items 153600-307199/307200"};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct taker *taker = open_digest(rig, SIZE);
        struct fake_fetch *again = break_at(rig, taker, "", SIZE, HALF);
        int started = fake_started();
        fake_set_content_range(again, ranges[i]);
        assert_false(fake_head(again, 206, -1));
        /* Ranges are not its thing: the whole. */
        again = fake_wait_again(rig, started + 1);
        assert_string_equal(fake_range(again), "");
        send_all(again);
        assert_gets(&taker);
        rig_land(rig, 0);
        du_index_drop(rig->index, &payload.digest);
    }
}

static void a_416_is_followed_by_a_plain_request(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    fake_end_status(break_at(*state, taker, "", SIZE, HALF), 416);
    struct fake_fetch *again = fake_wait_again(*state, 3);
    assert_string_equal(fake_range(again), "");
    send_all(again);
    assert_gets(&taker);
}

static void a_part_of_a_total_that_is_not_told_is_appended(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", -1, HALF);
    fake_set_content_range(again, "bytes 153600-307199/*");
    assert_true(fake_head(again, 206, HALF));
    send_rest(again, HALF);
    assert_gets(&taker);
}

static void something_else_is_not_gone_on_with(void **state) {
    static const struct {
        int status;
        int64_t length;
        const char *etag, *range;
    } cases[] = {{206, HALF, "\"v2\"", "bytes 153600-307199/307200"},
                 {206, HALF + 1, "\"v1\"", "bytes 153600-307200/307201"},
                 {200, SIZE, "\"v2\"", ""},
                 {200, SIZE + 1, "\"v1\"", ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct taker *taker = open_named(*state, -1);
        struct fake_fetch *again = break_at(*state, taker, "\"v1\"", SIZE, HALF);
        fake_set_etag(again, cases[i].etag);
        fake_set_content_range(again, cases[i].range);
        assert_false(fake_head(again, cases[i].status, cases[i].length));
        assert_breaks(&taker, DU_INTEGRITY);
    }
}

static void a_digest_proves_more_than_a_validator(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "\"node 1\"", SIZE, HALF);
    fake_set_etag(again, "\"node 2\"");
    append_rest(again, HALF);
    assert_gets(&taker);
}

static void what_became_shorter_meanwhile_fails(void **state) {
    struct taker *taker = open_named(*state, -1);
    struct fake_fetch *again = break_at(*state, taker, "", -1, HALF);
    fake_head(again, 200, -1);
    fake_data(again, payload.bytes, HALF - 1);
    fake_end(again, DU_OK, true);
    assert_breaks(&taker, DU_INTEGRITY);
}

static void wrong_bytes_after_the_break_are_seen_by_the_digest(void **state) {
    struct payload wrong = payload_of(SIZE);
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, HALF);
    wrong.bytes[SIZE - 1] ^= 1;
    set_range(again, HALF, SIZE - 1, SIZE);
    fake_head(again, 206, HALF);
    fake_data(again, wrong.bytes + HALF, HALF);
    fake_end(again, DU_OK, true);
    taker_wait_over(taker);
    assert_true(taker->got <= SIZE - HELD);
    assert_breaks(&taker, DU_INTEGRITY);
    payload_free(&wrong);
}

static void a_break_behind_the_last_byte_is_none(void **state) {
    struct taker *taker = open_named(*state, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    fake_data(fetch, payload.bytes, SIZE);
    fake_end(fetch, DU_TRANSPORT, false);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 1);
}

/* How often ------------------------------------------------------------------------------------ */

static void a_body_may_break_three_times(void **state) {
    enum { PIECE = 1000 };
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = break_at(rig, taker, "", SIZE, PIECE);
    for (int i = 1; i < 3; i++) {
        set_range(fetch, i * PIECE, SIZE - 1, SIZE);
        fake_head(fetch, 206, -1);
        fake_data(fetch, payload.bytes + i * PIECE, PIECE);
        fake_end(fetch, i == 1 ? DU_TIMEOUT : DU_TRANSPORT, false);
        fetch = fake_wait_again(rig, i + 2);
    }
    append_rest(fetch, (size_t)3 * PIECE);
    assert_gets(&taker);
    assert_int_equal(fake_started(), 4);
}

static void pauses_become_longer_and_a_fourth_break_is_the_last(void **state) {
    static const int64_t pauses[] = {250, 1000, 4000};
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    for (int i = 0; i < 3; i++) {
        fake_end(fetch, DU_TRANSPORT, false);
        rig_let_time_pass(rig, 0); /* the pause begins */
        rig_let_time_pass(rig, pauses[i]);
        assert_int_equal(fake_started(), i + 2);
        fetch = fake_wait(i + 2);
    }
    fake_end(fetch, DU_TRANSPORT, false);
    assert_breaks(&taker, DU_TRANSPORT);
    rig_let_time_pass(rig, 60000);
    assert_int_equal(fake_started(), 4);
}

static void an_upstream_that_is_down_for_a_moment_is_asked_again(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    fake_end_status(break_at(rig, taker, "", SIZE, HALF), 503);
    append_rest(fake_wait_again(rig, 3), HALF);
    assert_gets(&taker);
}

static void what_is_gone_meanwhile_is_not_asked_for_again(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    fake_end(break_at(*state, taker, "", SIZE, HALF), DU_NOT_FOUND, false);
    assert_breaks(&taker, DU_NOT_FOUND);
    assert_int_equal(fake_started(), 2);
}

static void a_second_break_within_what_was_compared_loses_nothing(void **state) {
    struct taker *taker = open_digest(*state, SIZE);
    struct fake_fetch *again = break_at(*state, taker, "", SIZE, HALF);
    fake_head(again, 200, SIZE);
    fake_data(again, payload.bytes, THIRD);
    fake_end(again, DU_TRANSPORT, false);
    again = fake_wait_again(*state, 3);
    assert_string_equal(fake_range(again), "bytes=153600-");
    append_rest(again, HALF);
    assert_gets(&taker);
}

/* Meanwhile ------------------------------------------------------------------------------------ */

static void a_worker_that_ends_does_not_wait_for_the_next_try(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_let_time_pass(rig, 0);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    taker_assert_breaks(taker, DU_CANCELLED);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

static void nobody_waits_for_a_fill_that_everybody_left(void **state) {
    struct rig *rig = *state;
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = true;
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_let_time_pass(rig, 0);
    taker_leave(taker);
    rig_land(rig, 0);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

static void a_disk_that_fails_with_the_last_bytes_before_a_break_is_io(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig, SIZE);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    taker_wait_idle(taker);
    rig_gate_close(&gates.write);
    fake_data(fetch, payload.bytes, HALF);
    rig_gate_wait_for_arrival(&gates.write, 1);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_WRITE, ENOSPC, 0, 1);
    fake_end(fetch, DU_TRANSPORT, false);
    rig_gate_open(&gates.write);
    assert_breaks(&taker, DU_IO);
    assert_int_equal(fake_started(), 1);
}

/* On the worker's thread, where it counts. */
static void let_memory_fail(void *user) {
    du_mem_fail_after(*(int64_t *)user);
}

static void mend_memory(void *user) {
    (void)user;
    du_mem_fail_after(-1);
}

static void no_memory_for_another_try_breaks_the_readers(void **state) {
    struct rig *rig = *state;
    bool resumed = false;
    for (int64_t i = 0; !resumed; i++) {
        struct taker *taker = open_digest(rig, SIZE);
        int started = fake_started();
        struct fake_fetch *fetch = fake_wait(started);
        fake_head(fetch, 200, SIZE);
        fake_data(fetch, payload.bytes, HALF);
        taker_wait_got(taker, HALF);
        rig_run(taker->worker, let_memory_fail, &i);
        fake_end(fetch, DU_TRANSPORT, false);
        rig_let_time_pass(rig, 0);
        rig_let_time_pass(rig, 1000);
        rig_run(taker->worker, mend_memory, NULL);
        resumed = fake_started() > started;
        if (resumed) {
            append_rest(fake_wait(started + 1), HALF);
            assert_gets(&taker);
        } else {
            assert_breaks(&taker, DU_MEMORY);
        }
    }
    assert_true(fake_started() > 2);
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
        WITH_RIG(under_a_digest_the_rest_is_asked_for_and_readers_only_wait),
        WITH_RIG(without_a_digest_a_strong_validator_goes_with_the_range),
        WITH_RIG(without_either_the_whole_is_asked_for),
        WITH_RIG(what_broke_before_its_first_byte_is_asked_for_anew),
        WITH_RIG(a_200_is_compared_and_then_gone_on_with),
        WITH_RIG(a_200_whose_beginning_differs_fails),
        WITH_RIG(a_part_that_was_not_asked_for_is_not_appended),
        WITH_RIG(a_416_is_followed_by_a_plain_request),
        WITH_RIG(a_part_of_a_total_that_is_not_told_is_appended),
        WITH_RIG(something_else_is_not_gone_on_with),
        WITH_RIG(a_digest_proves_more_than_a_validator),
        WITH_RIG(what_became_shorter_meanwhile_fails),
        WITH_RIG(wrong_bytes_after_the_break_are_seen_by_the_digest),
        WITH_RIG(a_break_behind_the_last_byte_is_none),
        WITH_RIG(a_body_may_break_three_times),
        WITH_RIG(pauses_become_longer_and_a_fourth_break_is_the_last),
        WITH_RIG(an_upstream_that_is_down_for_a_moment_is_asked_again),
        WITH_RIG(what_is_gone_meanwhile_is_not_asked_for_again),
        WITH_RIG(a_second_break_within_what_was_compared_loses_nothing),
        WITH_RIG(a_worker_that_ends_does_not_wait_for_the_next_try),
        WITH_RIG(nobody_waits_for_a_fill_that_everybody_left),
        WITH_RIG(no_memory_for_another_try_breaks_the_readers),
        WITH_RIG(a_disk_that_fails_with_the_last_bytes_before_a_break_is_io),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
