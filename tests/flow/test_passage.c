/* What the cache has no room for is streamed through to each reader by himself. */

#include "passing.h"

static void what_is_known_to_be_too_large_is_asked_for_once_a_reader(void **state) {
    struct rig *rig = *state;
    struct taker *first = open_digest(rig), *second = open_digest(rig);
    assert_int_equal(rig_flights(rig), 0);
    for (int i = 1; i <= 2; i++) {
        fake_head(fake_wait(i), 200, SIZE);
        send_rest(rig, fake_wait(i), 0);
    }
    assert_gets(&first);
    assert_gets(&second);
    assert_int_equal(fake_started(), 2);
}

static void all_who_wait_for_a_fill_without_room_pass_through(void **state) {
    struct rig *rig = *state;
    struct taker *takers[3];
    for (int i = 0; i < 3; i++) {
        takers[i] = taker_new(rig, i % RIG_WORKERS, &payload.digest, -1);
        taker_open(takers[i]);
    }
    assert_int_equal(fake_started(), 1);
    fake_head(fake_wait(1), 200, SIZE);
    fake_wait_over(fake_wait(1));
    for (int i = 2; i <= 4; i++) {
        fake_head(fake_wait(i), 200, SIZE);
        send_rest(rig, fake_wait(i), 0);
    }
    for (int i = 0; i < 3; i++)
        assert_gets(&takers[i]);
}

static void each_byte_goes_on_at_once_but_the_last_64_kib(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    send_part(rig, fetch, payload.bytes, 0, HALF);
    taker_wait_got(taker, HALF);
    send_part(rig, fetch, payload.bytes, HALF, SIZE);
    taker_wait_got(taker, SIZE - HELD);
    rig_let_time_pass(rig, 0);
    assert_int_equal(taker_got(taker), SIZE - HELD);
    fake_end(fetch, DU_OK, true);
    assert_gets(&taker);
}

static void a_wrong_digest_breaks_it_before_its_last_bytes(void **state) {
    struct rig *rig = *state;
    struct payload wrong = payload_of(SIZE);
    wrong.bytes[0] ^= 1;
    struct taker *taker = open_digest(rig);
    fake_head(fake_wait(1), 200, SIZE);
    send_part(rig, fake_wait(1), wrong.bytes, 0, SIZE);
    fake_end(fake_wait(1), DU_OK, true);
    assert_breaks(&taker, DU_INTEGRITY);
    payload_free(&wrong);
    /* The next request starts afresh. */
    taker = open_digest(rig);
    fake_head(fake_wait(2), 200, SIZE);
    send_rest(rig, fake_wait(2), 0);
    assert_gets(&taker);
}

static void a_size_other_than_the_known_one_is_refused(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_named(rig);
    fake_head(fake_wait(1), 200, SIZE + 1);
    taker_assert_fails(taker, DU_INTEGRITY);
    taker_free(&taker);
    taker = open_named(rig);
    fake_head(fake_wait(2), 200, -1);
    send_part(rig, fake_wait(2), payload.bytes, 0, SIZE - 1);
    fake_end(fake_wait(2), DU_OK, true);
    assert_breaks(&taker, DU_INTEGRITY);
    taker = open_named(rig);
    fake_head(fake_wait(3), 200, -1);
    send_part(rig, fake_wait(3), payload.bytes, 0, SIZE);
    send_part(rig, fake_wait(3), "x", 0, 1);
    assert_breaks(&taker, DU_INTEGRITY);
}

/* With a digest, or not; what is behind them may be longer than the known size says. */
static void a_range_is_cut_from_the_whole_and_held_back_at_its_own_end(void **state) {
    static const struct {
        int64_t first, length, before;
    } ranges[] = {{0, 1, 0},
                  {SIZE - 1, 1, 0},
                  {1000, 3 * HELD, 2 * HELD},
                  {HALF, 100, 99},
                  {HALF, -1, HALF - HELD},
                  {0, 0, 0},
                  {SIZE - HELD, HELD, HELD - 1}};
    struct rig *rig = *state;
    for (int i = 0; i < (int)(sizeof ranges / sizeof *ranges); i++) {
        int64_t first = ranges[i].first, length = ranges[i].length;
        int64_t size = length < 0 ? SIZE - first : length;
        struct taker *taker = digest_taker(rig, 0);
        taker->first = first;
        taker->length = length;
        taker_open(taker);
        struct fake_fetch *fetch = fake_wait(i + 1);
        assert_string_equal(fake_range(fetch), "");
        fake_head(fetch, 200, SIZE);
        send_part(rig, fetch, payload.bytes, 0, SIZE);
        taker_wait_got(taker, ranges[i].before);
        rig_let_time_pass(rig, 0);
        assert_int_equal(taker_got(taker), ranges[i].before);
        fake_end(fetch, DU_OK, true);
        taker_assert_gets(taker, payload.bytes + first, (size_t)size);
        assert_int_equal(taker->body_length, size);
        taker_free(&taker);
    }
}

static void its_reader_paces_upstream_and_memory_stays_flat(void **state) {
    enum { LARGE = 8 << 20, BOUND = 3 << 19 };
    struct rig *rig = *state;
    struct payload large = payload_of(LARGE);
    int64_t live = du_mem_live(), most = 0;
    struct taker *slow = taker_new(rig, 0, &large.digest, LARGE);
    slow->limit = 1;
    taker_open(slow);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, LARGE);
    int64_t at = 0;
    while (at < LARGE) {
        while (!fake_is_paused(fetch) && at < LARGE) {
            int64_t size = LARGE - at < STEP ? LARGE - at : STEP;
            fake_data(fetch, large.bytes + at, (size_t)size);
            at += size;
            rig_let_time_pass(rig, 0);
        }
        assert_true(at - taker_got(slow) < BOUND);
        most = du_mem_live() - live > most ? du_mem_live() - live : most;
        taker_allow(slow, taker_got(slow) + STEP);
        rig_let_time_pass(rig, 0);
    }
    assert_true(most < BOUND);
    fake_end(fetch, DU_OK, true);
    taker_allow(slow, INT64_MAX);
    taker_assert_gets(slow, large.bytes, LARGE);
    taker_free(&slow);
    payload_free(&large);
}

static void what_upstream_answers_before_the_body_is_the_openings_failure(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    taker_assert_fails(taker, DU_NOT_FOUND);
    taker_free(&taker);
    taker = digest_taker(rig, 0);
    fake_refuse(DU_INVALID_URL);
    taker_open(taker);
    taker_assert_fails(taker, DU_INVALID_URL);
    taker_free(&taker);
}

static void its_reader_may_leave_at_any_moment(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig); /* before the head */
    taker_leave(taker);
    fake_wait_over(fake_wait(1));
    taker_free(&taker);
    taker = open_digest(rig); /* behind the head */
    fake_head(fake_wait(2), 200, SIZE);
    taker_wait_idle(taker);
    taker_leave(taker);
    fake_wait_over(fake_wait(2));
    taker_free(&taker);
    taker = open_digest(rig); /* within its bytes */
    fake_head(fake_wait(3), 200, SIZE);
    send_part(rig, fake_wait(3), payload.bytes, 0, HALF);
    taker_wait_got(taker, HALF);
    taker_leave(taker);
    fake_wait_over(fake_wait(3));
    taker_free(&taker);
}

static void one_may_leave_who_found_out_by_a_fill(void **state) {
    struct rig *rig = *state;
    struct taker *taker = taker_new(rig, 0, &payload.digest, -1);
    taker_open(taker);
    fake_head(fake_wait(1), 200, SIZE);
    fake_wait(2);
    taker_leave(taker);
    fake_wait_over(fake_wait(2));
    taker_free(&taker);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
}

struct held {
    struct du_job job;
    struct rig_gate gate;
};

static void stand(struct du_job *job) {
    rig_gate_pass(&du_container_of(job, struct held, job)->gate);
}

static void it_may_be_left_while_the_lane_has_its_bytes(void **state) {
    struct rig *rig = *state;
    static struct held held; /* the lane looks at its gate until it has passed it */
    held = (struct held){.job.work = stand};
    struct taker *taker = open_digest(rig);
    fake_head(fake_wait(1), 200, SIZE);
    taker_wait_idle(taker);
    rig_gate_close(&held.gate);
    assert_int_equal(du_lane_submit(rig->disk, &held.job), DU_OK);
    rig_gate_wait_for_arrival(&held.gate, 1);
    fake_data(fake_wait(1), payload.bytes, STEP);
    taker_leave(taker);
    fake_wait_over(fake_wait(1));
    rig_gate_open(&held.gate);
    taker_free(&taker);
}

static void a_worker_that_ends_breaks_its_passages(void **state) {
    struct rig *rig = *state;
    struct taker *reading = open_digest(rig);
    fake_head(fake_wait(1), 200, SIZE);
    send_part(rig, fake_wait(1), payload.bytes, 0, HALF);
    taker_wait_got(reading, HALF);
    struct taker *waiting = open_digest(rig);
    rig_shut(rig, 0);
    rig_wait_shut(rig, 0);
    assert_breaks(&reading, DU_CANCELLED);
    taker_assert_fails(waiting, DU_CANCELLED);
    taker_free(&waiting);
}

static void passages_are_counted_as_such(void **state) {
    struct du_cache_figures figures;
    struct rig *rig = *state;
    struct taker *taker = open_digest(rig);
    du_cache_figures(rig->cache, &figures);
    assert_int_equal(figures.passing, 1);
    fake_head(fake_wait(1), 200, SIZE);
    send_rest(rig, fake_wait(1), 0);
    assert_gets(&taker);
    du_cache_figures(rig->cache, &figures);
    assert_int_equal(figures.passing, 0);
    assert_int_equal(figures.opened[DU_CACHE_BYPASS], 1);
    assert_int_equal(figures.opened[DU_CACHE_MISS], 0);
    assert_int_equal(figures.filled + figures.failed, 0);
    assert_int_equal(figures.bytes, SIZE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(what_is_known_to_be_too_large_is_asked_for_once_a_reader),
        WITH_RIG(all_who_wait_for_a_fill_without_room_pass_through),
        WITH_RIG(each_byte_goes_on_at_once_but_the_last_64_kib),
        WITH_RIG(a_wrong_digest_breaks_it_before_its_last_bytes),
        WITH_RIG(a_size_other_than_the_known_one_is_refused),
        WITH_RIG(a_range_is_cut_from_the_whole_and_held_back_at_its_own_end),
        WITH_RIG(its_reader_paces_upstream_and_memory_stays_flat),
        WITH_RIG(what_upstream_answers_before_the_body_is_the_openings_failure),
        WITH_RIG(its_reader_may_leave_at_any_moment),
        WITH_RIG(one_may_leave_who_found_out_by_a_fill),
        WITH_RIG(it_may_be_left_while_the_lane_has_its_bytes),
        WITH_RIG(a_worker_that_ends_breaks_its_passages),
        WITH_RIG(passages_are_counted_as_such),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
