/* Bodies of replies: pieces, files, chunks, waiting, breaking. */

#include "played.h"

#include <string.h>
#include <unistd.h>

static void pieces_are_sent_one_after_the_other(void **state) {
    static const struct play_step steps[] = {
        {DU_BODY_BYTES, "one ", 0, 0, 0}, {DU_BODY_BYTES, "two", 0, 0, 0}, {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 7, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, client_has(played.client, "two"));
    assert_string_equal(client_body(played.client), "one two");
    assert_int_equal(played.play.sent, 7);
    assert_int_equal(played.stand.sent_bytes, 7);
    assert_int_equal(played.stand.end, DU_EXCHANGE_COMPLETED);
    played_end(&played);
}

static void a_part_of_a_file_is_sent(void **state) {
    struct play_step steps[] = {
        {DU_BODY_FILE, NULL, PLAYED_LARGE - 5, played_file(PLAYED_LARGE), 5},
        {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE - 5, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.stand.finishes == 1 && played.client->got.size > PLAYED_LARGE);
    assert_played_file(played.client, 5, PLAYED_LARGE - 5);
    assert_int_equal(played.stand.end, DU_EXCHANGE_COMPLETED);
    assert_int_equal(played.stand.sent_bytes, PLAYED_LARGE - 5);
    close(steps[0].fd);
    played_end(&played);
}

static void a_client_that_reads_late_gets_all_of_it(void **state) {
    struct play_step steps[] = {{DU_BODY_FILE, NULL, PLAYED_LARGE, played_file(PLAYED_LARGE), 0},
                                {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE, steps);
    played.client->reading = false;
    client_send(played.client, GET("/") GET("/"));
    UNTIL(&played.stand, played.stand.requests == 1);
    stand_settle(&played.stand);
    assert_int_equal(played.stand.finishes, 0);
    played.stand.on_request = keep_exchange;
    played.client->reading = true;
    UNTIL(&played.stand, played.stand.requests == 2);
    stand_settle(&played.stand);
    assert_played_file(played.client, 0, PLAYED_LARGE);
    close(steps[0].fd);
    played_end(&played);
}

static void two_clients_share_the_loop(void **state) {
    struct play_step steps[] = {{DU_BODY_FILE, NULL, PLAYED_LARGE, played_file(PLAYED_LARGE), 0},
                                {.state = DU_BODY_END}};
    struct played played;
    struct play other;
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE, steps);
    play_init(&other, PLAYED_LARGE, steps);
    client_send(played.client, GET("/"));
    struct client *second = stand_connect(&played.stand);
    UNTIL(&played.stand, played.stand.requests == 1);
    played.stand.user = &other;
    client_send(second, GET("/"));
    UNTIL(&played.stand, played.stand.finishes == 2 && second->got.size > PLAYED_LARGE &&
                             played.client->got.size > PLAYED_LARGE);
    assert_played_file(played.client, 0, PLAYED_LARGE);
    assert_played_file(second, 0, PLAYED_LARGE);
    assert_int_equal(other.closed, 1);
    close(steps[0].fd);
    played_end(&played);
}

static void an_unknown_length_goes_in_chunks(void **state) {
    struct play_step steps[] = {{DU_BODY_BYTES, "hello", 0, 0, 0},
                                {DU_BODY_FILE, NULL, 16, played_file(64), 0},
                                {.state = DU_BODY_WAIT},
                                {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, -1, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.play.sent == 21);
    stand_settle(&played.stand);
    assert_true(client_has(played.client, "Transfer-Encoding: chunked\r\n"));
    assert_false(client_has(played.client, "Content-Length"));
    assert_memory_equal(client_body(played.client), "5\r\nhello\r\n10\r\n", 14);
    assert_int_equal(played.stand.finishes, 0);
    played.play.body.wake(&played.play.body);
    UNTIL(&played.stand, client_has(played.client, "\r\n0\r\n\r\n"));
    assert_int_equal(played.client->got.size -
                         (size_t)(client_body(played.client) - played.client->got.data),
                     14 + 16 + 7);
    assert_false(played.client->closed);
    close(steps[1].fd);
    played_end(&played);
}

static void an_empty_body_of_unknown_length_is_one_last_chunk(void **state) {
    static const struct play_step steps[] = {{.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, -1, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, client_has(played.client, "0\r\n\r\n"));
    assert_string_equal(client_body(played.client), "0\r\n\r\n");
    played_end(&played);
}

static void an_old_client_reads_an_unknown_length_to_the_close(void **state) {
    static const struct play_step steps[] = {{DU_BODY_BYTES, "hello", 0, 0, 0},
                                             {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, -1, steps);
    client_send(played.client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(&played.stand, client_has(played.client, "hello"));
    client_shut(played.client);
    UNTIL(&played.stand, played.client->closed);
    assert_true(client_has(played.client, "Connection: close\r\n"));
    assert_string_equal(client_body(played.client), "hello");
    assert_false(played.client->reset);
    played_end(&played);
}

static void headers_go_out_before_a_body_that_waits(void **state) {
    static const struct play_step steps[] = {
        {.state = DU_BODY_WAIT}, {DU_BODY_BYTES, "hello", 0, 0, 0}, {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 5, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, client_has(played.client, "\r\n\r\n"));
    assert_int_equal(played.play.asked, 1);
    /* Not even a long time ends it. */
    stand_advance(&played.stand, 3600000);
    assert_int_equal(played.stand.finishes, 0);
    assert_int_equal(played.play.asked, 1);
    played.play.body.wake(&played.play.body);
    UNTIL(&played.stand, client_has(played.client, "hello"));
    assert_int_equal(played.stand.end, DU_EXCHANGE_COMPLETED);
    played_end(&played);
}

static void an_empty_body_holds_its_headers(void **state) {
    static const struct play_step steps[] = {{.state = DU_BODY_WAIT}, {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 0, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.play.asked == 1);
    stand_settle(&played.stand);
    assert_int_equal(played.client->got.size, 0);
    played.play.body.wake(&played.play.body);
    UNTIL(&played.stand, client_has(played.client, "Content-Length: 0\r\n\r\n"));
    played_end(&played);
}

static void an_empty_body_that_breaks_sends_nothing(void **state) {
    static const struct play_step steps[] = {{.state = DU_BODY_WAIT}, {.state = DU_BODY_BROKEN}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 0, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.play.asked == 1);
    played.play.body.wake(&played.play.body);
    UNTIL(&played.stand, played.client->closed);
    assert_int_equal(played.client->got.size, 0);
    assert_int_equal(played.stand.end, DU_EXCHANGE_BROKEN);
    played_end(&played);
}

static void a_body_that_breaks_is_never_taken_for_whole(void **state) {
    static const struct play_step steps[] = {{DU_BODY_BYTES, "hell", 0, 0, 0},
                                             {.state = DU_BODY_BROKEN}};
    static const struct {
        int64_t length;
        const char *request;
    } cases[] = {{5, GET("/")}, {-1, GET("/")}, {-1, "GET / HTTP/1.0\r\n\r\n"}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct played played;
        played_start(&played, NULL, cases[i].length, steps);
        client_send(played.client, cases[i].request);
        UNTIL(&played.stand, played.client->closed);
        /* By length: a byte is missing; in chunks: the last one; to the close: it was no close. */
        assert_false(client_has(played.client, "0\r\n\r\n"));
        assert_int_equal(played.client->reset, i == 2);
        assert_int_equal(played.stand.end, DU_EXCHANGE_BROKEN);
        assert_int_equal(played.stand.sent_bytes, 4);
        played_end(&played);
    }
}

static void a_body_that_breaks_its_word_breaks_the_connection(void **state) {
    static const struct play_step too_short[] = {{DU_BODY_BYTES, "hell", 0, 0, 0},
                                                 {.state = DU_BODY_END}},
                                  too_long[] = {{DU_BODY_BYTES, "hello!", 0, 0, 0},
                                                {.state = DU_BODY_END}};
    struct play_step cut_file[] = {{DU_BODY_FILE, NULL, 5, played_file(4), 0},
                                   {.state = DU_BODY_END}};
    const struct play_step *const cases[] = {too_short, too_long, cut_file};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct played played;
        played_start(&played, NULL, 5, cases[i]);
        client_send(played.client, GET("/"));
        UNTIL(&played.stand, played.client->closed);
        assert_int_equal(played.stand.end, DU_EXCHANGE_BROKEN);
        assert_true(played.stand.sent_bytes < 5);
        played_end(&played);
    }
    close(cut_file[0].fd);
}

static void head_never_asks_the_body(void **state) {
    static const struct play_step steps[] = {{.state = DU_BODY_BROKEN}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 77, steps);
    client_send(played.client, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&played.stand, client_has(played.client, "\r\n\r\n"));
    assert_true(client_has(played.client, "Content-Length: 77\r\n"));
    assert_int_equal(played.play.asked, 0);
    assert_int_equal(played.stand.end, DU_EXCHANGE_COMPLETED);
    played_end(&played);
}

static void a_body_may_wait_again_and_again(void **state) {
    enum { TIMES = 200 };
    static struct play_step steps[2 * TIMES + 1];
    struct played played;
    (void)state;
    for (int i = 0; i < TIMES; i++) {
        steps[2L * i] = (struct play_step){.state = DU_BODY_WAIT};
        steps[2L * i + 1] = (struct play_step){DU_BODY_BYTES, "x", 1, 0, 0};
    }
    steps[2L * TIMES] = (struct play_step){.state = DU_BODY_END};
    played_start(&played, NULL, TIMES, steps);
    client_send(played.client, GET("/"));
    for (int i = 0; i < TIMES; i++) {
        UNTIL(&played.stand, played.play.at == (size_t)(2 * i + 1));
        played.play.body.wake(&played.play.body);
    }
    UNTIL(&played.stand, played.stand.finishes == 1);
    stand_settle(&played.stand);
    assert_int_equal(strlen(client_body(played.client)), TIMES);
    played_end(&played);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_sent_one_after_the_other),
        cmocka_unit_test(a_part_of_a_file_is_sent),
        cmocka_unit_test(a_client_that_reads_late_gets_all_of_it),
        cmocka_unit_test(two_clients_share_the_loop),
        cmocka_unit_test(an_unknown_length_goes_in_chunks),
        cmocka_unit_test(an_empty_body_of_unknown_length_is_one_last_chunk),
        cmocka_unit_test(an_old_client_reads_an_unknown_length_to_the_close),
        cmocka_unit_test(headers_go_out_before_a_body_that_waits),
        cmocka_unit_test(an_empty_body_holds_its_headers),
        cmocka_unit_test(an_empty_body_that_breaks_sends_nothing),
        cmocka_unit_test(a_body_that_breaks_is_never_taken_for_whole),
        cmocka_unit_test(a_body_that_breaks_its_word_breaks_the_connection),
        cmocka_unit_test(head_never_asks_the_body),
        cmocka_unit_test(a_body_may_wait_again_and_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
