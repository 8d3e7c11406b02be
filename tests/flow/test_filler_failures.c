/* One fill that fails, by upstream's fault or the disk's: everybody hears why, nothing is kept. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>

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

/* What failed leaves nothing, and the next one does it all anew. */
static void assert_next_is_fine(struct rig *rig) {
    int before = fake_started();
    assert_int_equal(rig_blobs(rig), 0);
    struct taker *next = open_taker(rig, 1);
    fake_send(fake_wait(before + 1), payload.bytes, payload.size);
    taker_assert_gets(next, payload.bytes, payload.size);
    assert_int_equal(rig_blobs(rig), 1);
    taker_free(&next);
}

/* What upstream does wrong --------------------------------------------------------------------- */

static void a_wrong_digest_breaks_every_reader_and_keeps_nothing(void **state) {
    struct payload wrong = payload_of(SIZE);
    wrong.bytes[SIZE - 1] ^= 1;
    struct taker *takers[MANY];
    for (int i = 0; i < MANY; i++)
        takers[i] = open_taker(*state, i % RIG_WORKERS);
    fake_send(fake_wait(1), wrong.bytes, wrong.size);
    for (int i = 0; i < MANY; i++) {
        taker_assert_breaks(takers[i], DU_INTEGRITY);
        assert_in_range(taker_got(takers[i]), 0, SIZE - HELD);
        assert_string_not_equal(takers[i]->error.expected, takers[i]->error.actual);
        taker_free(&takers[i]);
    }
    assert_next_is_fine(*state);
    payload_free(&wrong);
}

static void a_length_that_contradicts_the_size_fails_before_anything_is_sent(void **state) {
    struct taker *taker = open_taker(*state, 0);
    assert_false(fake_head(fake_wait(1), 200, SIZE + 1));
    taker_assert_fails(taker, DU_INTEGRITY);
    assert_string_equal(taker->error.expected, "307200");
    assert_string_equal(taker->error.actual, "307201");
    assert_next_is_fine(*state);
    taker_free(&taker);
}

static void bytes_beyond_the_size_fail_at_once(void **state) {
    struct taker *taker = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    taker_wait_idle(taker);
    assert_true(fake_data(fetch, payload.bytes, SIZE));
    assert_false(fake_data(fetch, "x", 1));
    taker_assert_breaks(taker, DU_INTEGRITY);
    assert_next_is_fine(*state);
    taker_free(&taker);
}

static void a_body_short_of_its_size_is_wrong_even_if_the_protocol_says_complete(void **state) {
    struct taker *taker = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    fake_data(fetch, payload.bytes, SIZE - 1);
    fake_end(fetch, DU_OK, true);
    taker_assert_breaks(taker, DU_INTEGRITY);
    assert_next_is_fine(*state);
    taker_free(&taker);
}

static struct taker *open_named(struct rig *rig, int64_t size) {
    struct taker *taker = taker_new(rig, 0, NULL, size);
    taker->options.name = "asset";
    taker->options.version = "1";
    taker_open(taker);
    return taker;
}

static void an_end_that_proves_nothing_is_a_broken_body(void **state) {
    static const struct {
        int64_t size;
        size_t sent;
        enum taker_state state;
    } cases[] = {
        {-1, SIZE, TAKER_BROKEN}, {SIZE, SIZE - 1, TAKER_BROKEN}, {SIZE, SIZE, TAKER_ENDED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct taker *taker = open_named(*state, cases[i].size);
        struct fake_fetch *fetch = fake_wait(fake_started());
        fake_head(fetch, 200, -1);
        taker_wait_idle(taker);
        fake_data(fetch, payload.bytes, cases[i].sent);
        fake_end(fetch, DU_OK, false);
        if (cases[i].size >= 0 && cases[i].state == TAKER_BROKEN)
            fake_end(fake_wait_again(*state, fake_started() + 1), DU_NOT_FOUND, false);
        assert_int_equal(taker_wait_over(taker), cases[i].state);
        taker_free(&taker);
    }
    assert_int_equal(rig_blobs(*state), 1);
}

static void a_digest_proves_a_body_that_just_ended(void **state) {
    struct taker *taker = taker_new(*state, 0, &payload.digest, -1);
    taker_open(taker);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, -1);
    fake_data(fetch, payload.bytes, SIZE);
    fake_end(fetch, DU_OK, false);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void a_body_that_breaks_again_and_again_is_transport_and_keeps_nothing(void **state) {
    struct taker *taker = open_taker(*state, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(taker, HALF);
    fake_break_for_good(*state, fetch, DU_TRANSPORT);
    taker_assert_breaks(taker, DU_TRANSPORT);
    assert_next_is_fine(*state);
    taker_free(&taker);
}

struct ending {
    struct du_mail mail;
    struct fake_fetch *fetch;
};

/* From its own loop, so that the test's thread need not wait for it. */
static void break_off(struct du_mail *mail) {
    fake_end_here(du_container_of(mail, struct ending, mail)->fetch, DU_UPSTREAM);
}

static void nobody_joins_a_fill_that_has_failed_already(void **state) {
    struct rig *rig = *state;
    struct taker *first = open_taker(rig, 0);
    struct ending ending = {.mail.deliver = break_off, .fetch = fake_wait(1)};
    fake_head(ending.fetch, 200, SIZE);
    taker_wait_idle(first);
    rig_gate_close(&gates.land);
    du_mailbox_post(&rig->workers[0].mailbox, &ending.mail);
    rig_gate_wait_for_arrival(&gates.land, 1);
    struct taker *joiner = open_taker(rig, 1);
    assert_int_equal(taker_state(joiner), TAKER_READING);
    rig_gate_open(&gates.land);
    taker_assert_breaks(first, DU_UPSTREAM);
    taker_assert_breaks(joiner, DU_UPSTREAM);
    assert_next_is_fine(rig);
    taker_free(&first);
    taker_free(&joiner);
}

static void an_upstream_that_fails_before_its_answer_is_everybodys_error(void **state) {
    static const enum du_error_kind kinds[] = {DU_TRANSPORT, DU_TIMEOUT, DU_NOT_FOUND, DU_UPSTREAM};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct taker *ours = open_taker(*state, 0);
        struct taker *theirs = open_taker(*state, 1);
        fake_end(fake_wait((int)i + 1), kinds[i], false);
        taker_assert_fails(ours, kinds[i]);
        taker_assert_fails(theirs, kinds[i]);
        taker_free(&ours);
        taker_free(&theirs);
    }
    assert_next_is_fine(*state);
}

static void a_status_that_is_no_200_is_not_taken_for_the_blob(void **state) {
    struct taker *taker = open_taker(*state, 0);
    assert_false(fake_head(fake_wait(1), 206, SIZE));
    taker_assert_fails(taker, DU_UPSTREAM);
    assert_int_equal(taker->error.status, 206);
    assert_next_is_fine(*state);
    taker_free(&taker);
}

static void a_fetch_that_cannot_start_is_the_callers_error(void **state) {
    fake_refuse(DU_INVALID_URL);
    struct taker *taker = open_taker(*state, 0);
    taker_assert_fails(taker, DU_INVALID_URL);
    assert_next_is_fine(*state);
    taker_free(&taker);
}

static void an_url_of_another_origin_is_refused_unless_it_may_be_foreign(void **state) {
    struct taker *taker = taker_new(*state, 0, &payload.digest, SIZE);
    taker->options.url = "http://elsewhere.test/blob";
    taker_open(taker);
    taker_assert_fails(taker, DU_INVALID_URL);
    assert_int_equal(fake_started(), 0);
    taker->options.url = "http://upstream.test/blob";
    taker_open(taker);
    fake_end(fake_wait(1), DU_TRANSPORT, false);
    taker_assert_fails(taker, DU_TRANSPORT);
    taker->options.url = "http://elsewhere.test/blob";
    taker->options.foreign = true;
    taker_open(taker);
    fake_send(fake_wait(2), payload.bytes, payload.size);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

/* The disk ----------------------------------------------------------------------------------- */

static void a_disk_that_fails_is_io_and_never_upstreams_fault(void **state) {
    static const struct {
        enum du_fault fault;
        int number;
        enum taker_state end; /* before the answer was published, or after */
    } cases[] = {{DU_FAULT_BLOB_OPEN, EROFS, TAKER_FAILED},
                 {DU_FAULT_BLOB_RESERVE, ENOSPC, TAKER_FAILED},
                 {DU_FAULT_BLOB_WRITE, ENOSPC, TAKER_BROKEN},
                 {DU_FAULT_BLOB_SYNC, EIO, TAKER_BROKEN},
                 {DU_FAULT_BLOB_RENAME, ENOSPC, TAKER_BROKEN}};
    struct rig *rig = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        du_faults_arm(&rig->base.faults, cases[i].fault, cases[i].number, 0, 1);
        struct taker *ours = open_taker(rig, 0);
        struct taker *theirs = open_taker(rig, 1);
        struct fake_fetch *fetch = fake_wait((int)i + 1);
        fake_head(fetch, 200, SIZE);
        fake_data(fetch, payload.bytes, SIZE);
        fake_end(fetch, DU_OK, true);
        assert_int_equal(taker_wait_over(ours), cases[i].end);
        assert_int_equal(taker_wait_over(theirs), cases[i].end);
        assert_int_equal(ours->error.kind, DU_IO);
        assert_int_equal(theirs->error.kind, DU_IO);
        assert_int_equal(rig_blobs(rig), 0);
        taker_free(&ours);
        taker_free(&theirs);
    }
    assert_int_equal(fake_started(), (int)(sizeof cases / sizeof *cases));
    assert_next_is_fine(rig);
}

static void a_write_that_fails_in_the_middle_stops_the_fetch(void **state) {
    struct rig *rig = *state;
    struct taker *taker = open_taker(rig, 0);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, HALF);
    taker_wait_got(taker, HALF);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_WRITE, ENOSPC, 0, 1);
    fake_data(fetch, payload.bytes + HALF, 1000);
    fake_wait_over(fetch);
    taker_assert_breaks(taker, DU_IO);
    assert_next_is_fine(rig);
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
        WITH_RIG(a_wrong_digest_breaks_every_reader_and_keeps_nothing),
        WITH_RIG(a_length_that_contradicts_the_size_fails_before_anything_is_sent),
        WITH_RIG(bytes_beyond_the_size_fail_at_once),
        WITH_RIG(a_body_short_of_its_size_is_wrong_even_if_the_protocol_says_complete),
        WITH_RIG(an_end_that_proves_nothing_is_a_broken_body),
        WITH_RIG(a_digest_proves_a_body_that_just_ended),
        WITH_RIG(a_body_that_breaks_again_and_again_is_transport_and_keeps_nothing),
        WITH_RIG(nobody_joins_a_fill_that_has_failed_already),
        WITH_RIG(an_upstream_that_fails_before_its_answer_is_everybodys_error),
        WITH_RIG(a_status_that_is_no_200_is_not_taken_for_the_blob),
        WITH_RIG(a_fetch_that_cannot_start_is_the_callers_error),
        WITH_RIG(an_url_of_another_origin_is_refused_unless_it_may_be_foreign),
        WITH_RIG(a_disk_that_fails_is_io_and_never_upstreams_fault),
        WITH_RIG(a_write_that_fails_in_the_middle_stops_the_fetch),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
