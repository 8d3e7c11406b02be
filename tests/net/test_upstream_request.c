/* What a fetch sends, and where to: methods, headers, paths, credentials. */

#include "fetching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void method_headers_and_body_go_out_and_nothing_else_of_curls(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "PATCH /x?y=1 HTTP/1.1", .send = "HTTP/1.1 204 No Content\r\n\r\n"}, {0}};
    const char *const headers[] = {"Accept: a/b", "Accept: c/d", "Range: bytes=5-", NULL};
    struct du_fetch_options options = {.origin = bench->origin,
                                       .url = "/x?y=1",
                                       .method = "PATCH",
                                       .headers = headers,
                                       .body = "b\0dy",
                                       .body_size = 4};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    assert_int_equal(got_end(&bench->got), DU_OK);
    assert_int_equal(double_saw(bench->server, "\r\nAccept: a/b\r\nAccept: c/d\r\n"), 1);
    assert_int_equal(double_saw(bench->server, "\r\nRange: bytes=5-\r\n"), 1);
    assert_int_equal(double_saw(bench->server, "\r\nContent-Length: 4\r\n"), 1);
    assert_int_equal(double_saw(bench->server, "Content-Type"), 0);
    assert_int_equal(double_saw(bench->server, "Expect"), 0);
    assert_int_equal(double_saw(bench->server, "Accept-Encoding"), 0);
}

static void a_large_body_is_sent_without_asking_first(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {{.to = "PUT /x", .send = "HTTP/1.1 204 X\r\n\r\n"}, {0}};
    size_t size = 1500000;
    char *body = malloc(size);
    memset(body, 'b', size);
    struct du_fetch_options options = {
        .origin = bench->origin, .url = "/x", .method = "PUT", .body = body, .body_size = size};
    double_play(bench->server, script);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    free(body);
    assert_int_equal(got_end(&bench->got), DU_OK);
    assert_int_equal(double_saw(bench->server, "Content-Length: 1500000"), 1);
    assert_int_equal(double_saw(bench->server, "Expect"), 0);
}

static void a_header_that_is_not_the_callers_is_refused(void **state) {
    struct bench *bench = *state;
    static const char *const bad[] = {"Authorization: x", "HOST: x", "Content-Length: 1",
                                      "X: a\r\nY: b",     "X",       " X: y",
                                      "Cookie: x",        "X y: z",  ": x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *const headers[] = {bad[i], NULL};
        struct du_fetch_options options = {
            .origin = bench->origin, .url = "/x", .headers = headers};
        if (got_start(&bench->got, &bench->rig, &options) != DU_SCRIPT)
            fail_msg("sent: %s", bad[i]);
    }
    struct du_fetch_options options = {
        .origin = bench->origin, .url = "/x", .method = "GET / HTTP/1.1\r\nX:"};
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_SCRIPT);
    assert_int_equal(double_requests(bench->server), 0);
}

static void paths_go_below_the_origins_prefix_and_stay_there(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "GET /git/a%2Fb//c?d=/../e HTTP", .send = "HTTP/1.1 204 X\r\n\r\n"}, {0}};
    char url[64];
    snprintf(url, sizeof url, "%s/git/", double_url(bench->server, ""));
    struct du_origin_options options = {.name = "below", .url = url};
    struct du_origin *origin = origin_with(&bench->rig, &options);
    static const char *const bad[] = {"/..",       "/../x",     "/a/../../x", "/./x",
                                      "/%2e%2E/x", "/a/.%2e?q", "/a b",       "/a\r\nb"};
    double_play(bench->server, script);
    assert_int_equal(got_path(&bench->got, &bench->rig, origin, "/a%2Fb//c?d=/../e"), DU_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (got_path(&bench->got, &bench->rig, origin, bad[i]) != DU_INVALID_URL)
            fail_msg("sent: %s", bad[i]);
    }
    du_origin_unref(&origin);
}

static void an_absolute_url_must_be_of_the_origin(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {{.to = "GET /x", .send = "HTTP/1.1 204 X\r\n\r\n"}, {0}};
    char other[64];
    snprintf(other, sizeof other, "http://localhost:%d/x", double_port(bench->server));
    double_play(bench->server, script);
    assert_int_equal(
        got_path(&bench->got, &bench->rig, bench->origin, double_url(bench->server, "/x")), DU_OK);
    assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, other), DU_INVALID_URL);
    assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, "//127.0.0.2/x"),
                     DU_UPSTREAM);
    assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, "ftp://127.0.0.1/x"),
                     DU_INVALID_URL);
    assert_int_equal(double_saw(bench->server, "GET //127.0.0.2/x"), 1);
}

static void forgejos_credentials_are_a_token_and_for_the_registry_a_password(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {{.to = "", .send = "HTTP/1.1 204 X\r\n\r\n", .always = true},
                                     {0}};
    double_play(bench->server, script);
    got_path(&bench->got, &bench->rig, bench->origin, "/api/v1/version");
    assert_int_equal(double_saw(bench->server, "\r\nAuthorization: token S3CRET\r\n"), 1);
    got_path(&bench->got, &bench->rig, bench->origin, "/v2/acme/app/manifests/1");
    got_path(&bench->got, &bench->rig, bench->origin, "/v2/");
    got_path(&bench->got, &bench->rig, bench->origin, "/v2");
    assert_int_equal(double_saw(bench->server, "\r\nAuthorization: Basic OlMzQ1JFVA==\r\n"), 3);
    got_path(&bench->got, &bench->rig, bench->origin, "/v2x/acme");
    assert_int_equal(double_saw(bench->server, "\r\nAuthorization: token S3CRET\r\n"), 2);
}

static void the_environments_proxy_is_ignored(void **state) {
    struct bench *bench = *state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    struct double_answer script[] = {{.to = "", .send = "HTTP/1.1 204 X\r\n\r\n"}, {0}};
    double_play(bench->server, script);
    assert_int_equal(got_path(&bench->got, &bench->rig, bench->origin, "/x"), DU_OK);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void a_server_that_speaks_no_tls_is_a_transport_error(void **state) {
    struct bench *bench = *state;
    char url[64];
    snprintf(url, sizeof url, "https://127.0.0.1:%d", double_port(bench->server));
    struct du_origin_options options = {.name = "tls", .url = url};
    struct du_origin *origin = origin_with(&bench->rig, &options);
    struct du_fetch_options fetch = {.origin = origin, .url = "/x"};
    assert_int_equal(got_start(&bench->got, &bench->rig, &fetch), DU_OK);
    while (double_connections(bench->server) == 0)
        rig_poll(&bench->rig);
    double_free(bench->server);
    assert_int_equal(got_end(&bench->got), DU_TRANSPORT);
    assert_non_null(strstr(bench->got.error.message, "should begin with https"));
    bench->server = double_listen("127.0.0.1", NULL, NULL);
    du_origin_unref(&origin);
}

static void a_credential_that_would_break_a_line_is_refused(void **state) {
    struct bench *bench = *state;
    struct du_origin_options options = {
        .name = "forgejo", .kind = DU_ORIGIN_FORGEJO, .url = "http://h", .token = "S3CRET\n"};
    struct du_origin *origin = NULL;
    struct du_error error;
    assert_int_equal(du_origin_new(&origin, bench->rig.domain, &bench->rig.base, &options, &error),
                     DU_SCRIPT);
    assert_null(strstr(error.message, "S3CRET"));
    options.token = NULL;
    options.url = "http://h?token=S3CRET";
    assert_int_equal(du_origin_new(&origin, bench->rig.domain, &bench->rig.base, &options, &error),
                     DU_INVALID_URL);
    assert_null(strstr(error.message, "S3CRET"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_set_up, bench_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(method_headers_and_body_go_out_and_nothing_else_of_curls),
        TEST(a_large_body_is_sent_without_asking_first),
        TEST(a_header_that_is_not_the_callers_is_refused),
        TEST(paths_go_below_the_origins_prefix_and_stay_there),
        TEST(an_absolute_url_must_be_of_the_origin),
        TEST(forgejos_credentials_are_a_token_and_for_the_registry_a_password),
        TEST(the_environments_proxy_is_ignored),
        TEST(a_server_that_speaks_no_tls_is_a_transport_error),
        TEST(a_credential_that_would_break_a_line_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
