/* Listening addresses. */

#include "socket_int.h"
#include "stand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void a_port_of_the_kernels_choice_is_told(void **state) {
    struct du_socket *listening = NULL;
    (void)state;
    assert_int_equal(du_socket_listen("127.0.0.1:0", 2, &listening, NULL), DU_OK);
    assert_int_equal(strncmp(du_socket_address(listening), "127.0.0.1:", 10), 0);
    assert_true(atoi(du_socket_address(listening) + 10) > 0);
    assert_true(du_socket_is_loopback(listening));
    du_socket_close(&listening);
    assert_null(listening);
}

static void an_address_in_use_is_an_error_that_names_it(void **state) {
    struct du_socket *listening = NULL, *second = NULL;
    struct du_error error;
    (void)state;
    /* Also where the first one shares its port among its own workers. */
    for (unsigned workers = 1; workers <= 2; workers++) {
        assert_int_equal(du_socket_listen("127.0.0.1:0", workers, &listening, NULL), DU_OK);
        assert_int_equal(du_socket_listen(du_socket_address(listening), workers, &second, &error),
                         DU_IO);
        assert_non_null(strstr(error.message, du_socket_address(listening)));
        assert_null(second);
        du_socket_close(&listening);
    }
}

static void what_is_no_address_is_said(void **state) {
    static const char *const cases[] = {
        "",      "8080",  "127.0.0.1",    "127.0.0.1:",     ":8080", "::1:8080", "127.0.0.1:http",
        "unix:", "[::1]", "127.0.0.1:-1", "no such host:1", "[]:1"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct du_socket *listening = NULL;
        struct du_error error;
        if (du_socket_listen(cases[i], 1, &listening, &error) != DU_SCRIPT)
            fail_msg("\"%s\" passes", cases[i]);
        assert_true(error.message[0] != '\0');
    }
}

static void loopback_is_known(void **state) {
    struct du_socket *listening = NULL;
    (void)state;
    assert_int_equal(du_socket_listen("0.0.0.0:0", 1, &listening, NULL), DU_OK);
    assert_false(du_socket_is_loopback(listening));
    du_socket_close(&listening);
    if (du_socket_listen("[::1]:0", 1, &listening, NULL) != DU_OK)
        return; /* a machine without IPv6 */
    assert_int_equal(strncmp(du_socket_address(listening), "[::1]:", 6), 0);
    assert_true(du_socket_is_loopback(listening));
    du_socket_close(&listening);
}

static void the_kernel_shares_connections_among_workers(void **state) {
    enum { WORKERS = 2, CLIENTS = 64 };
    struct stand stand;
    struct du_server *servers[WORKERS];
    struct du_socket *listening = NULL;
    int fds[CLIENTS];
    (void)state;
    stand_start(&stand, NULL);
    struct du_server_hooks none = {0};
    assert_int_equal(du_socket_listen("127.0.0.1:0", WORKERS, &listening, NULL), DU_OK);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(du_server_new(&servers[i], &stand.loop, &stand.timers, &stand.base,
                                       &stand.limits, &none, NULL),
                         DU_OK);
        assert_int_equal(du_server_accept(servers[i], listening, i, 0, NULL), DU_OK);
    }
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((uint16_t)atoi(strrchr(du_socket_address(listening), ':') + 1));
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&to, sizeof(to)), 0);
    }
    UNTIL(&stand, du_server_connections(servers[0]) + du_server_connections(servers[1]) == CLIENTS);
    assert_true(du_server_connections(servers[0]) > 0 && du_server_connections(servers[1]) > 0);
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    for (int i = 0; i < WORKERS; i++)
        du_server_close(&servers[i], NULL, NULL);
    du_socket_close(&listening);
    stand_end(&stand);
}

/* ---- unix ---- */

static char path[64];

static int make_path(void **state) {
    (void)state;
    char folder[] = "/tmp/dunite-socket-XXXXXX";
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "unix:%s/s", folder);
    return 0;
}

static int remove_path(void **state) {
    (void)state;
    unlink(path + 5);
    *strrchr(path, '/') = '\0';
    return rmdir(path + 5);
}

static void look_at_peer(struct stand *stand, struct du_exchange *exchange) {
    (void)stand;
    assert_string_equal(du_exchange_peer(exchange), "unix");
    assert_int_equal(du_exchange_peer_port(exchange), 0);
    reply_text(exchange, 200, "by unix");
}

static void a_unix_socket_serves_and_goes(void **state) {
    struct stand stand;
    struct stat status;
    (void)state;
    stand_start_on(&stand, NULL, path);
    stand.on_request = look_at_peer;
    assert_string_equal(du_socket_address(stand.socket), path);
    assert_true(du_socket_is_loopback(stand.socket));
    struct client *client = stand_connect(&stand);
    client_send(client, GET("/"));
    UNTIL(&stand, client_has(client, "by unix"));
    stand_end(&stand);
    assert_int_equal(lstat(path + 5, &status), -1);
}

static void an_abandoned_unix_socket_is_replaced(void **state) {
    struct du_socket *listening = NULL;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    strcpy(address.sun_path, path + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    assert_int_equal(du_socket_listen(path, 2, &listening, NULL), DU_OK);
    du_socket_close(&listening);
}

static void a_live_unix_socket_is_not_replaced(void **state) {
    struct du_socket *listening = NULL, *second = NULL;
    struct stat status;
    (void)state;
    assert_int_equal(du_socket_listen(path, 1, &listening, NULL), DU_OK);
    assert_int_equal(du_socket_listen(path, 1, &second, NULL), DU_IO);
    assert_int_equal(lstat(path + 5, &status), 0);
    du_socket_close(&listening);
}

static void a_file_that_is_no_socket_is_not_replaced(void **state) {
    struct du_socket *listening = NULL;
    struct stat status;
    (void)state;
    fclose(fopen(path + 5, "w"));
    assert_int_equal(du_socket_listen(path, 1, &listening, NULL), DU_IO);
    assert_int_equal(lstat(path + 5, &status), 0);
}

/* ---- sockets that somebody else opened ---- */

static int open_listener(struct sockaddr *address, socklen_t size) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, address, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void is_named(int fd, const char *beginning) {
    struct du_bytes name;
    du_bytes_init(&name);
    assert_int_equal(du_socket_name(fd, &name, NULL), DU_OK);
    assert_int_equal(strncmp(name.data, beginning, strlen(beginning)), 0);
    du_bytes_deinit(&name);
}

static void a_socket_that_listens_already_is_shared_by_all_workers(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct du_socket *listening = NULL;
    (void)state;
    int fd = open_listener((struct sockaddr *)&address, sizeof address);
    is_named(fd, "127.0.0.1:");
    assert_int_equal(du_socket_adopt(fd, 3, &listening, NULL), DU_OK);
    assert_int_equal(strncmp(du_socket_address(listening), "127.0.0.1:", 10), 0);
    assert_true(du_socket_is_loopback(listening));
    for (unsigned worker = 0; worker < 3; worker++) {
        int share = du_socket_share(listening, worker), listens = 0;
        socklen_t size = sizeof listens;
        assert_int_equal(getsockopt(share, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size), 0);
        assert_true(listens);
        assert_true(fcntl(share, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(share, F_GETFD) & FD_CLOEXEC);
    }
    du_socket_close(&listening);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void the_path_of_a_unix_socket_that_was_given_stays(void **state) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct du_socket *listening = NULL;
    struct stat status;
    (void)state;
    strcpy(address.sun_path, path + 5);
    int fd = open_listener((struct sockaddr *)&address, sizeof address);
    is_named(fd, path);
    assert_int_equal(du_socket_adopt(fd, 1, &listening, NULL), DU_OK);
    du_socket_close(&listening);
    assert_int_equal(lstat(path + 5, &status), 0);
}

static void what_does_not_listen_is_not_taken(void **state) {
    struct du_socket *listening = NULL;
    struct du_error error;
    int ends[2], idle = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(du_socket_adopt(ends[0], 1, &listening, &error), DU_IO);
    assert_non_null(strstr(error.message, "no socket"));
    assert_int_equal(du_socket_adopt(idle, 1, &listening, &error), DU_IO);
    assert_non_null(strstr(error.message, "does not listen"));
    assert_null(listening);
    assert_true(fcntl(idle, F_GETFD) >= 0);
    close(ends[0]);
    close(ends[1]);
    close(idle);
}

#define WITH_PATH(test) cmocka_unit_test_setup_teardown(test, make_path, remove_path)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_of_the_kernels_choice_is_told),
        cmocka_unit_test(an_address_in_use_is_an_error_that_names_it),
        cmocka_unit_test(what_is_no_address_is_said),
        cmocka_unit_test(loopback_is_known),
        cmocka_unit_test(the_kernel_shares_connections_among_workers),
        cmocka_unit_test(a_socket_that_listens_already_is_shared_by_all_workers),
        cmocka_unit_test(what_does_not_listen_is_not_taken),
        WITH_PATH(the_path_of_a_unix_socket_that_was_given_stays),
        WITH_PATH(a_unix_socket_serves_and_goes),
        WITH_PATH(an_abandoned_unix_socket_is_replaced),
        WITH_PATH(a_live_unix_socket_is_not_replaced),
        WITH_PATH(a_file_that_is_no_socket_is_not_replaced)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
