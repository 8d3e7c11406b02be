/* Requests and replies: accessors, keep-alive, pipelining, HEAD, who is called when. */

#include "conn.h"
#include "stand.h"

#include <stdlib.h>
#include <string.h>

static void a_request_is_answered_and_the_connection_kept(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, client_has(client, "hello"));
    assert_string_equal(client->got.data,
                        "HTTP/1.1 200 OK\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
                        "Content-Length: 5\r\n\r\nhello");
    client_send(client, GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 2);
    assert_false(client->closed);
    assert_int_equal(stand.requests, 2);
    assert_int_equal(stand.end, DU_EXCHANGE_COMPLETED);
    assert_int_equal(stand.sent_bytes, 5);
    assert_int_equal(du_server_connections(stand.server), 1);
    assert_int_equal(du_server_exchanges(stand.server), 0);
    stand_end(&stand);
}

static void look_at_request(struct stand *stand, struct du_exchange *exchange) {
    struct du_slice name, value;
    size_t from = 0;
    (void)stand;
    assert_true(du_slice_equal(du_exchange_method(exchange), DU_SLICE("GET")));
    assert_true(du_slice_equal(du_exchange_target(exchange), DU_SLICE("/a%20b?c=d")));
    assert_true(du_slice_equal(du_exchange_path(exchange), DU_SLICE("/a%20b")));
    assert_true(du_slice_equal(du_exchange_query(exchange), DU_SLICE("c=d")));
    assert_int_equal(du_exchange_header_count(exchange), 3);
    du_exchange_header_at(exchange, 0, &name, &value);
    assert_true(du_slice_equal(name, DU_SLICE("Host")));
    assert_true(du_exchange_header(exchange, "accept", &from, &value));
    assert_true(du_slice_equal(value, DU_SLICE("one")));
    assert_true(du_exchange_header(exchange, "accept", &from, &value));
    assert_true(du_slice_equal(value, DU_SLICE("two")));
    assert_false(du_exchange_header(exchange, "accept", &from, &value));
    assert_string_equal(du_exchange_peer(exchange), "127.0.0.1");
    assert_true(du_exchange_peer_port(exchange) > 0);
    assert_int_equal(du_exchange_tag(exchange), 7);
    assert_false(du_exchange_is_head(exchange));
    assert_int_equal(du_exchange_began_ns(exchange), du_clock_mono_ns(&stand->base.clock));
    du_exchange_set_user(exchange, stand);
    assert_ptr_equal(du_exchange_user(exchange), stand);
    reply_text(exchange, 200, "seen");
}

static void the_application_sees_the_request(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = look_at_request;
    struct client *client = stand_connect(&stand);
    client_send(client, "GET /a%20b?c=d HTTP/1.1\r\nHost: h\r\nAccept: one\r\nACCEPT: two\r\n\r\n");
    UNTIL(&stand, client_has(client, "seen"));
    stand_end(&stand);
}

static void reply_with_path(struct stand *stand, struct du_exchange *exchange) {
    struct du_slice path = du_exchange_path(exchange);
    struct du_reply reply;
    (void)stand;
    du_reply_init(&reply, 200);
    du_bytes_format(&reply.bytes, "[%.*s]", (int)path.size, path.data);
    du_exchange_reply(exchange, &reply);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = reply_with_path;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/1") GET("/2") "\r\n" GET("/3"));
    UNTIL(&stand, client_has(client, "[/3]"));
    const char *first = strstr(client->got.data, "[/1]"), *second = strstr(first, "[/2]");
    assert_non_null(second);
    assert_non_null(strstr(second, "[/3]"));
    stand_end(&stand);
}

static void hundreds_of_pipelined_requests_are_answered(void **state) {
    enum { COUNT = 400 };
    struct stand stand;
    struct du_bytes all;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    du_bytes_init(&all);
    for (int i = 0; i < COUNT; i++)
        du_bytes_text(&all, GET("/"));
    client_send_bytes(client, all.data, all.size);
    du_bytes_deinit(&all);
    UNTIL(&stand, client_count(client, "hello") == COUNT);
    assert_int_equal(stand.requests, COUNT);
    stand_end(&stand);
}

static void a_request_may_come_byte_by_byte(void **state) {
    static const char text[] = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\n\r\n" GET("/y");
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = reply_with_path;
    struct client *client = stand_connect(&stand);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        client_send_bytes(client, text + i, 1);
        stand_settle(&stand);
    }
    UNTIL(&stand, client_has(client, "[/y]"));
    assert_true(client_has(client, "[/x]"));
    assert_int_equal(stand.requests, 2);
    stand_end(&stand);
}

static void the_next_request_waits_for_the_one_before(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/1") GET("/2"));
    UNTIL(&stand, stand.requests == 1);
    stand_settle(&stand);
    assert_int_equal(stand.requests, 1);
    assert_int_equal(du_server_exchanges(stand.server), 1);
    reply_text(stand.exchange, 200, "one");
    UNTIL(&stand, stand.requests == 2);
    reply_text(stand.exchange, 200, "two");
    UNTIL(&stand, client_has(client, "two"));
    stand_end(&stand);
}

static void a_client_that_asks_for_it_is_closed_after_the_reply(void **state) {
    static const char *const requests[] = {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                                           "GET / HTTP/1.0\r\n\r\n"};
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    for (int i = 0; i < 2; i++) {
        struct client *client = stand_connect(&stand);
        client_send(client, requests[i]);
        UNTIL(&stand, client->closed);
        assert_true(client_has(client, "Connection: close\r\n"));
        assert_string_equal(client_body(client), "hello");
        assert_false(client->reset);
    }
    assert_int_equal(du_server_connections(stand.server), 0);
    stand_end(&stand);
}

static void what_comes_behind_the_last_request_does_not_lose_its_reply(void **state) {
    static char more[200000];
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client->reading = false;
    client_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nmore");
    stand_settle(&stand);
    client_send_bytes(client, more, sizeof(more));
    stand_settle(&stand);
    client->reading = true;
    UNTIL(&stand, client->closed);
    assert_string_equal(client_body(client), "hello");
    assert_false(client->reset);
    stand_end(&stand);
}

static void an_old_client_is_kept_when_it_asks_for_it(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(&stand, client_has(client, "hello"));
    assert_true(client_has(client, "Connection: keep-alive\r\n"));
    client_send(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(&stand, client_count(client, "hello") == 2);
    stand_end(&stand);
}

static void an_upgrade_is_ignored(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    client_send(client, GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 2);
    stand_end(&stand);
}

static void reply_by_path(struct stand *stand, struct du_exchange *exchange) {
    struct du_slice path = du_exchange_path(exchange);
    struct du_reply reply;
    (void)stand;
    du_reply_init(&reply, atoi(path.data + 1));
    if (reply.status == 299)
        reply.length = 123456789012;
    else
        du_bytes_text(&reply.bytes, "body");
    du_exchange_reply(exchange, &reply);
}

static void head_204_and_304_have_no_body(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = reply_by_path;
    struct client *client = stand_connect(&stand);
    client_send(client, "HEAD /200 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&stand, client_has(client, "\r\n\r\n"));
    assert_true(client_has(client, "200 OK\r\n") && client_has(client, "Content-Length: 4\r\n"));
    client_send(client, GET("/204") GET("/304") "HEAD /299 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&stand, client_count(client, "\r\n\r\n") == 4);
    assert_int_equal(client_count(client, "Content-Length"), 2);
    assert_true(client_has(client, "Content-Length: 123456789012\r\n"));
    assert_false(client_has(client, "body"));
    stand_end(&stand);
}

static void a_status_that_is_none_becomes_500(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = reply_by_path;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/101") GET("/0") GET("/600"));
    UNTIL(&stand, client_count(client, "500 Internal Server Error\r\n") == 3);
    stand_end(&stand);
}

static void a_client_that_leaves_before_the_reply_is_noticed(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/1") GET("/2"));
    UNTIL(&stand, stand.requests == 1);
    client_close(client);
    UNTIL(&stand, stand.finishes == 1);
    assert_int_equal(stand.gones, 1);
    assert_int_equal(stand.end, DU_EXCHANGE_ABORTED);
    stand_settle(&stand);
    assert_int_equal(stand.requests, 1);
    assert_int_equal(du_server_connections(stand.server), 0);
    stand_end(&stand);
}

static void reply_too_late(struct stand *stand, struct du_exchange *exchange) {
    (void)stand;
    reply_text(exchange, 200, "too late");
}

static void a_reply_given_when_the_client_is_gone_is_dropped(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    stand.on_gone = reply_too_late;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, stand.requests == 1);
    client_close(client);
    UNTIL(&stand, stand.finishes == 1);
    assert_int_equal(stand.gones, 1);
    stand_end(&stand);
}

static void a_client_that_closes_its_direction_still_gets_what_is_there_at_once(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/") GET("/"));
    client_shut(client);
    UNTIL(&stand, client->closed);
    assert_int_equal(client_count(client, "hello"), 2);
    stand_end(&stand);
}

static void many_clients_are_served_at_once(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    for (int i = 0; i < STAND_CLIENTS; i++)
        client_send(stand_connect(&stand), GET("/"));
    for (int i = 0; i < STAND_CLIENTS; i++)
        UNTIL(&stand, client_has(&stand.clients[i], "hello"));
    assert_int_equal(du_server_connections(stand.server), STAND_CLIENTS);
    stand_end(&stand);
}

static void an_idle_connection_is_small(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    client_send(stand_connect(&stand), GET("/"));
    UNTIL(&stand, client_has(&stand.clients[0], "hello"));
    int64_t before = du_mem_live();
    for (int i = 1; i < STAND_CLIENTS; i++)
        client_send(stand_connect(&stand), GET("/"));
    for (int i = 1; i < STAND_CLIENTS; i++)
        UNTIL(&stand, client_has(&stand.clients[i], "hello"));
    /* One block each, and one of the test's client: no buffer, though all have asked. */
    assert_in_range(du_mem_live() - before, STAND_CLIENTS, 2 * STAND_CLIENTS);
    assert_in_range(sizeof(struct du_conn), 1, 256);
    stand_end(&stand);
}

static void a_request_on_a_warm_connection_allocates_nothing(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = reply_by_path;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/204"));
    UNTIL(&stand, client_count(client, "204") == 1);
    du_bytes_reserve(&client->got, 4096);
    du_mem_fail_after(-1);
    client_send(client, "HEAD /299 HTTP/1.1\r\nHost: h\r\n\r\n");
    UNTIL(&stand, client_count(client, "299") == 1);
    assert_int_equal(du_mem_asked(), 0);
    stand_end(&stand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_kept),
        cmocka_unit_test(the_application_sees_the_request),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(hundreds_of_pipelined_requests_are_answered),
        cmocka_unit_test(a_request_may_come_byte_by_byte),
        cmocka_unit_test(the_next_request_waits_for_the_one_before),
        cmocka_unit_test(a_client_that_asks_for_it_is_closed_after_the_reply),
        cmocka_unit_test(what_comes_behind_the_last_request_does_not_lose_its_reply),
        cmocka_unit_test(an_old_client_is_kept_when_it_asks_for_it),
        cmocka_unit_test(an_upgrade_is_ignored),
        cmocka_unit_test(head_204_and_304_have_no_body),
        cmocka_unit_test(a_status_that_is_none_becomes_500),
        cmocka_unit_test(a_client_that_leaves_before_the_reply_is_noticed),
        cmocka_unit_test(a_reply_given_when_the_client_is_gone_is_dropped),
        cmocka_unit_test(a_client_that_closes_its_direction_still_gets_what_is_there_at_once),
        cmocka_unit_test(many_clients_are_served_at_once),
        cmocka_unit_test(an_idle_connection_is_small),
        cmocka_unit_test(a_request_on_a_warm_connection_allocates_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
