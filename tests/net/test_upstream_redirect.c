/* Redirects: where they may lead, and what may go along. 127.0.0.2 is "elsewhere". */

#include "fetching.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct rig rig;
    struct double_server *here, *elsewhere;
    struct du_origin *origin;
    struct got got;
    char texts[8][256];
    int used;
};

static int set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);

    struct du_cidr allowed[1];
    rig_init(&bench->rig, NULL);
    bench->here = double_listen("127.0.0.1", rig_asked, &bench->rig);
    bench->elsewhere = double_listen("127.0.0.2", rig_asked, &bench->rig);
    assert_int_equal(du_cidr_parse("127.0.0.2/32", &allowed[0], NULL), DU_OK);
    struct du_origin_options options = {.name = "forgejo",
                                        .kind = DU_ORIGIN_FORGEJO,
                                        .url = double_url(bench->here, ""),
                                        .token = "S3CRET",
                                        .allow_private = allowed,
                                        .allow_private_count = 1};
    bench->origin = origin_with(&bench->rig, &options);
    *state = bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    got_deinit(&bench->got);
    du_origin_unref(&bench->origin);
    double_free(bench->here);
    double_free(bench->elsewhere);
    rig_deinit(&bench->rig);
    free(bench);
    return 0;
}

/* A redirect's text, good until the bench goes. */
static const char *redirect(struct bench *bench, int status, const char *location) {
    char *text = bench->texts[bench->used++];
    snprintf(text, sizeof bench->texts[0],
             "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 3\r\n\r\nbye", status, location);
    return text;
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void play(struct double_server *server, const char *to, const char *send) {
    struct double_answer script[] = {{.to = to, .send = send}, {0}};
    double_play(server, script);
}

static enum du_error_kind fetch(struct bench *bench, const char *path) {
    got_deinit(&bench->got);
    return got_path(&bench->got, &bench->rig, bench->origin, path);
}

static void a_redirect_within_the_origin_takes_the_credentials_along(void **state) {
    struct bench *bench = *state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (int i = 0; i < 5; i++) {
        play(bench->here, "GET /x", redirect(bench, statuses[i], i % 2 ? "/y" : "y"));
        play(bench->here, "GET /y", ok);
        assert_int_equal(fetch(bench, "/x"), DU_OK);
        assert_string_equal(bench->got.body.data, "ok");
        assert_string_equal(bench->got.url, double_url(bench->here, "/y"));
    }
    assert_int_equal(double_saw(bench->here, "\r\nAuthorization: token S3CRET\r\n"), 10);
    assert_int_equal(double_connections(bench->here), 1);
    assert_int_equal(du_origin_requests(bench->origin), 10);
}

static void a_redirect_elsewhere_leaves_the_credentials_behind(void **state) {
    struct bench *bench = *state;
    play(bench->here, "GET /x", redirect(bench, 302, double_url(bench->elsewhere, "/y?sig=1")));
    play(bench->elsewhere, "GET /y?sig=1", ok);
    assert_int_equal(fetch(bench, "/x"), DU_OK);
    assert_string_equal(bench->got.body.data, "ok");
    assert_int_equal(double_saw(bench->here, "Authorization: token S3CRET"), 1);
    assert_int_equal(double_requests(bench->elsewhere), 1);
    assert_int_equal(double_saw(bench->elsewhere, "Authorization"), 0);
    assert_int_equal(double_saw(bench->elsewhere, "S3CRET"), 0);
    assert_int_equal(double_saw(bench->elsewhere, "Referer"), 0);
}

static void another_port_of_the_same_host_is_elsewhere(void **state) {
    struct bench *bench = *state;
    struct double_server *other = double_listen("127.0.0.1", NULL, NULL);
    play(bench->here, "GET /x", redirect(bench, 302, double_url(other, "/y")));
    assert_int_equal(fetch(bench, "/x"), DU_INVALID_URL);
    assert_int_equal(double_connections(other), 0);
    double_free(other);
}

static void who_has_left_the_origin_has_no_credentials_on_return(void **state) {
    struct bench *bench = *state;
    play(bench->here, "GET /x", redirect(bench, 302, double_url(bench->elsewhere, "/y")));
    play(bench->elsewhere, "GET /y", redirect(bench, 302, double_url(bench->here, "/admin")));
    play(bench->here, "GET /admin", ok);
    assert_int_equal(fetch(bench, "/x"), DU_OK);
    assert_int_equal(double_saw(bench->here, "Authorization"), 1);
}

static void a_redirect_with_a_length_and_no_body_is_followed(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "GET /v2/a/blobs/x",
         .send = "HTTP/1.1 307 Moved\r\nLocation: /y\r\nContent-Length: 1234\r\n\r\n",
         .then = DOUBLE_CLOSE},
        {.to = "GET /y", .send = ok},
        {0}};
    double_play(bench->here, script);
    assert_int_equal(fetch(bench, "/v2/a/blobs/x"), DU_OK);
    assert_string_equal(bench->got.body.data, "ok");
    assert_int_equal(bench->got.heads, 1);
}

static void a_circle_of_redirects_ends(void **state) {
    struct bench *bench = *state;
    struct double_answer script[] = {
        {.to = "GET /x", .send = redirect(bench, 302, "/x"), .always = true}, {0}};
    double_play(bench->here, script);
    assert_int_equal(fetch(bench, "/x"), DU_UPSTREAM);
    assert_int_equal(bench->got.error.status, 302);
    assert_int_equal(double_requests(bench->here), 6);
}

static void a_redirect_out_of_http_is_refused(void **state) {
    struct bench *bench = *state;
    static const char *const places[] = {"file:///etc/passwd", "ftp://127.0.0.1/x",
                                         "http://user:pw@127.0.0.2/x", "http://", "gopher://x/"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        play(bench->here, "GET /x", redirect(bench, 302, places[i]));
        if (fetch(bench, "/x") != DU_INVALID_URL)
            fail_msg("followed: %s", places[i]);
        assert_int_equal(bench->got.heads, 0);
    }
}

static void a_redirect_without_a_location_is_an_unusable_status(void **state) {
    struct bench *bench = *state;
    play(bench->here, "GET /x", "HTTP/1.1 302 Moved\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fetch(bench, "/x"), DU_UPSTREAM);
    assert_int_equal(bench->got.error.status, 302);
}

static void a_redirect_to_a_private_address_is_refused_unless_listed(void **state) {
    struct bench *bench = *state;
    struct double_server *unlisted = double_listen("127.0.0.3", NULL, NULL);
    char by_name[64];
    snprintf(by_name, sizeof by_name, "http://localhost:%d/y", double_port(bench->here));
    play(bench->here, "GET /x", redirect(bench, 302, double_url(unlisted, "/y?token=S3CRET")));
    assert_int_equal(fetch(bench, "/x"), DU_INVALID_URL);
    assert_non_null(strstr(bench->got.error.message, "127.0.0.3"));
    assert_non_null(strstr(bench->got.error.message, "allow_private"));
    assert_null(strstr(bench->got.error.message, "S3CRET"));
    assert_int_equal(double_connections(unlisted), 0);
    play(bench->here, "GET /x", redirect(bench, 302, by_name));
    assert_int_equal(fetch(bench, "/x"), DU_INVALID_URL);
    assert_int_equal(double_saw(bench->here, "GET /y"), 0);
    double_free(unlisted);
}

static void a_connection_that_another_origin_left_open_is_no_way_in(void **state) {
    struct bench *bench = *state;
    struct double_server *inner = double_listen("127.0.0.3", rig_asked, &bench->rig);
    struct du_origin *inside = origin_of(&bench->rig, inner, DU_ORIGIN_FORGEJO, "T");
    play(inner, "GET /own", ok);
    play(inner, "GET /secret", ok);
    assert_int_equal(got_path(&bench->got, &bench->rig, inside, "/own"), DU_OK);
    play(bench->here, "GET /x", redirect(bench, 302, double_url(inner, "/secret")));
    assert_int_equal(fetch(bench, "/x"), DU_INVALID_URL);
    assert_int_equal(double_saw(inner, "GET /secret"), 0);
    du_origin_unref(&inside);
    double_free(inner);
}

static void see_other_becomes_a_get_and_temporary_keeps_the_method(void **state) {
    struct bench *bench = *state;
    struct du_fetch_options options = {
        .origin = bench->origin, .url = "/x", .method = "POST", .body = "b0dy", .body_size = 4};
    static const struct {
        int status;
        const char *then;
    } cases[] = {
        {301, "GET /y"}, {302, "GET /y"}, {303, "GET /y"}, {307, "POST /y"}, {308, "POST /y"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        got_deinit(&bench->got);
        memset(&bench->got, 0, sizeof bench->got);
        play(bench->here, "POST /x", redirect(bench, cases[i].status, "/y"));
        play(bench->here, cases[i].then, ok);
        assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
        assert_int_equal(got_end(&bench->got), DU_OK);
    }
    assert_int_equal(double_saw(bench->here, "b0dy"), 7);
}

static void a_foreign_url_is_fetched_without_credentials_when_that_is_meant(void **state) {
    struct bench *bench = *state;
    struct du_fetch_options options = {.origin = bench->origin,
                                       .url = double_url(bench->elsewhere, "/asset")};
    play(bench->elsewhere, "GET /asset", ok);
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_INVALID_URL);
    options.foreign = true;
    assert_int_equal(got_start(&bench->got, &bench->rig, &options), DU_OK);
    assert_int_equal(got_end(&bench->got), DU_OK);
    assert_int_equal(double_saw(bench->elsewhere, "Authorization"), 0);
    assert_int_equal(double_requests(bench->elsewhere), 1);
}

static void a_challenge_from_elsewhere_is_not_answered(void **state) {
    struct bench *bench = *state;
    char challenge[256];
    snprintf(challenge, sizeof challenge,
             "HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer realm=\"%s\"\r\nContent-Length: 0\r\n\r\n",
             double_url(bench->elsewhere, "/token"));
    play(bench->here, "GET /v2/x", redirect(bench, 302, double_url(bench->elsewhere, "/y")));
    play(bench->elsewhere, "GET /y", challenge);
    assert_int_equal(fetch(bench, "/v2/x"), DU_UPSTREAM);
    assert_int_equal(bench->got.error.status, 401);
    assert_int_equal(double_saw(bench->elsewhere, "/token"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_redirect_within_the_origin_takes_the_credentials_along),
        TEST(a_redirect_elsewhere_leaves_the_credentials_behind),
        TEST(another_port_of_the_same_host_is_elsewhere),
        TEST(who_has_left_the_origin_has_no_credentials_on_return),
        TEST(a_redirect_with_a_length_and_no_body_is_followed),
        TEST(a_circle_of_redirects_ends),
        TEST(a_redirect_out_of_http_is_refused),
        TEST(a_redirect_without_a_location_is_an_unusable_status),
        TEST(a_redirect_to_a_private_address_is_refused_unless_listed),
        TEST(a_connection_that_another_origin_left_open_is_no_way_in),
        TEST(see_other_becomes_a_get_and_temporary_keeps_the_method),
        TEST(a_foreign_url_is_fetched_without_credentials_when_that_is_meant),
        TEST(a_challenge_from_elsewhere_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
