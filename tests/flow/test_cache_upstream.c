/* The floor with net's own client, against an origin on the loopback: bytes over real sockets, from
 * curl's hooks to the readers of two loops. */

#include "origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <stdio.h>

enum { SIZE = 8 << 20, HALF = SIZE / 2, MANY = 40 };

static struct payload payload;

static int set_up(void **state) {
    *state = stand_new(payload.bytes, DU_ORIGIN_PLAIN);
    return 0;
}

static int tear_down(void **state) {
    stand_free(*state);
    return 0;
}

static struct taker *open_taker(struct stand *stand, int worker) {
    struct taker *taker = taker_new(stand->rig, worker, &payload.digest, -1);
    taker_open(taker);
    return taker;
}

static void play(struct stand *stand, const char *head, size_t send) {
    stand->server.plays[stand->server.at] = (struct play){.head = head, .send = send};
}

#define LENGTH "8388608"

/* Tests ---------------------------------------------------------------------------------------- */

static void readers_on_two_loops_have_the_first_half_before_the_second_is_sent(void **state) {
    struct stand *stand = *state;
    struct taker *takers[MANY];
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    rig_gate_close(&stand->server.plays[0].half);
    for (int i = 0; i < MANY; i++)
        takers[i] = open_taker(stand, i % RIG_WORKERS);
    for (int i = 0; i < MANY; i++)
        taker_wait_got(takers[i], HALF);
    rig_gate_open(&stand->server.plays[0].half);
    for (int i = 0; i < MANY; i++) {
        taker_assert_gets(takers[i], payload.bytes, SIZE);
        assert_int_equal(takers[i]->body_length, SIZE);
        taker_free(&takers[i]);
    }
    assert_int_equal(du_origin_requests(stand->rig->origin), 1);
}

static void a_body_that_ends_with_its_connection_is_proved_by_its_digest(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\n\r\n", SIZE); /* neither length nor chunks: to the close */
    struct taker *taker = open_taker(stand, 0);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(taker->body_length, -1);
    taker_free(&taker);
}

static bool was_paused(void *user) {
    (void)user;
    return gates.pauses > 0;
}

static void a_slow_disk_pauses_the_transfer_and_no_byte_is_lost(void **state) {
    struct stand *stand = *state;
    gates.pauses = 0;
    rig_gate_close(&gates.write);
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    struct taker *taker = open_taker(stand, 0);
    rig_wait(was_paused, NULL);
    rig_gate_open(&gates.write);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void assert_resumed(struct stand *stand) {
    struct taker *taker = open_taker(stand, 0);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
    assert_int_equal(du_origin_requests(stand->rig->origin), 2);
}

static void an_origin_that_hangs_up_is_asked_for_the_rest(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE - 10);
    stand->server.plays[1] =
        (struct play){.head = "HTTP/1.1 206 Partial Content\r\n"
                              "Content-Range: bytes 8388598-8388607/" LENGTH "\r\n"
                              "Content-Length: 10\r\n\r\n",
                      .from = SIZE - 10,
                      .send = 10};
    assert_resumed(stand);
}

static void an_origin_that_knows_no_ranges_is_read_again(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", HALF);
    stand->server.plays[1] = (struct play){
        .head = "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", .send = SIZE};
    assert_resumed(stand);
}

static struct taker *open_elsewhere(struct stand *stand, bool foreign) {
    char url[64]; /* the same server by another name: another origin */
    snprintf(url, sizeof url, "http://localhost:%d/", stand->server.port);
    struct taker *taker = taker_new(stand->rig, 0, &payload.digest, -1);
    taker->options.url = url;
    taker->options.foreign = foreign;
    taker_open(taker);
    return taker;
}

static void a_url_of_another_origin_is_fetched_only_where_it_is_said_to_be_foreign(void **state) {
    struct stand *stand = *state;
    struct taker *taker = open_elsewhere(stand, false);
    taker_assert_fails(taker, DU_INVALID_URL);
    taker_free(&taker);
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    taker = open_elsewhere(stand, true);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void a_404_is_not_found(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 0);
    struct taker *taker = open_taker(stand, 0);
    taker_assert_fails(taker, DU_NOT_FOUND);
    taker_free(&taker);
}

static void an_origin_that_is_down_is_transport_and_what_is_cached_is_served(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    struct taker *taker = open_taker(stand, 0);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
    origin_stop(&stand->server);
    taker = open_taker(stand, 1);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(taker->status, DU_CACHE_HIT);
    taker_free(&taker);
    du_index_drop(stand->rig->index, &payload.digest);
    taker = open_taker(stand, 0);
    taker_assert_fails(taker, DU_TRANSPORT);
    taker_free(&taker);
}

static void a_worker_ends_with_a_transfer_up(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    rig_gate_close(&stand->server.plays[0].half);
    struct taker *ours = open_taker(stand, 0), *theirs = open_taker(stand, 1);
    taker_wait_got(ours, HALF);
    taker_wait_got(theirs, HALF);
    rig_shut(stand->rig, 0);
    taker_assert_breaks(ours, DU_CANCELLED);
    taker_assert_breaks(theirs, DU_CANCELLED);
    rig_gate_open(&stand->server.plays[0].half);
    taker_free(&ours);
    taker_free(&theirs);
}

static void an_abandoned_transfer_is_cancelled(void **state) {
    struct stand *stand = *state;
    play(stand, "HTTP/1.1 200 OK\r\nContent-Length: " LENGTH "\r\n\r\n", SIZE);
    rig_gate_close(&stand->server.plays[0].half);
    struct taker *taker = taker_new(stand->rig, 0, &payload.digest, SIZE);
    taker->options.cancel_when_abandoned = true;
    taker_open(taker);
    taker_wait_got(taker, HALF);
    taker_leave(taker);
    rig_land(stand->rig, 0);
    assert_int_equal(rig_blobs(stand->rig), 0);
    rig_gate_open(&stand->server.plays[0].half);
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

#define WITH_STAND(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_STAND(readers_on_two_loops_have_the_first_half_before_the_second_is_sent),
        WITH_STAND(a_body_that_ends_with_its_connection_is_proved_by_its_digest),
        WITH_STAND(a_slow_disk_pauses_the_transfer_and_no_byte_is_lost),
        WITH_STAND(an_origin_that_hangs_up_is_asked_for_the_rest),
        WITH_STAND(an_origin_that_knows_no_ranges_is_read_again),
        WITH_STAND(a_url_of_another_origin_is_fetched_only_where_it_is_said_to_be_foreign),
        WITH_STAND(a_404_is_not_found),
        WITH_STAND(an_origin_that_is_down_is_transport_and_what_is_cached_is_served),
        WITH_STAND(a_worker_ends_with_a_transfer_up),
        WITH_STAND(an_abandoned_transfer_is_cancelled),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
