/* What the network does to a body, over real sockets: breaks, stalls, tokens that expire, parts
 * that are none, things that change. Each is done to a fill and to a passage. */

#include "origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <stdio.h>

enum { SIZE = 2 << 20, HALF = SIZE / 2, QUARTER = SIZE / 4, HELD = 64 << 10, STALL = 31000 };

#define WHOLE "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2097152\r\n\r\n"
#define REST                                                                                       \
    "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: 1048576\r\n" RANGE(      \
        "1048576")
#define RANGE(first) "Content-Range: bytes " first "-2097151/2097152\r\n\r\n"
#define WANTS_REST   "Range: bytes=1048576-\r\n"

static struct payload payload;

static int set_up_fill(void **state) {
    *state = stand_new(payload.bytes, DU_ORIGIN_OCI);
    return 0;
}

static int set_up_passage(void **state) {
    struct stand *stand = stand_new(payload.bytes, DU_ORIGIN_OCI);
    du_index_limit(stand->rig->index, HALF, 0);
    *state = stand;
    return 0;
}

static int tear_down(void **state) {
    stand_free(*state);
    return 0;
}

static struct taker *open_taker(struct stand *stand, bool by_digest) {
    struct taker *taker = taker_new(stand->rig, 0, by_digest ? &payload.digest : NULL, SIZE);
    if (!by_digest) {
        taker->options.name = "asset";
        taker->options.version = "1";
    }
    taker->options.scope = "repository:acme/app:pull";
    taker_open(taker);
    return taker;
}

static bool has_begun(void *user) {
    struct taker *taker = user;
    return taker->state != TAKER_OPENING;
}

/* Pauses before tries pass, as often as it takes, but no time-out of a try does. */
static void let_it_end(struct stand *stand, struct taker *taker) {
    rig_wait(has_begun, taker);
    while (taker_state(taker) == TAKER_READING)
        rig_let_time_pass(stand->rig, stand_is_quiet(stand) ? 500 : 0);
}

static void assert_gets(struct stand *stand, struct taker **taker, int asked) {
    let_it_end(stand, *taker);
    taker_assert_gets(*taker, payload.bytes, SIZE);
    taker_free(taker);
    assert_int_equal(du_origin_requests(stand->rig->origin), asked);
}

/* And nobody finds anything of it. */
static void assert_breaks(struct stand *stand, struct taker **taker, enum du_error_kind kind) {
    let_it_end(stand, *taker);
    taker_assert_breaks(*taker, kind);
    assert_true((*taker)->got <= SIZE - HELD);
    taker_free(taker);
    rig_land(stand->rig, 0);
    assert_int_equal(rig_blobs(stand->rig), 0);
    assert_int_equal(rig_partials(stand->rig), 0);
}

static struct play *plays(void **state) {
    return ((struct stand *)*state)->server.plays;
}

/* Sends half, waits, breaks; comes back with … ------------------------------------------------- */

static void break_at_half(void **state) {
    plays(state)[0] = (struct play){.head = WHOLE, .send = HALF};
}

static void half_then_the_rest(void **state) {
    break_at_half(state);
    plays(state)[1] =
        (struct play){.wants = {WANTS_REST}, .head = REST, .from = HALF, .send = HALF};
    struct taker *taker = open_taker(*state, true);
    assert_gets(*state, &taker, 2);
}

static void half_then_a_200(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){.head = WHOLE, .send = SIZE};
    struct taker *taker = open_taker(*state, true);
    assert_gets(*state, &taker, 2);
}

static void half_then_a_200_of_a_thing_without_a_digest(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){.head = WHOLE, .send = SIZE};
    struct taker *taker = open_taker(*state, false);
    assert_gets(*state, &taker, 2);
}

static void half_then_a_part_from_elsewhere_then_the_whole(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){
        .wants = {WANTS_REST},
        .head = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: "
                "1572864\r\n" RANGE("524288"),
        .from = QUARTER,
        .send = SIZE - QUARTER};
    plays(state)[2] = (struct play){.head = WHOLE, .send = SIZE};
    struct taker *taker = open_taker(*state, true);
    assert_gets(*state, &taker, 3);
}

static void half_then_a_416_then_the_whole(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){
        .wants = {WANTS_REST},
        .head =
            "HTTP/1.1 416 Range Not Satisfiable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"};
    plays(state)[2] = (struct play){.head = WHOLE, .send = SIZE};
    struct taker *taker = open_taker(*state, true);
    assert_gets(*state, &taker, 3);
}

static void half_then_another_half_of_a_half_then_the_rest(void **state) {
    break_at_half(state);
    plays(state)[1] =
        (struct play){.wants = {WANTS_REST}, .head = REST, .from = HALF, .send = QUARTER};
    plays(state)[2] = (struct play){
        .wants = {"Range: bytes=1572864-\r\n"},
        .head = "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: "
                "524288\r\n" RANGE("1572864"),
        .from = HALF + QUARTER,
        .send = QUARTER};
    struct taker *taker = open_taker(*state, true);
    assert_gets(*state, &taker, 3);
}

static void half_then_nothing_three_times(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){.wants = {WANTS_REST}, .head = REST};
    struct taker *taker = open_taker(*state, true);
    assert_breaks(*state, &taker, DU_TRANSPORT);
    assert_int_equal(du_origin_requests(((struct stand *)*state)->rig->origin), 4);
}

static void half_then_a_thing_of_another_name(void **state) {
    plays(state)[0] = (struct play){.head = "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: "
                                            "\"1\"\r\nContent-Length: 2097152\r\n\r\n",
                                    .send = HALF};
    plays(state)[1] = (struct play){.wants = {WANTS_REST, "If-Range: \"1\"\r\n"},
                                    .head = "HTTP/1.1 200 OK\r\nConnection: close\r\nETag: "
                                            "\"2\"\r\nContent-Length: 2097152\r\n\r\n",
                                    .send = SIZE};
    struct taker *taker = open_taker(*state, false);
    assert_breaks(*state, &taker, DU_INTEGRITY);
}

/* From byte 1 on: every byte is another. */
static void half_then_other_bytes_under_the_same_size(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){.head = WHOLE, .from = 1, .send = SIZE};
    struct taker *taker = open_taker(*state, false);
    assert_breaks(*state, &taker, DU_INTEGRITY);
}

static void half_then_wrong_bytes_that_only_the_digest_sees(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){.head = REST, .from = 0, .send = HALF};
    struct taker *taker = open_taker(*state, true);
    assert_breaks(*state, &taker, DU_INTEGRITY);
}

static void half_then_a_404(void **state) {
    break_at_half(state);
    plays(state)[1] = (struct play){
        .head = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"};
    struct taker *taker = open_taker(*state, true);
    assert_breaks(*state, &taker, DU_NOT_FOUND);
}

/* A stall is a break, once its time has passed on the clock. */
static void half_then_silence_then_the_rest(void **state) {
    struct stand *stand = *state;
    plays(state)[0] = (struct play){.head = WHOLE, .send = SIZE};
    plays(state)[1] =
        (struct play){.wants = {WANTS_REST}, .head = REST, .from = HALF, .send = HALF};
    rig_gate_close(&plays(state)[0].half);
    struct taker *taker = open_taker(stand, true);
    taker_wait_got(taker, HALF);
    rig_let_time_pass(stand->rig, STALL);
    assert_int_equal(taker_state(taker), TAKER_READING);
    rig_gate_open(&plays(state)[0].half);
    assert_gets(stand, &taker, 2);
}

/* Tokens --------------------------------------------------------------------------------------- */

#define TOKEN(token)                                                                               \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 31\r\n\r\n{\"token\":\"" token        \
    "\",\"expires_in\":900}"

static void half_then_a_401_then_the_rest_with_a_fresh_token(void **state) {
    struct stand *stand = *state;
    char challenge[256];
    snprintf(challenge, sizeof challenge,
             "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: "
             "0\r\nWWW-Authenticate: Bearer "
             "realm=\"http://127.0.0.1:%d/token\",service=\"s\"\r\n\r\n",
             stand->server.port);
    plays(state)[0] = (struct play){.head = challenge};
    plays(state)[1] = (struct play){.wants = {"GET /token?"}, .head = TOKEN("t1")};
    plays(state)[2] =
        (struct play){.wants = {"Authorization: Bearer t1\r\n"}, .head = WHOLE, .send = HALF};
    plays(state)[3] =
        (struct play){.wants = {"Authorization: Bearer t1\r\n", WANTS_REST}, .head = challenge};
    plays(state)[4] = (struct play){.wants = {"GET /token?"}, .head = TOKEN("t2")};
    plays(state)[5] = (struct play){.wants = {"Authorization: Bearer t2\r\n", WANTS_REST},
                                    .head = REST,
                                    .from = HALF,
                                    .send = HALF};
    struct taker *taker = open_taker(stand, true);
    assert_gets(stand, &taker, 6);
}

/* Ranges of a reader --------------------------------------------------------------------------- */

static void a_reader_of_a_part_only_waits_while_the_whole_is_gone_on_with(void **state) {
    struct stand *stand = *state;
    break_at_half(state);
    plays(state)[1] = (struct play){.head = REST, .from = HALF, .send = HALF};
    struct taker *taker = taker_new(stand->rig, 0, &payload.digest, SIZE);
    taker->first = HALF - 1000;
    taker->length = 3 * HELD;
    taker_open(taker);
    let_it_end(stand, taker);
    taker_assert_gets(taker, payload.bytes + HALF - 1000, 3 * HELD);
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

#define BOTH(test)                                                                                 \
    {#test " (a fill)", test, set_up_fill, tear_down, NULL}, {                                     \
#test " (a passage)", test, set_up_passage, tear_down, NULL                                \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(half_then_the_rest),
        BOTH(half_then_a_200),
        BOTH(half_then_a_200_of_a_thing_without_a_digest),
        BOTH(half_then_a_part_from_elsewhere_then_the_whole),
        BOTH(half_then_a_416_then_the_whole),
        BOTH(half_then_another_half_of_a_half_then_the_rest),
        BOTH(half_then_nothing_three_times),
        BOTH(half_then_a_thing_of_another_name),
        BOTH(half_then_other_bytes_under_the_same_size),
        BOTH(half_then_wrong_bytes_that_only_the_digest_sees),
        BOTH(half_then_a_404),
        BOTH(half_then_silence_then_the_rest),
        BOTH(half_then_a_401_then_the_rest_with_a_fresh_token),
        BOTH(a_reader_of_a_part_only_waits_while_the_whole_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
