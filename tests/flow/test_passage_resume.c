/* A passage whose body breaks is gone on with; its reader only waits. */

#include "passing.h"

/* Answers 200 and breaks after so many bytes; gives the fetch that goes on. */
static struct fake_fetch *break_at(struct rig *rig, const char *etag, size_t size) {
    int started = fake_started();
    struct fake_fetch *fetch = fake_wait(started);
    fake_set_etag(fetch, etag);
    fake_head(fetch, 200, SIZE);
    send_part(rig, fetch, payload.bytes, 0, size);
    fake_end(fetch, DU_TRANSPORT, false);
    return fake_wait_again(rig, started + 1);
}

static void under_a_digest_the_rest_is_asked_for_and_appended(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    struct fake_fetch *again = break_at(rig, "", HALF);
    assert_string_equal(fake_range(again), "bytes=307200-");
    taker_wait_got(taker, HALF);
    fake_set_content_range(again, "bytes 307200-614399/614400");
    assert_true(fake_head(again, 206, HALF));
    send_rest(rig, again, HALF);
    assert_gets(&taker);
}

static void a_200_is_compared_by_its_hash_and_then_gone_on_with(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_named(rig);
    struct fake_fetch *again = break_at(rig, "", HALF);
    assert_string_equal(fake_range(again), "");
    fake_head(again, 200, SIZE);
    send_rest(rig, again, 0);
    assert_gets(&taker);
}

static void a_break_within_what_comes_again_is_none_but_a_try(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_named(rig);
    struct fake_fetch *again = break_at(rig, "", HALF);
    fake_head(again, 200, SIZE);
    send_part(rig, again, payload.bytes, 0, HALF / 2);
    fake_end(again, DU_TRANSPORT, false);
    again = fake_wait_again(rig, 3);
    fake_head(again, 200, SIZE);
    send_rest(rig, again, 0);
    assert_gets(&taker);
}

static void a_200_whose_beginning_differs_breaks_the_reader(void **state) {
    struct rig *rig = *state;
    struct payload other = payload_of(SIZE);
    other.bytes[HALF - 1] ^= 1;
    struct taker *taker = open_named(rig);
    struct fake_fetch *again = break_at(rig, "", HALF);
    fake_head(again, 200, SIZE);
    send_part(rig, again, other.bytes, 0, SIZE);
    taker_wait_over(taker);
    assert_true(taker->got <= HALF);
    assert_breaks(&taker, DU_INTEGRITY);
    payload_free(&other);
}

static void what_changed_in_between_is_not_gone_on_with(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_named(rig);
    struct fake_fetch *again = break_at(rig, "\"v1\"", HALF);
    assert_string_equal(fake_if_range(again), "\"v1\"");
    fake_set_etag(again, "\"v2\"");
    fake_head(again, 200, SIZE);
    assert_breaks(&taker, DU_INTEGRITY);
}

static void a_range_is_gone_on_with_as_the_whole_is(void **state) {
    struct rig *rig = *state;
    struct taker *taker = digest_taker(rig, 0);
    taker->first = HALF + 1000;
    taker->length = 1000;
    taker_open(taker);
    struct fake_fetch *again = break_at(rig, "", HALF + 1500);
    fake_head(again, 200, SIZE);
    send_rest(rig, again, 0);
    taker_assert_gets(taker, payload.bytes + HALF + 1000, 1000);
    taker_free(&taker);
}

static void the_fourth_break_is_the_readers(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    fake_head(fake_wait(1), 200, SIZE);
    send_part(rig, fake_wait(1), payload.bytes, 0, HALF);
    fake_break_for_good(rig, fake_wait(1), DU_TRANSPORT);
    assert_breaks(&taker, DU_TRANSPORT);
    assert_int_equal(fake_started(), 4);
}

static void its_reader_may_leave_while_it_waits_for_the_next_try(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    fake_head(fake_wait(1), 200, SIZE);
    send_part(rig, fake_wait(1), payload.bytes, 0, HALF);
    fake_end(fake_wait(1), DU_TRANSPORT, false);
    taker_wait_got(taker, HALF);
    taker_leave(taker);
    rig_let_time_pass(rig, 60000);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(under_a_digest_the_rest_is_asked_for_and_appended),
        WITH_RIG(a_200_is_compared_by_its_hash_and_then_gone_on_with),
        WITH_RIG(a_break_within_what_comes_again_is_none_but_a_try),
        WITH_RIG(a_200_whose_beginning_differs_breaks_the_reader),
        WITH_RIG(what_changed_in_between_is_not_gone_on_with),
        WITH_RIG(a_range_is_gone_on_with_as_the_whole_is),
        WITH_RIG(the_fourth_break_is_the_readers),
        WITH_RIG(its_reader_may_leave_while_it_waits_for_the_next_try),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
