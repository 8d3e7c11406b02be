/* Bodies of requests: read, dropped, refused; no memory. */

#include "stand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct reader {
    int reads;
    enum du_error_kind result;
    struct du_bytes body;
    struct du_exchange *exchange;
};

static void on_read(void *user, enum du_error_kind result, struct du_slice body) {
    struct reader *reader = user;
    reader->reads++;
    reader->result = result;
    du_bytes_add(&reader->body, body.data, body.size);
    if (result == DU_OK)
        reply_text(reader->exchange, 200, "read");
}

static void read_body(struct stand *stand, struct du_exchange *exchange) {
    struct reader *reader = stand->user;
    reader->exchange = exchange;
    du_exchange_read(exchange, on_read, reader);
}

static void start_reading(struct stand *stand, struct reader *reader, size_t body_bytes) {
    struct du_server_limits limits = du_server_limits_default;
    limits.body_bytes = body_bytes;
    stand_start(stand, &limits);
    memset(reader, 0, sizeof(*reader));
    stand->on_request = read_body;
    stand->user = reader;
}

static void end_reading(struct stand *stand, struct reader *reader) {
    du_bytes_deinit(&reader->body);
    stand_end(stand);
}

static void a_body_is_read_by_length_and_in_chunks(void **state) {
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" GET("/"),
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: t\r\n\r\n" GET("/"),
        GET("/")};
    struct stand stand;
    struct reader reader;
    (void)state;
    for (int i = 0; i < 3; i++) {
        start_reading(&stand, &reader, 100);
        struct client *client = stand_connect(&stand);
        client_send(client, requests[i]);
        UNTIL(&stand, client_has(client, "read"));
        if (i < 2) {
            UNTIL(&stand, stand.finishes == 2);
            assert_string_equal(reader.body.data, "hello");
        }
        assert_false(client->closed);
        end_reading(&stand, &reader);
    }
}

static void a_large_body_comes_in_many_parts(void **state) {
    enum { SIZE = 700000 };
    static char part[SIZE];
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 1 << 20);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 700000\r\n\r\n");
    for (size_t i = 0; i < SIZE; i++)
        part[i] = (char)('a' + i % 26);
    for (size_t at = 0; at < SIZE; at += 70000) {
        client_send_bytes(client, part + at, 70000);
        stand_settle(&stand);
    }
    UNTIL(&stand, client_has(client, "read"));
    assert_int_equal(reader.body.size, SIZE);
    assert_memory_equal(reader.body.data, part, SIZE);
    end_reading(&stand, &reader);
}

static void a_client_that_waits_for_100_is_told_to_go_on(void **state) {
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 100);
    struct client *client = stand_connect(&stand);
    client_send(client,
                "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    UNTIL(&stand, client_has(client, "100 Continue"));
    assert_string_equal(client->got.data, "HTTP/1.1 100 Continue\r\n\r\n");
    client_send(client, "hello");
    UNTIL(&stand, client_has(client, "read"));
    assert_false(client_has(client, "Connection: close"));
    end_reading(&stand, &reader);
}

static void a_client_that_waits_for_100_in_vain_is_closed(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_ask(
        &stand, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_false(client_has(client, "100 Continue"));
    assert_true(client_has(client, "Connection: close\r\n"));
    assert_true(client_has(client, "hello"));
    stand_end(&stand);
}

static void a_body_too_large_is_413(void **state) {
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello worl",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n worl"};
    struct stand stand;
    struct reader reader;
    (void)state;
    for (int i = 0; i < 3; i++) {
        start_reading(&stand, &reader, i < 2 ? 10 : 9);
        struct client *client = stand_ask(&stand, requests[i]);
        assert_true(client_has(client, "413 Content Too Large\r\n"));
        assert_false(client_has(client, "100 Continue"));
        assert_int_equal(reader.reads, 1);
        assert_int_equal(reader.result, DU_OVERLOADED);
        assert_int_equal(stand.gones, 1);
        assert_int_equal(stand.finishes, 1);
        assert_int_equal(stand.refused_status, 413);
        end_reading(&stand, &reader);
    }
}

static void a_body_of_tiny_chunks_is_bounded_too(void **state) {
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 1000);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 100 && !client->closed; i++) {
        char part[1024] = "";
        for (int k = 0; k < 50; k++)
            strcat(part, "0000000000001\r\nx\r\n");
        send(client->fd, part, strlen(part), MSG_NOSIGNAL);
        stand_settle(&stand);
    }
    assert_true(client_has(client, "413 Content Too Large\r\n"));
    end_reading(&stand, &reader);
}

static void a_malformed_chunk_is_400(void **state) {
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 100);
    struct client *client = stand_ask(
        &stand, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello");
    assert_true(client_has(client, "400 Bad Request\r\n"));
    assert_int_equal(reader.result, DU_CANCELLED);
    assert_int_equal(stand.gones, 1);
    end_reading(&stand, &reader);
}

static void a_client_that_leaves_in_mid_body_is_noticed(void **state) {
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 100);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    UNTIL(&stand, stand.requests == 1);
    client_close(client);
    UNTIL(&stand, stand.finishes == 1);
    assert_int_equal(reader.reads, 1);
    assert_int_equal(reader.result, DU_CANCELLED);
    assert_int_equal(stand.gones, 1);
    assert_int_equal(stand.end, DU_EXCHANGE_ABORTED);
    end_reading(&stand, &reader);
}

static void a_reply_before_the_body_is_there_ends_the_reading(void **state) {
    struct stand stand;
    struct reader reader;
    (void)state;
    start_reading(&stand, &reader, 100);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel");
    UNTIL(&stand, stand.requests == 1);
    reply_text(stand.exchange, 403, "no");
    UNTIL(&stand, client_has(client, "no"));
    assert_int_equal(reader.reads, 0);
    client_send(client, "lo");
    stand.on_request = keep_exchange;
    client_send(client, GET("/"));
    UNTIL(&stand, stand.requests == 2);
    end_reading(&stand, &reader);
}

static void a_body_nobody_asks_for_is_dropped(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n" GET("/in-body"));
    UNTIL(&stand, client_count(client, "hello") == 1);
    client_send(client, "xxxxxx" GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 2);
    assert_int_equal(stand.requests, 2);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\nx\r\n0\r\n\r\n" GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 4);
    stand_end(&stand);
}

static void a_body_too_large_to_drop_closes_the_connection(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client =
        stand_ask(&stand, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\nbegin");
    assert_true(client_has(client, "Connection: close\r\n"));
    assert_string_equal(client_body(client), "hello");
    stand_end(&stand);
}

/* ---- memory ---- */

static void each_allocation_that_fails_costs_one_request_at_most(void **state) {
    static const char request[] =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    struct stand stand;
    struct reader reader;
    int refused = 0;
    (void)state;
    for (int64_t fails_at = 0;; fails_at++) {
        start_reading(&stand, &reader, 100);
        du_bytes_reserve(&reader.body, 100);
        struct client *client = stand_connect(&stand);
        du_bytes_reserve(&client->got, 4096);
        client_send(client, request);
        du_mem_fail_after(fails_at);
        UNTIL(&stand, client->closed);
        du_mem_fail_after(-1);
        bool served = client_has(client, "200 OK");
        refused += client_has(client, "503 Service Unavailable\r\n");
        assert_int_equal(stand.requests, stand.finishes);
        end_reading(&stand, &reader);
        if (served && fails_at > 8)
            break;
    }
    assert_true(refused > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_read_by_length_and_in_chunks),
        cmocka_unit_test(a_large_body_comes_in_many_parts),
        cmocka_unit_test(a_client_that_waits_for_100_is_told_to_go_on),
        cmocka_unit_test(a_client_that_waits_for_100_in_vain_is_closed),
        cmocka_unit_test(a_body_too_large_is_413),
        cmocka_unit_test(a_body_of_tiny_chunks_is_bounded_too),
        cmocka_unit_test(a_malformed_chunk_is_400),
        cmocka_unit_test(a_client_that_leaves_in_mid_body_is_noticed),
        cmocka_unit_test(a_reply_before_the_body_is_there_ends_the_reading),
        cmocka_unit_test(a_body_nobody_asks_for_is_dropped),
        cmocka_unit_test(a_body_too_large_to_drop_closes_the_connection),
        cmocka_unit_test(each_allocation_that_fails_costs_one_request_at_most)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
