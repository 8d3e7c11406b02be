/* A body that breaks is gone on with: what is asked for, and what is taken. */

#include "resuming.h"

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
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
