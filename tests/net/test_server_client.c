/* Clients that leave, and clients that take too little. */

#include "played.h"

#include <sys/socket.h>
#include <unistd.h>

static void a_client_that_leaves_while_the_body_waits_is_noticed(void **state) {
    static const struct play_step steps[] = {
        {DU_BODY_BYTES, "hell", 0, 0, 0}, {.state = DU_BODY_WAIT}, {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, 5, steps);
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, client_has(played.client, "hell"));
    client_send(played.client, GET("/next"));
    stand_settle(&played.stand);
    assert_int_equal(played.stand.requests, 1);
    client_close(played.client);
    UNTIL(&played.stand, played.stand.finishes == 1);
    assert_int_equal(played.stand.end, DU_EXCHANGE_ABORTED);
    assert_int_equal(played.stand.sent_bytes, 4);
    assert_int_equal(played.stand.gones, 0);
    played_end(&played);
}

static void a_client_that_leaves_in_mid_stream_is_noticed(void **state) {
    struct play_step steps[] = {{DU_BODY_FILE, NULL, PLAYED_LARGE, played_file(PLAYED_LARGE), 0},
                                {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE, steps);
    played.client->reading = false;
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.stand.requests == 1);
    client_close(played.client);
    UNTIL(&played.stand, played.stand.finishes == 1);
    assert_int_equal(played.stand.end, DU_EXCHANGE_ABORTED);
    assert_true(played.stand.sent_bytes < PLAYED_LARGE);
    close(steps[0].fd);
    played_end(&played);
}

/* As nginx sees it: nothing tells it from one that is gone. */
static void a_client_that_closes_its_direction_while_it_waits_has_left(void **state) {
    struct stand stand;
    (void)state;
    stand_start(&stand, NULL);
    stand.on_request = keep_exchange;
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, stand.requests == 1);
    client_shut(client);
    UNTIL(&stand, stand.finishes == 1);
    assert_int_equal(stand.gones, 1);
    assert_int_equal(stand.end, DU_EXCHANGE_ABORTED);
    stand_end(&stand);
}

static void a_client_that_takes_too_little_is_closed(void **state) {
    struct play_step steps[] = {{DU_BODY_FILE, NULL, PLAYED_LARGE, played_file(PLAYED_LARGE), 0},
                                {.state = DU_BODY_END}};
    struct played played;
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE, steps);
    played.client->reading = false;
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.stand.requests == 1);
    /* In the first window the kernel's buffers filled. */
    stand_advance(&played.stand, 30000);
    stand_advance(&played.stand, 29999);
    assert_int_equal(played.stand.finishes, 0);
    stand_advance(&played.stand, 1);
    assert_int_equal(played.stand.finishes, 1);
    assert_int_equal(played.stand.end, DU_EXCHANGE_SLOW);
    assert_int_equal(du_server_connections(played.stand.server), 0);
    close(steps[0].fd);
    played_end(&played);
}

static void a_client_that_takes_enough_in_each_window_stays(void **state) {
    struct play_step steps[] = {{DU_BODY_FILE, NULL, PLAYED_LARGE, played_file(PLAYED_LARGE), 0},
                                {.state = DU_BODY_END}};
    struct played played;
    static char part[1 << 20];
    (void)state;
    played_start(&played, NULL, PLAYED_LARGE, steps);
    int small = 1 << 16;
    setsockopt(played.client->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    played.client->reading = false;
    client_send(played.client, GET("/"));
    UNTIL(&played.stand, played.stand.requests == 1);
    for (int window = 0; window < 4; window++) {
        for (int64_t taken = 0; taken < 1 << 20;) {
            ssize_t size = recv(played.client->fd, part, sizeof(part), MSG_DONTWAIT);
            taken += size > 0 ? size : 0;
            stand_settle(&played.stand);
        }
        stand_advance(&played.stand, 30000);
        assert_int_equal(played.stand.finishes, 0);
    }
    stand_advance(&played.stand, 30000);
    assert_int_equal(played.stand.finishes, 1);
    assert_int_equal(played.stand.end, DU_EXCHANGE_SLOW);
    close(steps[0].fd);
    played_end(&played);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_leaves_while_the_body_waits_is_noticed),
        cmocka_unit_test(a_client_that_leaves_in_mid_stream_is_noticed),
        cmocka_unit_test(a_client_that_closes_its_direction_while_it_waits_has_left),
        cmocka_unit_test(a_client_that_takes_too_little_is_closed),
        cmocka_unit_test(a_client_that_takes_enough_in_each_window_stays)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
