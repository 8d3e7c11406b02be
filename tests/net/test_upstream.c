/* A fetch's answers and errors: what each status means, and how a body ends. */

#include "fetching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The double answers once, and the fetch of /x has that outcome. */
static enum du_error_kind fetch_of(struct bench *bench, struct double_answer answer) {
    struct double_answer script[2] = {answer, {0}};
    got_deinit(&bench->got);
    script[0].to = "";
    double_play(bench->server, script);
    return got_path(&bench->got, &bench->rig, bench->origin, "/x");
}

static enum du_error_kind answered(struct bench *bench, const char *text) {
    return fetch_of(bench, (struct double_answer){.send = text, .then = DOUBLE_CLOSE});
}

static void a_plain_answer_arrives_whole(void **state) {
    struct bench *bench = *state;
    assert_int_equal(
        answered(bench, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n\r\nhello"), DU_OK);
    assert_int_equal(bench->got.heads, 1);
    assert_int_equal(bench->got.ends, 1);
    assert_int_equal(bench->got.status, 200);
    assert_int_equal(bench->got.length, 5);
    assert_string_equal(bench->got.etag, "\"e\"");
    assert_string_equal(bench->got.body.data, "hello");
    assert_string_equal(bench->got.url, double_url(bench->server, "/x"));
    assert_true(bench->got.complete);
    assert_int_equal(du_origin_requests(bench->origin), 1);
}

static void a_chunked_body_is_complete_without_a_length(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "5\r\nhello\r\n0\r\nX-Trailer: t\r\n\r\n"),
                     DU_OK);
    assert_int_equal(bench->got.length, -1);
    assert_string_equal(bench->got.body.data, "hello");
    assert_true(bench->got.complete);
}

static void a_body_that_ends_with_the_connection_proves_nothing(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 200 OK\r\n\r\nhello"), DU_OK);
    assert_int_equal(bench->got.length, -1);
    assert_string_equal(bench->got.body.data, "hello");
    assert_false(bench->got.complete);
}

static void an_interim_answer_is_not_the_answer(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 103 Early Hints\r\nETag: \"no\"\r\n\r\n"
                                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
                     DU_OK);
    assert_int_equal(bench->got.status, 200);
    assert_string_equal(bench->got.etag, "");
}

static void partial_and_not_modified_are_answers(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx"), DU_OK);
    assert_int_equal(bench->got.status, 206);
    assert_int_equal(answered(bench, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
                     DU_OK);
    assert_int_equal(bench->got.status, 304);
    assert_true(bench->got.complete);
    assert_int_equal(bench->got.body.size, 0);
}

static void what_upstream_does_not_have_is_not_found(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"),
                     DU_NOT_FOUND);
    assert_int_equal(answered(bench, "HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"),
                     DU_NOT_FOUND);
    assert_int_equal(bench->got.heads, 0);
    assert_int_equal(bench->got.body.size, 0);
    assert_int_equal(bench->got.ends, 1);
}

static void a_refusal_of_our_credentials_is_upstreams_failure(void **state) {
    struct bench *bench = *state;
    static const int statuses[] = {401, 403};
    for (int i = 0; i < 2; i++) {
        char text[64];
        snprintf(text, sizeof text, "HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n", statuses[i]);
        assert_int_equal(answered(bench, text), DU_UPSTREAM);
        assert_int_equal(bench->got.error.status, statuses[i]);
        assert_non_null(strstr(bench->got.error.message, "forgejo"));
        assert_non_null(strstr(bench->got.error.message, "check its token"));
        assert_int_equal(du_error_http(bench->got.error.kind), 502);
        assert_false(du_error_retryable(&bench->got.error));
    }
}

static void other_statuses_are_upstreams_with_their_number(void **state) {
    struct bench *bench = *state;
    static const int statuses[] = {300, 305, 400, 405, 416, 418, 429, 500, 503, 599};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char text[64];
        snprintf(text, sizeof text, "HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n", statuses[i]);
        assert_int_equal(answered(bench, text), DU_UPSTREAM);
        assert_int_equal(bench->got.error.status, statuses[i]);
        assert_int_equal(bench->got.error.retry_after, -1);
        assert_int_equal(du_error_retryable(&bench->got.error),
                         statuses[i] == 429 || statuses[i] >= 500);
    }
}

static int64_t retry_after(struct bench *bench, const char *value) {
    char text[160];
    snprintf(text, sizeof text, "HTTP/1.1 429 Slow\r\nRetry-After: %s\r\nContent-Length: 0\r\n\r\n",
             value);
    assert_int_equal(answered(bench, text), DU_UPSTREAM);
    return bench->got.error.retry_after;
}

static void retry_after_is_seconds_or_a_date(void **state) {
    struct bench *bench = *state;
    assert_int_equal(retry_after(bench, "7"), 7);
    assert_int_equal(retry_after(bench, "0"), 0);
    assert_int_equal(retry_after(bench, "Sat, 31 Jan 2026 12:01:30 GMT"), 90);
    assert_int_equal(retry_after(bench, "Sat, 31 Jan 2026 11:00:00 GMT"), 0);
    assert_int_equal(retry_after(bench, "soon"), -1);
    assert_int_equal(retry_after(bench, "-5"), -1);
    assert_true(retry_after(bench, "99999999999999999999") > 0);
}

static void a_connection_refused_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    double_free(bench->server);
    assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, "/x"), DU_TRANSPORT);
    assert_int_equal(du_error_http(bench->got.error.kind), 502);
    assert_non_null(strstr(bench->got.error.message, "Connection refused"));
    assert_non_null(strstr(bench->got.error.message, "check that it is up"));
    assert_int_equal(du_origin_requests(bench->origin), 0);
    bench->server = double_listen("127.0.0.1", NULL, NULL);
}

static void a_host_without_an_address_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    struct du_origin_options options = {.name = "nowhere", .url = "http://nowhere.invalid/"};
    struct du_origin *nowhere = origin_with(&bench->rig, &options);
    assert_int_equal(got_path(&bench->got, &bench->rig, nowhere, "/x"), DU_TRANSPORT);
    assert_non_null(strstr(bench->got.error.message, "DNS"));
    du_origin_unref(&nowhere);
}

static void a_body_cut_short_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"),
                     DU_TRANSPORT);
    assert_int_equal(bench->got.heads, 1);
    assert_false(bench->got.complete);
    assert_int_equal(
        answered(bench, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        DU_TRANSPORT);
    assert_false(bench->got.complete);
    assert_int_equal(
        answered(bench, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        DU_TRANSPORT);
}

static void a_connection_reset_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    struct double_answer in_body = {.send = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
                                    .then = DOUBLE_RESET};
    struct double_answer at_once = {.send = "", .then = DOUBLE_RESET};
    struct double_answer nothing = {.send = "", .then = DOUBLE_CLOSE};
    assert_int_equal(fetch_of(bench, in_body), DU_TRANSPORT);
    assert_int_equal(fetch_of(bench, at_once), DU_TRANSPORT);
    assert_int_equal(bench->got.heads, 0);
    assert_int_equal(fetch_of(bench, nothing), DU_TRANSPORT);
}

static void what_came_before_a_reset_is_read_to_its_end(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {{.to = "GET /x",
                                      .send = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n",
                                      .fill = 100000,
                                      .then = DOUBLE_RESET},
                                     {0}};
    struct du_fetch_options options = {.origin = bench->origin, .url = "/x"};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    while (double_connections(bench->server) == 0 || double_open(bench->server) > 0) {
        if (double_requests(bench->server) == 0)
            rig_poll(&bench->rig);
    }
    assert_int_equal(got_end(&bench->got), DU_TRANSPORT);
    assert_int_equal(bench->got.heads, 1);
}

static void what_is_no_http_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    assert_int_equal(answered(bench, "SSH-2.0-OpenSSH\r\n"), DU_TRANSPORT);
    assert_int_equal(answered(bench, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), DU_TRANSPORT);
}

static void a_header_without_end_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    const size_t size = 280000; /* curl's own limit is 300 KiB */
    char *text = malloc(size + 100), *at = text;
    at += sprintf(at, "HTTP/1.1 200 OK\r\n");
    while ((size_t)(at - text) < size)
        at += sprintf(at, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    assert_int_equal(answered(bench, text), DU_TRANSPORT);
    assert_int_equal(bench->got.heads, 0);
    free(text);
}

static void connections_are_used_again_also_after_an_error_status(void **state) {
    struct bench *bench = *state;
    struct double_answer good = {.send = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    struct double_answer bad = {.send = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"};
    assert_int_equal(fetch_of(bench, good), DU_OK);
    assert_int_equal(fetch_of(bench, bad), DU_NOT_FOUND);
    assert_int_equal(fetch_of(bench, good), DU_OK);
    assert_int_equal(double_connections(bench->server), 1);
}

static void a_connection_that_upstream_closed_meanwhile_is_replaced_unnoticed(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "", .send = "HTTP/1.1 204 X\r\n\r\n", .then = DOUBLE_CLOSE, .always = true}, {0}};
    double_play(bench->server, script);
    for (int i = 0; i < 200; i++)
        assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, "/x"), DU_OK);
}

static void a_long_body_of_an_error_is_not_read_to_its_end(void **state) {
    struct bench *bench = *state;
    struct double_answer endless = {
        .send = "HTTP/1.1 500 No\r\nContent-Length: 100000000\r\n\r\nno", .then = DOUBLE_HOLD};
    struct double_answer unknown = {.send = "HTTP/1.1 500 No\r\n\r\n", .fill = 1000000};
    assert_int_equal(fetch_of(bench, endless), DU_UPSTREAM);
    assert_int_equal(fetch_of(bench, unknown), DU_UPSTREAM);
}

static void any_status_brings_every_final_answer_with_its_body(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "GET /x", .send = "HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone"}, {0}};
    struct du_fetch_options options = {.origin = bench->origin, .url = "/x", .any_status = true};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    assert_int_equal(got_end(&bench->got), DU_OK);
    assert_int_equal(bench->got.status, 404);
    assert_string_equal(bench->got.body.data, "gone");
}

static void a_head_request_brings_the_header_alone(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "HEAD /x", .send = "HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n"}, {0}};
    struct du_fetch_options options = {.origin = bench->origin, .url = "/x", .method = "HEAD"};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    assert_int_equal(got_end(&bench->got), DU_OK);
    assert_int_equal(bench->got.length, 4711);
    assert_true(bench->got.complete);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_plain_answer_arrives_whole),
        TEST(a_chunked_body_is_complete_without_a_length),
        TEST(a_body_that_ends_with_the_connection_proves_nothing),
        TEST(an_interim_answer_is_not_the_answer),
        TEST(partial_and_not_modified_are_answers),
        TEST(what_upstream_does_not_have_is_not_found),
        TEST(a_refusal_of_our_credentials_is_upstreams_failure),
        TEST(other_statuses_are_upstreams_with_their_number),
        TEST(retry_after_is_seconds_or_a_date),
        TEST(a_connection_refused_is_a_transport_error),
        TEST(a_host_without_an_address_is_a_transport_error),
        TEST(a_body_cut_short_is_a_transport_error),
        TEST(a_connection_reset_is_a_transport_error),
        TEST(what_came_before_a_reset_is_read_to_its_end),
        TEST(what_is_no_http_is_a_transport_error),
        TEST(a_header_without_end_is_a_transport_error),
        TEST(connections_are_used_again_also_after_an_error_status),
        TEST(a_connection_that_upstream_closed_meanwhile_is_replaced_unnoticed),
        TEST(a_long_body_of_an_error_is_not_read_to_its_end),
        TEST(any_status_brings_every_final_answer_with_its_body),
        TEST(a_head_request_brings_the_header_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
