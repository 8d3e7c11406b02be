/* Signing in: who sees which credentials, and what becomes of a refusal. */

#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_realm_elsewhere_is_asked_without_credentials(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->elsewhere);
    play(registry->elsewhere, "GET /token", NULL, json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_requests(registry->elsewhere), 1);
    assert_int_equal(double_saw(registry->elsewhere, "Authorization"), 0);
    assert_non_null(strstr(registry->log, "list it in credential_hosts if it is meant"));
    assert_int_equal(double_saw(registry->here, "Basic"), 0);
}

static void a_realm_that_is_listed_gets_the_credentials(void **state) {
    struct registry *registry = *state;
    char host[32];
    snprintf(host, sizeof host, "127.0.0.2:%d", double_port(registry->elsewhere));
    du_origin_unref(&registry->origin);
    registry->origin = registry_origin(registry, DU_ORIGIN_OCI, "ada", "S3CRET", host);
    registry_wants(registry, "t1", registry->elsewhere);
    play(registry->elsewhere, "GET /token", NULL, json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->elsewhere, "Authorization: Basic YWRhOlMzQ1JFVA=="), 1);
}

static void a_realm_at_a_private_address_is_refused_unless_listed(void **state) {
    struct registry *registry = *state;
    struct double_server *unlisted = double_listen("127.0.0.3", NULL, NULL);
    registry_wants(registry, "t1", unlisted);
    assert_int_equal(fetch(registry), DU_INVALID_URL);
    assert_int_equal(double_connections(unlisted), 0);
    double_free(unlisted);
}

static void a_realm_that_is_no_http_url_is_refused(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", NULL,
         "HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer realm=\"file:///etc/passwd\"\r\n"
         "Content-Length: 0\r\n\r\n",
         true);
    assert_int_equal(fetch(registry), DU_INVALID_URL);
}

static void without_credentials_a_token_is_asked_for_as_anybody(void **state) {
    struct registry *registry = *state;
    du_origin_unref(&registry->origin);
    registry->origin = registry_origin(registry, DU_ORIGIN_OCI, NULL, NULL, NULL);
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token", NULL, json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "Authorization: Basic"), 0);
}

static void a_basic_challenge_is_answered_and_remembered(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", "Authorization: Basic YWRhOlMzQ1JFVA==", OK_ANSWER, true);
    play(registry->here, "GET /v2/", NULL,
         "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n",
         true);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_requests(registry->here), 2);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_requests(registry->here), 3);
}

static void a_basic_challenge_with_nothing_to_answer_is_upstreams_failure(void **state) {
    struct registry *registry = *state;
    du_origin_unref(&registry->origin);
    registry->origin = registry_origin(registry, DU_ORIGIN_OCI, NULL, NULL, NULL);
    play(registry->here, "GET /v2/", NULL,
         "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n",
         true);
    assert_int_equal(fetch(registry), DU_UPSTREAM);
    assert_int_equal(registry->got.error.status, 401);
    assert_int_equal(double_requests(registry->here), 1);
}

static void credentials_that_were_refused_are_not_sent_again(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", NULL,
         "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"r\"\r\nContent-Length: 0\r\n\r\n",
         true);
    assert_int_equal(fetch(registry), DU_UPSTREAM);
    assert_int_equal(double_requests(registry->here), 2);
}

static void a_plain_origin_sends_its_credentials_unasked(void **state) {
    struct registry *registry = *state;
    du_origin_unref(&registry->origin);
    registry->origin = registry_origin(registry, DU_ORIGIN_PLAIN, "ada", "S3CRET", NULL);
    registry_wants(registry, "t1", registry->here);
    assert_int_equal(fetch(registry), DU_UPSTREAM);
    assert_int_equal(double_requests(registry->here), 1);
    assert_int_equal(double_saw(registry->here, "Authorization: Basic YWRhOlMzQ1JFVA=="), 1);
}

static void what_the_token_server_answers_is_upstreams_failure(void **state) {
    struct registry *registry = *state;
    static const struct {
        const char *send;
        int status;
        int64_t retry_after;
    } cases[] = {
        {"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", 401, -1},
        {"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 404, -1},
        {"HTTP/1.1 429 No\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", 429, 9},
        {"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503, -1},
        {"HTTP/1.1 503 No\r\nContent-Length: 99999\r\n\r\nlong", 503, -1},
        {"HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, -1},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0, -1},
    };
    registry_wants(registry, "t1", registry->here);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        play(registry->here, "GET /token", NULL, cases[i].send, false);
        assert_int_equal(fetch(registry), DU_UPSTREAM);
        assert_int_equal(registry->got.error.status, cases[i].status);
        assert_int_equal(registry->got.error.retry_after, cases[i].retry_after);
        assert_int_equal(registry->got.heads, 0);
    }
    assert_non_null(strstr(registry->log, "token server of upstream hub refuses our credentials"));
}

static void a_token_answer_without_end_is_refused(void **state) {
    struct registry *registry = *state;
    struct double_answer script[] = {{.to = "GET /token",
                                      .send = "HTTP/1.1 200 OK\r\n\r\n",
                                      .fill = 1000000,
                                      .then = DOUBLE_CLOSE},
                                     {0}};
    registry_wants(registry, "t1", registry->here);
    double_play(registry->here, script);
    assert_int_equal(fetch(registry), DU_UPSTREAM);
}

static void a_token_server_that_is_down_is_a_transport_error(void **state) {
    struct registry *registry = *state;
    struct double_server *down = double_listen("127.0.0.1", NULL, NULL);
    du_origin_unref(&registry->origin);
    struct du_cidr allowed[1];
    assert_int_equal(du_cidr_parse("127.0.0.0/8", &allowed[0], NULL), DU_OK);
    struct du_origin_options options = {.name = "hub",
                                        .kind = DU_ORIGIN_OCI,
                                        .url = double_url(registry->here, ""),
                                        .allow_private = allowed,
                                        .allow_private_count = 1};
    registry->origin = origin_with(&registry->rig, &options);
    registry_wants(registry, "t1", down);
    double_free(down);
    assert_int_equal(fetch(registry), DU_TRANSPORT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_set_up, registry_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_realm_elsewhere_is_asked_without_credentials),
        TEST(a_realm_that_is_listed_gets_the_credentials),
        TEST(a_realm_at_a_private_address_is_refused_unless_listed),
        TEST(a_realm_that_is_no_http_url_is_refused),
        TEST(without_credentials_a_token_is_asked_for_as_anybody),
        TEST(a_basic_challenge_is_answered_and_remembered),
        TEST(a_basic_challenge_with_nothing_to_answer_is_upstreams_failure),
        TEST(credentials_that_were_refused_are_not_sent_again),
        TEST(a_plain_origin_sends_its_credentials_unasked),
        TEST(what_the_token_server_answers_is_upstreams_failure),
        TEST(a_token_answer_without_end_is_refused),
        TEST(a_token_server_that_is_down_is_a_transport_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
