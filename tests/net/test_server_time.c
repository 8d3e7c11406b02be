/* Deadlines, on a clock that is moved; the bound on connections; draining, stopping, closing. */

#include "played.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void an_idle_connection_is_closed_quietly(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *fresh = stand_connect(&stand), *used = stand_connect(&stand);
    client_send(used, GET("/"));
    UNTIL(&stand, client_has(used, "hello"));
    size_t size = used->got.size;
    stand_advance(&stand, 59999);
    assert_false(fresh->closed || used->closed);
    stand_advance(&stand, 1);
    assert_true(fresh->closed && used->closed);
    assert_int_equal(fresh->got.size, 0);
    assert_int_equal(used->got.size, size);
    stand_end(&stand);
}

static void each_request_starts_the_idle_time_anew(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    for (int i = 1; i <= 5; i++) {
        client_send(client, GET("/"));
        UNTIL(&stand, client_count(client, "hello") == i);
        stand_advance(&stand, 50000);
    }
    assert_false(client->closed);
    stand_advance(&stand, 10000);
    assert_true(client->closed);
    stand_end(&stand);
}

static void a_header_that_takes_too_long_is_408(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    stand_advance(&stand, 50000);
    client_send(client, "GET / HT");
    stand_advance(&stand, 9000);
    client_send(client, "TP/1.1\r\n"); /* a byte now and then does not help */
    stand_advance(&stand, 999);
    assert_int_equal(client->got.size, 0);
    stand_advance(&stand, 1);
    assert_true(client_has(client, "408 Request Timeout\r\n"));
    assert_true(client->closed);
    assert_int_equal(stand.refused_status, 408);
    stand_end(&stand);
}

static int reads;

static void count_read(void *user, enum du_error_kind result, struct du_slice body) {
    (void)user;
    (void)body;
    assert_int_equal(result, DU_CANCELLED);
    reads++;
}

static void read_it(struct stand *stand, struct du_exchange *exchange) {
    (void)stand;
    du_exchange_read(exchange, count_read, NULL);
}

static void a_body_that_takes_too_long_is_408(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = read_it;
    reads = 0;
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    for (int i = 0; i < 3; i++) { /* a trickle holds no connection for ever */
        stand_advance(&stand, 9999);
        assert_int_equal(stand.finishes, 0);
        client_send(client, "x");
    }
    stand_advance(&stand, 3);
    assert_true(client_has(client, "408 Request Timeout\r\n"));
    assert_int_equal(reads, 1);
    assert_int_equal(stand.gones, 1);
    assert_int_equal(stand.finishes, 1);
    stand_end(&stand);
}

static void a_request_that_is_being_handled_has_all_the_time(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, stand.requests == 1);
    stand_advance(&stand, 3600000);
    assert_false(client->closed);
    reply_text(stand.exchange, 200, "late");
    UNTIL(&stand, client_has(client, "late"));
    stand_end(&stand);
}

static void a_body_to_be_dropped_may_not_take_long(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
    UNTIL(&stand, client_has(client, "hello"));
    stand_advance(&stand, 29999);
    assert_false(client->closed);
    stand_advance(&stand, 1);
    assert_true(client->closed);
    stand_end(&stand);
}

static void lingering_ends(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, "BAD\r\n\r\n");
    UNTIL(&stand, client->closed);
    stand_advance(&stand, 1999);
    assert_int_equal(du_server_connections(stand.server), 1);
    stand_advance(&stand, 1);
    assert_int_equal(du_server_connections(stand.server), 0);
    stand_end(&stand);
}

static void the_date_follows_the_clock(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, client_has(client, "Date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
    stand_advance(&stand, 1000);
    client_send(client, GET("/"));
    UNTIL(&stand, client_has(client, "Date: Tue, 14 Nov 2023 22:13:21 GMT\r\n"));
    stand_end(&stand);
}

/* ---- bounds ---- */

static void over_the_bound_the_oldest_idle_connection_goes(void **state) {
    struct du_server_limits limits = du_server_limits_default;
    struct stand stand;
    (void)state;
    limits.connections = 2;
    stand_start(&stand, &limits);
    struct client *first = stand_connect(&stand);
    client_send(first, GET("/"));
    UNTIL(&stand, client_has(first, "hello"));
    struct client *second = stand_connect(&stand);
    client_send(second, GET("/"));
    UNTIL(&stand, client_has(second, "hello"));
    client_send(first, GET("/")); /* now the second is the oldest */
    UNTIL(&stand, client_count(first, "hello") == 2);
    struct client *third = stand_connect(&stand);
    client_send(third, GET("/"));
    UNTIL(&stand, client_has(third, "hello"));
    assert_true(second->closed);
    assert_false(first->closed);
    stand_end(&stand);
}

static void with_none_idle_accepting_waits_for_one(void **state) {
    struct du_server_limits limits = du_server_limits_default;
    struct stand stand;
    (void)state;
    limits.connections = 1;
    stand_start(&stand, &limits);
    stand.on_request = keep_exchange;
    struct client *first = stand_connect(&stand), *second;
    client_send(first, GET("/"));
    UNTIL(&stand, stand.requests == 1);
    second = stand_connect(&stand);
    client_send(second, GET("/"));
    stand_settle(&stand);
    assert_int_equal(stand.requests, 1);
    reply_text(stand.exchange, 200, "first");
    UNTIL(&stand, stand.requests == 2);
    assert_true(first->closed);
    reply_text(stand.exchange, 200, "second");
    UNTIL(&stand, client_has(second, "second"));
    stand_end(&stand);
}

static void out_of_descriptors_accepting_pauses_and_recovers(void **state) {
    struct rlimit old, few;
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *early = stand_connect(&stand);
    client_send(early, GET("/"));
    UNTIL(&stand, client_has(early, "hello"));
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    int highest = dup(0);
    close(highest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)highest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    stand_settle(&stand); /* it does not spin: this ends */
    assert_int_equal(client->got.size, 0);
    client_send(early, GET("/"));
    UNTIL(&stand, client_count(early, "hello") == 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    stand_advance(&stand, 1000);
    UNTIL(&stand, client_has(client, "hello"));
    stand_end(&stand);
}

/* ---- the end ---- */

static void draining_closes_what_is_idle_and_still_answers(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *idle = stand_connect(&stand), *busy = stand_connect(&stand);
    client_send(idle, GET("/"));
    UNTIL(&stand, client_has(idle, "hello"));
    stand.on_request = keep_exchange;
    client_send(busy, GET("/"));
    UNTIL(&stand, stand.requests == 2);
    struct du_exchange *running = stand.exchange;
    du_server_drain(stand.server);
    UNTIL(&stand, idle->closed);
    assert_false(idle->reset);
    reply_text(running, 200, "finished");
    UNTIL(&stand, client_has(busy, "finished"));
    assert_true(client_has(busy, "Connection: close\r\n"));
    UNTIL(&stand, busy->closed);
    struct client *late = stand_connect(&stand);
    client_send(late, GET("/"));
    UNTIL(&stand, stand.requests == 3);
    reply_text(stand.exchange, 200, "late");
    UNTIL(&stand, client_has(late, "Connection: close\r\n"));
    stand_end(&stand);
}

static void a_request_that_is_under_way_when_draining_begins_is_answered(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, client_count(client, "hello") == 1);
    client_send(client, GET("/")); /* in the socket, not read yet */
    du_server_drain(stand.server);
    UNTIL(&stand, client_count(client, "hello") == 2);
    assert_true(client_has(client, "Connection: close\r\n"));
    stand_end(&stand);
}

static void stopping_accepts_who_is_there_and_nobody_after(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    struct client *client = stand_connect(&stand);
    const char *address = du_socket_address(stand.socket);
    struct du_socket *again = NULL;
    client_send(client, GET("/"));
    du_server_drain(stand.server);
    du_server_stop(stand.server);
    UNTIL(&stand, client_has(client, "hello"));
    /* Nobody listens any more: the address is free. */
    assert_int_equal(du_socket_listen(address, 1, &again, NULL), DU_OK);
    du_socket_close(&again);
    stand_end(&stand);
}

static void closing_ends_every_exchange(void **state) {
    static const struct play_step steps[] = {{.state = DU_BODY_WAIT}, {.state = DU_BODY_END}};
    struct stand stand;
    struct play play;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    struct client *replied = stand_connect(&stand), *waiting = stand_connect(&stand);
    client_send(replied, GET("/"));
    UNTIL(&stand, stand.requests == 1);
    play_init(&play, 5, steps);
    play_reply(&play, stand.exchange, 200);
    client_send(waiting, GET("/"));
    UNTIL(&stand, stand.requests == 2);
    client_send(stand_connect(&stand), "GET /half"); /* and one in its header */
    stand_connect(&stand);                           /* and one that never spoke */
    stand_settle(&stand);
    stand_end(&stand);
    assert_int_equal(stand.gones, 1);
    assert_int_equal(stand.finishes, 2);
    assert_int_equal(stand.end, DU_EXCHANGE_DRAINED);
    assert_int_equal(play.closed, 1);
}

static void on_closed(void *user) {
    struct stand *stand = user;
    stand->server_closed = true;
}

static void close_server(struct stand *stand, struct du_exchange *exchange) {
    (void)exchange;
    du_server_close(&stand->server, on_closed, stand);
}

static void the_server_may_be_closed_from_within_a_request(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = close_server;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/") GET("/"));
    UNTIL(&stand, client->closed && stand.server_closed);
    assert_int_equal(stand.requests, 1);
    assert_int_equal(stand.gones, 1);
    stand_end(&stand);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_closed_quietly),
        cmocka_unit_test(each_request_starts_the_idle_time_anew),
        cmocka_unit_test(a_header_that_takes_too_long_is_408),
        cmocka_unit_test(a_body_that_takes_too_long_is_408),
        cmocka_unit_test(a_request_that_is_being_handled_has_all_the_time),
        cmocka_unit_test(a_body_to_be_dropped_may_not_take_long),
        cmocka_unit_test(lingering_ends),
        cmocka_unit_test(the_date_follows_the_clock),
        cmocka_unit_test(over_the_bound_the_oldest_idle_connection_goes),
        cmocka_unit_test(with_none_idle_accepting_waits_for_one),
        cmocka_unit_test(out_of_descriptors_accepting_pauses_and_recovers),
        cmocka_unit_test(draining_closes_what_is_idle_and_still_answers),
        cmocka_unit_test(a_request_that_is_under_way_when_draining_begins_is_answered),
        cmocka_unit_test(stopping_accepts_who_is_there_and_nobody_after),
        cmocka_unit_test(closing_ends_every_exchange),
        cmocka_unit_test(the_server_may_be_closed_from_within_a_request)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
