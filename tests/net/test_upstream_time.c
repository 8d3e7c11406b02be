/* Time-outs of a fetch, on a clock that only the test moves. */

#include "fetching.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CONNECT_MS = 1000, FIRST_BYTE_MS = 2000, STALL_MS = 3000 };

static struct du_origin *hasty(struct rig *rig, const char *url) {
    struct du_origin_options options = {.name = "hasty",
                                        .url = url,
                                        .connect_ms = CONNECT_MS,
                                        .first_byte_ms = FIRST_BYTE_MS,
                                        .stall_ms = STALL_MS};
    return origin_with(rig, &options);
}

static int set_up(void **state) {
    bench_set_up(state);
    struct bench *bench = *state;
    du_origin_unref(&bench->origin);
    bench->origin = hasty(&bench->rig, double_url(bench->server, ""));
    return 0;
}

/* Starts a fetch that is answered so, and runs until it was asked for. */
static void begin(struct bench *bench, const char *send, size_t fill, int64_t total_ms) {
    struct double_answer script[] = {
        {.to = "GET /x", .send = send, .fill = fill, .then = DOUBLE_HOLD}, {0}};
    struct du_fetch_options options = {.origin = bench->origin, .url = "/x", .total_ms = total_ms};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    rig_until_asked(&bench->rig, bench->server, 1);
}

static void until_body(struct bench *bench, size_t size) {
    while (bench->got.body.size < size)
        uv_run(&bench->rig.loop, UV_RUN_ONCE);
}

static void ended_with_a_timeout(struct bench *bench) {
    assert_int_equal(bench->got.ends, 1);
    assert_int_equal(bench->got.error.kind, DU_TIMEOUT);
    assert_int_equal(du_error_http(bench->got.error.kind), 504);
    assert_non_null(strstr(bench->got.error.message, "hasty"));
    assert_false(bench->got.complete);
}

static void slow_headers_time_out(void **state) {
    struct bench *bench = *state;
    begin(bench, "HTTP/1.1 200 OK\r\nX-More:", 0, 0);
    rig_advance(&bench->rig, FIRST_BYTE_MS - 1);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
    assert_int_equal(bench->got.heads, 0);
}

static void interim_answers_do_not_buy_time(void **state) {
    struct bench *bench = *state;
    begin(bench, "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 103 Early\r\n\r\n", 0, 0);
    rig_advance(&bench->rig, FIRST_BYTE_MS);
    ended_with_a_timeout(bench);
}

static void a_stalled_body_times_out(void **state) {
    struct bench *bench = *state;
    begin(bench, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 50, 0);
    until_body(bench, 50);
    rig_advance(&bench->rig, STALL_MS - 1);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
}

static void each_byte_of_the_body_buys_time(void **state) {
    struct bench *bench = *state;
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {{.to = "GET /x",
                                      .send = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst",
                                      .fill_gate = &gate,
                                      .fill = 5,
                                      .then = DOUBLE_HOLD},
                                     {0}};
    struct du_fetch_options options = {.origin = bench->origin, .url = "/x"};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    until_body(bench, 5);
    rig_advance(&bench->rig, STALL_MS - 1);
    sem_post(&gate);
    until_body(bench, 10);
    rig_advance(&bench->rig, STALL_MS - 1);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
    sem_destroy(&gate);
}

static void paused_time_is_no_stall(void **state) {
    struct bench *bench = *state;
    bench->got.pauses = true;
    begin(bench, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 50, 0);
    until_body(bench, 50);
    for (int i = 0; i < 10; i++)
        rig_advance(&bench->rig, STALL_MS);
    assert_int_equal(bench->got.ends, 0);
    du_fetch_resume(bench->got.fetch);
    rig_advance(&bench->rig, STALL_MS - 1);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
}

static void the_total_bounds_the_whole_fetch(void **state) {
    struct bench *bench = *state;
    begin(bench, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 50, 500);
    until_body(bench, 50);
    rig_advance(&bench->rig, 499);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
}

static void a_clock_that_a_hook_moves_ends_nothing_under_its_feet(void **state) {
    struct bench *bench = *state;
    static const int64_t totals[] = {500, 0};
    for (size_t i = 0; i < 2; i++) {
        memset(&bench->got, 0, sizeof bench->got);
        bench->got.advances_ms = STALL_MS;
        begin(bench, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst", 0, totals[i]);
        while (bench->got.ends == 0)
            uv_run(&bench->rig.loop, UV_RUN_ONCE);
        ended_with_a_timeout(bench);
        assert_string_equal(bench->got.body.data, "first");
        got_deinit(&bench->got);
    }
    memset(&bench->got.body, 0, sizeof bench->got.body);
}

static void a_redirects_body_that_never_comes_is_not_waited_for(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "GET /long",
         .send = "HTTP/1.1 307 X\r\nLocation: /short\r\nContent-Length: 100000000\r\n\r\n",
         .then = DOUBLE_HOLD},
        {.to = "GET /short",
         .send = "HTTP/1.1 307 X\r\nLocation: /y\r\nContent-Length: 100\r\n\r\n",
         .then = DOUBLE_HOLD},
        {.to = "GET /y", .send = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {0}};
    struct du_origin_options patient = {.name = "patient",
                                        .url = double_url(bench->server, ""),
                                        .first_byte_ms = INT64_C(1) << 40,
                                        .connect_ms = INT64_C(1) << 40};
    struct du_origin *origin = origin_with(&bench->rig, &patient);
    struct du_fetch_options options = {.origin = origin, .url = "/long"};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    rig_until_asked(&bench->rig, bench->server, 2);
    while (bench->got.ends == 0) {
        rig_advance(&bench->rig, 100);
        rig_poll(&bench->rig);
    }
    assert_int_equal(bench->got.error.kind, DU_OK);
    assert_string_equal(bench->got.body.data, "ok");
    du_origin_unref(&origin);
}

/* A listener whose queue is full: the kernel answers no further SYN. */
static int deaf_listener(int *fillers, int count, char *url, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, (struct sockaddr *)&address, &length);
    for (int i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, length);
    }
    snprintf(url, size, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

static void a_connection_that_does_not_come_about_times_out(void **state) {
    struct bench *bench = *state;
    int fillers[4];
    char url[64];
    int fd = deaf_listener(fillers, 4, url, sizeof url);
    struct du_origin *deaf = hasty(&bench->rig, url);
    struct du_fetch_options options = {.origin = deaf, .url = "/x"};
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    rig_poll(&bench->rig);
    rig_poll(&bench->rig);
    rig_advance(&bench->rig, CONNECT_MS - 1);
    assert_int_equal(bench->got.ends, 0);
    rig_advance(&bench->rig, 1);
    ended_with_a_timeout(bench);
    assert_non_null(strstr(bench->got.error.message, "connection"));
    assert_int_equal(du_origin_requests(deaf), 0);
    du_origin_unref(&deaf);
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(fd);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(slow_headers_time_out),
        TEST(interim_answers_do_not_buy_time),
        TEST(a_stalled_body_times_out),
        TEST(each_byte_of_the_body_buys_time),
        TEST(paused_time_is_no_stall),
        TEST(the_total_bounds_the_whole_fetch),
        TEST(a_clock_that_a_hook_moves_ends_nothing_under_its_feet),
        TEST(a_redirects_body_that_never_comes_is_not_waited_for),
        TEST(a_connection_that_does_not_come_about_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
