/* A reader: what it gives of a blob or of a fill, when, and how it goes. */

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

enum {
    HELD = 64 << 10,
    TWO_HELD = 2 * HELD,
    PIECE = 1 << 20,
    TWO_PIECES = 2 * PIECE,
    SIZE = (5 << 20) / 2
};

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

static struct taker *range_taker(struct rig *rig, int64_t first, int64_t length) {
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker->first = first;
    taker->length = length;
    return taker;
}

static void fill_cache(struct rig *rig) {
    struct taker *taker = range_taker(rig, 0, -1);
    taker_open(taker);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

/* A fill that is up, with a reader that keeps it so, and its first `size` bytes committed. */
static struct fake_fetch *begin(struct rig *rig, struct taker **reader, size_t size) {
    *reader = range_taker(rig, 0, -1);
    taker_open(*reader);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, size);
    taker_wait_got(*reader, (int64_t)size < SIZE - HELD ? (int64_t)size : SIZE - HELD);
    return fetch;
}

static void finish(struct fake_fetch *fetch, struct taker **reader, size_t sent) {
    fake_data(fetch, payload.bytes + sent, SIZE - sent);
    fake_end(fetch, DU_OK, true);
    taker_assert_gets(*reader, payload.bytes, SIZE);
    taker_free(reader);
}

/* Blobs ---------------------------------------------------------------------------------------- */

static void a_range_of_a_blob_is_that_range(void **state) {
    static const int64_t ranges[][2] = {{0, -1},       {0, SIZE},  {0, 1},         {SIZE - 1, 1},
                                        {1000, 70000}, {1000, -1}, {PIECE, PIECE}, {0, 0},
                                        {SIZE, 0},     {SIZE, -1}};
    fill_cache(*state);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        int64_t first = ranges[i][0], length = ranges[i][1];
        int64_t size = length < 0 ? SIZE - first : length;
        struct taker *taker = range_taker(*state, first, length);
        taker_open(taker);
        taker_assert_gets(taker, payload.bytes + first, (size_t)size);
        assert_int_equal(taker->status, DU_CACHE_HIT);
        assert_int_equal(taker->body_length, size);
        taker_free(&taker);
    }
    assert_int_equal(fake_started(), 1);
}

struct attempt {
    struct rig *rig;
    struct rig_worker *worker;
    struct du_cache_options options;
    struct du_cache_open open;
    struct du_piece piece;
    struct du_error error;
    int64_t memory; /* allocations that go well, -1: all */
    bool made;
};

static void open_hit(void *user) {
    struct attempt *attempt = user;
    attempt->open = (struct du_cache_open){.home = &attempt->worker->mailbox};
    if (du_cache_open(attempt->rig->cache, attempt->worker->client, &attempt->options,
                      &attempt->open) != DU_STEP_DONE) {
        attempt->error = attempt->open.error;
        assert_null(attempt->open.blob);
        return;
    }
    du_mem_fail_after(attempt->memory);
    struct du_body *body = du_reader_new(&attempt->open, 0, -1, &attempt->error);
    du_mem_fail_after(-1);
    attempt->made = body != NULL;
    if (!attempt->made) {
        assert_true(attempt->open.blob != NULL || attempt->open.fill != NULL);
        du_cache_release(&attempt->open);
        du_cache_release(&attempt->open);
        return;
    }
    assert_int_equal(body->type->next(body, &attempt->piece), DU_BODY_FILE);
    body->type->close(body);
}

static struct attempt try(struct rig *rig, int64_t memory) {
    struct attempt attempt = {.rig = rig,
                              .worker = &rig->workers[0],
                              .options = {.digest = &payload.digest, .origin = fake_origin()},
                              .memory = memory};
    attempt.options.size = SIZE;
    attempt.options.url = "/blob";
    rig_run(attempt.worker, open_hit, &attempt);
    return attempt;
}

static void a_piece_is_bounded_so_that_connections_take_turns(void **state) {
    fill_cache(*state);
    struct attempt attempt = try(*state, -1);
    assert_true(attempt.made);
    assert_int_equal(attempt.piece.size, PIECE);
    assert_int_equal(attempt.piece.offset, 0);
}

static void a_blob_whose_file_cannot_be_opened_is_no_hit(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_READ, EIO, 0, 2);
    struct attempt attempt = try(rig, -1);
    assert_false(attempt.made);
    assert_int_equal(attempt.error.kind, DU_IO);
    assert_true(try(rig, -1).made);
}

static void without_memory_nothing_is_taken(void **state) {
    struct taker *reader;
    struct rig *rig = *state;
    struct fake_fetch *fetch = begin(rig, &reader, PIECE);
    struct attempt of_fill = try(rig, 0);
    assert_false(of_fill.made);
    assert_int_equal(of_fill.error.kind, DU_MEMORY);
    finish(fetch, &reader, PIECE);
    struct attempt of_blob = try(rig, 0);
    assert_false(of_blob.made);
    assert_int_equal(of_blob.error.kind, DU_MEMORY);
}

/* Fills ---------------------------------------------------------------------------------------- */

static void a_range_holds_back_its_own_end_not_the_fills(void **state) {
    struct taker *reader, *part = range_taker(*state, 1000, TWO_HELD);
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    taker_open(part);
    taker_wait_idle(part);
    assert_int_equal(taker_got(part), HELD);
    assert_int_equal(part->body_length, TWO_HELD);
    finish(fetch, &reader, PIECE);
    taker_assert_gets(part, payload.bytes + 1000, TWO_HELD);
    taker_free(&part);
}

static void a_small_range_holds_back_its_last_byte(void **state) {
    struct taker *reader, *part = range_taker(*state, 1000, HELD);
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    taker_open(part);
    taker_wait_idle(part);
    assert_int_equal(taker_got(part), HELD - 1);
    finish(fetch, &reader, PIECE);
    taker_assert_gets(part, payload.bytes + 1000, HELD);
    taker_free(&part);
}

static void an_empty_range_of_a_fill_waits_for_the_verification(void **state) {
    struct taker *reader, *part = range_taker(*state, 1000, 0);
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    taker_open(part);
    taker_wait_idle(part);
    assert_int_equal(taker_state(part), TAKER_READING);
    finish(fetch, &reader, PIECE);
    taker_assert_gets(part, "", 0);
    taker_free(&part);
}

static void who_waits_for_the_verification_is_not_woken_by_bytes(void **state) {
    struct taker *reader, *part = range_taker(*state, 0, 10);
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    taker_open(part);
    taker_wait_idle(part);
    fake_data(fetch, payload.bytes + PIECE, PIECE);
    taker_wait_got(reader, TWO_PIECES);
    rig_settle(part->worker);
    assert_int_equal(part->wakes, 0);
    finish(fetch, &reader, TWO_PIECES);
    taker_assert_gets(part, payload.bytes, 10);
    assert_int_equal(part->wakes, 1);
    taker_free(&part);
}

static void who_waits_for_a_far_range_is_not_woken_before_it_begins(void **state) {
    struct taker *reader, *part = range_taker(*state, TWO_PIECES, -1);
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    taker_open(part);
    taker_wait_idle(part);
    fake_data(fetch, payload.bytes + PIECE, PIECE);
    taker_wait_got(reader, TWO_PIECES);
    rig_settle(part->worker);
    assert_int_equal(part->wakes, 0);
    finish(fetch, &reader, TWO_PIECES);
    taker_assert_gets(part, payload.bytes + TWO_PIECES, SIZE - TWO_PIECES);
    taker_free(&part);
}

static void a_fill_that_ends_short_of_the_range_breaks_the_reader(void **state) {
    struct taker *taker = taker_new(*state, 0, &payload.digest, -1);
    taker->length = SIZE + 1;
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    fake_data(fetch, payload.bytes, SIZE);
    fake_end(fetch, DU_OK, true);
    taker_assert_breaks(taker, DU_INTEGRITY);
    assert_int_equal(rig_blobs(*state), 1);
    taker_free(&taker);
}

/* Closing -------------------------------------------------------------------------------------- */

static void a_reader_closes_in_any_state(void **state) {
    struct taker *reader, *never, *parked, *held;
    struct fake_fetch *fetch = begin(*state, &reader, PIECE);
    never = range_taker(*state, 0, -1);
    never->limit = 0;
    taker_open(never); /* never asked for a piece */
    parked = range_taker(*state, 0, -1);
    taker_open(parked);
    taker_wait_idle(parked);
    held = range_taker(*state, 0, 1);
    taker_open(held);
    taker_wait_idle(held);
    taker_leave(never);
    taker_leave(parked);
    taker_leave(held);
    finish(fetch, &reader, PIECE);
    taker_free(&never);
    taker_free(&parked);
    taker_free(&held);
}

struct held_loop {
    struct rig_gate gate;
    struct du_mail mail;
    struct taker *leaver;
};

/* Holds the loop, then closes a reader on it before the fill's mail is delivered. */
static void hold_and_leave(struct du_mail *mail) {
    struct held_loop *loop = du_container_of(mail, struct held_loop, mail);
    rig_gate_pass(&loop->gate);
    loop->leaver->body->type->close(loop->leaver->body);
    loop->leaver->body = NULL;
    rig_lock();
    loop->leaver->state = TAKER_LEFT;
    rig_unlock();
}

static void a_reader_closes_with_its_wake_under_way(void **state) {
    struct rig *rig = *state;
    struct taker *reader, *leaver = taker_new(rig, 1, &payload.digest, SIZE);
    struct held_loop loop = {.mail.deliver = hold_and_leave, .leaver = leaver};
    struct fake_fetch *fetch = begin(rig, &reader, PIECE);
    taker_open(leaver);
    taker_wait_got(leaver, PIECE);
    taker_wait_idle(leaver);
    int wakes = leaver->wakes;
    rig_gate_close(&loop.gate);
    du_mailbox_post(&rig->workers[1].mailbox, &loop.mail);
    rig_gate_wait_for_arrival(&loop.gate, 1);
    fake_data(fetch, payload.bytes + PIECE, PIECE);
    taker_wait_got(reader, TWO_PIECES); /* so the other loop has its mail, too */
    rig_gate_open(&loop.gate);
    rig_settle(&rig->workers[1]);
    assert_int_equal(leaver->wakes, wakes);
    finish(fetch, &reader, TWO_PIECES);
    taker_free(&leaver);
}

static void a_reader_keeps_its_file_when_the_blob_is_dropped(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    struct taker *taker = range_taker(rig, 0, -1);
    taker->limit = 10;
    taker_open(taker);
    taker_wait_got(taker, 10);
    du_index_drop(rig->index, &payload.digest);
    taker_allow(taker, INT64_MAX);
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
        WITH_RIG(a_range_of_a_blob_is_that_range),
        WITH_RIG(a_piece_is_bounded_so_that_connections_take_turns),
        WITH_RIG(a_blob_whose_file_cannot_be_opened_is_no_hit),
        WITH_RIG(without_memory_nothing_is_taken),
        WITH_RIG(a_range_holds_back_its_own_end_not_the_fills),
        WITH_RIG(a_small_range_holds_back_its_last_byte),
        WITH_RIG(an_empty_range_of_a_fill_waits_for_the_verification),
        WITH_RIG(who_waits_for_the_verification_is_not_woken_by_bytes),
        WITH_RIG(who_waits_for_a_far_range_is_not_woken_before_it_begins),
        WITH_RIG(a_fill_that_ends_short_of_the_range_breaks_the_reader),
        WITH_RIG(a_reader_closes_in_any_state),
        WITH_RIG(a_reader_closes_with_its_wake_under_way),
        WITH_RIG(a_reader_keeps_its_file_when_the_blob_is_dropped),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
