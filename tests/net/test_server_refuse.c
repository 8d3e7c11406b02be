/* What the server answers by itself: malformed and oversized requests, bodies that are none, no
 * memory. */

#include "stand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void a_malformed_request_is_a_small_plain_400(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_ask(&stand, "GET / HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n");
    assert_string_equal(
        client->got.data,
        "HTTP/1.1 400 Bad Request\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        "Content-Type: text/plain\r\nContent-Length: 16\r\nConnection: close\r\n\r\n"
        "400 Bad Request\n");
    assert_false(client->reset);
    assert_int_equal(stand.requests, 0);
    assert_int_equal(stand.refusals, 1);
    assert_int_equal(stand.refused_status, 400);
    /* The process goes on. */
    client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, client_has(client, "hello"));
    stand_end(&stand);
}

static void every_sort_of_smuggling_is_refused_over_the_wire(void **state) {
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n" GET("/smuggled"),
         400},
        {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nX: y\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
        {"GET /\r\n\r\n", 505},
        {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 204},
        {"GET / HTTP/1.1\r\nHost: h\r\nExpect: miracles\r\n\r\n", 417}};
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *client = stand_ask(&stand, cases[i].text);
        assert_int_equal(atoi(client->got.data + 9), cases[i].status);
        assert_int_equal(client_count(client, "HTTP/1.1 "), 1);
        assert_true(client_has(client, "Connection: close\r\n"));
        assert_int_equal(stand.requests, 0);
    }
    stand_end(&stand);
}

static void a_tls_hello_is_dropped_quietly(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_ask(&stand, "\x16\x03\x01\x02");
    assert_int_equal(client->got.size, 0);
    assert_int_equal(stand.refusals, 1);
    assert_int_equal(stand.refused_status, 0);
    assert_int_equal(du_server_connections(stand.server), 0);
    stand_end(&stand);
}

static void a_refused_head_gets_no_body(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_ask(&stand, "HEAD / HTTP/1.1\r\n\r\n");
    assert_string_equal(client_body(client), "");
    stand_end(&stand);
}

static void a_long_header_is_431_and_a_long_target_414(void **state) {
    static char text[40000];
    struct du_server_limits limits = du_server_limits_default;
    struct stand stand;
    (void)state;
    stand_start(&stand, &limits);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "GET / HTTP/1.1\r\nHost: h\r\nX: ", 28);
    struct client *client = stand_ask(&stand, text);
    assert_true(client_has(client, "431 Request Header Fields Too Large\r\n"));
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "GET /", 5);
    client = stand_ask(&stand, text);
    assert_true(client_has(client, "414 URI Too Long\r\n"));
    stand_end(&stand);
}

static void a_header_of_many_kilobytes_passes_below_the_bound(void **state) {
    static char text[31000];
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "GET / HTTP/1.1\r\nHost: h\r\nX: ", 28);
    memcpy(text + sizeof(text) - 5, "\r\n\r\n", 4);
    struct client *client = stand_connect(&stand);
    client_send(client, text);
    client_send(client, GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 2);
    stand_end(&stand);
}

static void what_the_client_still_sends_does_not_lose_it_the_answer(void **state) {
    static char more[300000];
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client->reading = false;
    client_send(client, "BAD\r\n\r\n");
    memset(more, 'x', sizeof(more));
    for (int i = 0; i < 4; i++) {
        client_send_bytes(client, more, sizeof(more));
        stand_settle(&stand);
    }
    client->reading = true;
    UNTIL(&stand, client->closed);
    assert_true(client_has(client, "400 Bad Request\n"));
    assert_false(client->reset);
    assert_int_equal(du_server_connections(stand.server), 1);
    client_close(client);
    UNTIL(&stand, du_server_connections(stand.server) == 0);
    stand_end(&stand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_malformed_request_is_a_small_plain_400),
        cmocka_unit_test(every_sort_of_smuggling_is_refused_over_the_wire),
        cmocka_unit_test(a_tls_hello_is_dropped_quietly),
        cmocka_unit_test(a_refused_head_gets_no_body),
        cmocka_unit_test(a_long_header_is_431_and_a_long_target_414),
        cmocka_unit_test(a_header_of_many_kilobytes_passes_below_the_bound),
        cmocka_unit_test(what_the_client_still_sends_does_not_lose_it_the_answer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
