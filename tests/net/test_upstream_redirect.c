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

struct road {
    struct rig rig;
    struct double_server *here, *elsewhere;
    struct du_origin *origin;
    struct got got;
    char texts[8][256];
    int used;
};

static int set_up(void **state) {
    struct road *road = calloc(1, sizeof *road);

    struct du_cidr allowed[1];
    rig_init(&road->rig, NULL);
    road->here = double_listen("127.0.0.1", rig_asked, &road->rig);
    road->elsewhere = double_listen("127.0.0.2", rig_asked, &road->rig);
    assert_int_equal(du_cidr_parse("127.0.0.2/32", &allowed[0], NULL), DU_OK);
    struct du_origin_options options = {.name = "forgejo",
                                        .kind = DU_ORIGIN_FORGEJO,
                                        .url = double_url(road->here, ""),
                                        .token = "S3CRET",
                                        .allow_private = allowed,
                                        .allow_private_count = 1};
    road->origin = origin_with(&road->rig, &options);
    *state = road;
    return 0;
}

static int tear_down(void **state) {
    struct road *road = *state;
    got_deinit(&road->got);
    du_origin_unref(&road->origin);
    double_free(road->here);
    double_free(road->elsewhere);
    rig_deinit(&road->rig);
    free(road);
    return 0;
}

/* A redirect's text, good until the road goes. */
static const char *redirect(struct road *road, int status, const char *location) {
    char *text = road->texts[road->used++];
    snprintf(text, sizeof road->texts[0],
             "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 3\r\n\r\nbye", status, location);
    return text;
}

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void play(struct double_server *server, const char *to, const char *send) {
    struct double_answer script[] = {{.to = to, .send = send}, {0}};
    double_play(server, script);
}

static enum du_error_kind fetch(struct road *road, const char *path) {
    got_deinit(&road->got);
    return got_path(&road->got, &road->rig, road->origin, path);
}

static void a_redirect_within_the_origin_takes_the_credentials_along(void **state) {
    struct road *road = *state;
    static const int statuses[] = {301, 302, 303, 307, 308};
    for (int i = 0; i < 5; i++) {
        play(road->here, "GET /x", redirect(road, statuses[i], i % 2 ? "/y" : "y"));
        play(road->here, "GET /y", ok);
        assert_int_equal(fetch(road, "/x"), DU_OK);
        assert_string_equal(road->got.body.data, "ok");
        assert_string_equal(road->got.url, double_url(road->here, "/y"));
    }
    assert_int_equal(double_saw(road->here, "\r\nAuthorization: token S3CRET\r\n"), 10);
    assert_int_equal(double_connections(road->here), 1);
    assert_int_equal(du_origin_requests(road->origin), 10);
}

static void a_redirect_elsewhere_leaves_the_credentials_behind(void **state) {
    struct road *road = *state;
    play(road->here, "GET /x", redirect(road, 302, double_url(road->elsewhere, "/y?sig=1")));
    play(road->elsewhere, "GET /y?sig=1", ok);
    assert_int_equal(fetch(road, "/x"), DU_OK);
    assert_string_equal(road->got.body.data, "ok");
    assert_int_equal(double_saw(road->here, "Authorization: token S3CRET"), 1);
    assert_int_equal(double_requests(road->elsewhere), 1);
    assert_int_equal(double_saw(road->elsewhere, "Authorization"), 0);
    assert_int_equal(double_saw(road->elsewhere, "S3CRET"), 0);
    assert_int_equal(double_saw(road->elsewhere, "Referer"), 0);
}

static void another_port_of_the_same_host_is_elsewhere(void **state) {
    struct road *road = *state;
    struct double_server *other = double_listen("127.0.0.1", NULL, NULL);
    play(road->here, "GET /x", redirect(road, 302, double_url(other, "/y")));
    assert_int_equal(fetch(road, "/x"), DU_INVALID_URL);
    assert_int_equal(double_connections(other), 0);
    double_free(other);
}

static void who_has_left_the_origin_has_no_credentials_on_return(void **state) {
    struct road *road = *state;
    play(road->here, "GET /x", redirect(road, 302, double_url(road->elsewhere, "/y")));
    play(road->elsewhere, "GET /y", redirect(road, 302, double_url(road->here, "/admin")));
    play(road->here, "GET /admin", ok);
    assert_int_equal(fetch(road, "/x"), DU_OK);
    assert_int_equal(double_saw(road->here, "Authorization"), 1);
}

static void a_redirect_with_a_length_and_no_body_is_followed(void **state) {
    struct road *road = *state;
    struct double_answer script[] = {
        {.to = "GET /v2/a/blobs/x",
         .send = "HTTP/1.1 307 Moved\r\nLocation: /y\r\nContent-Length: 1234\r\n\r\n",
         .then = DOUBLE_CLOSE},
        {.to = "GET /y", .send = ok},
        {0}};
    double_play(road->here, script);
    assert_int_equal(fetch(road, "/v2/a/blobs/x"), DU_OK);
    assert_string_equal(road->got.body.data, "ok");
    assert_int_equal(road->got.heads, 1);
}

static void a_circle_of_redirects_ends(void **state) {
    struct road *road = *state;
    struct double_answer script[] = {
        {.to = "GET /x", .send = redirect(road, 302, "/x"), .always = true}, {0}};
    double_play(road->here, script);
    assert_int_equal(fetch(road, "/x"), DU_UPSTREAM);
    assert_int_equal(road->got.error.status, 302);
    assert_int_equal(double_requests(road->here), 6);
}

static void a_redirect_out_of_http_is_refused(void **state) {
    struct road *road = *state;
    static const char *const places[] = {"file:///etc/passwd", "ftp://127.0.0.1/x",
                                         "http://user:pw@127.0.0.2/x", "http://", "gopher://x/"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        play(road->here, "GET /x", redirect(road, 302, places[i]));
        if (fetch(road, "/x") != DU_INVALID_URL)
            fail_msg("followed: %s", places[i]);
        assert_non_null(strstr(road->got.error.message, "upstream forgejo, a redirect"));
        assert_int_equal(road->got.heads, 0);
    }
}

static void a_redirect_without_a_location_is_an_unusable_status(void **state) {
    struct road *road = *state;
    play(road->here, "GET /x", "HTTP/1.1 302 Moved\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(fetch(road, "/x"), DU_UPSTREAM);
    assert_int_equal(road->got.error.status, 302);
}

static void a_redirect_to_a_private_address_is_refused_unless_listed(void **state) {
    struct road *road = *state;
    struct double_server *unlisted = double_listen("127.0.0.3", NULL, NULL);
    char by_name[64];
    snprintf(by_name, sizeof by_name, "http://localhost:%d/y", double_port(road->here));
    play(road->here, "GET /x", redirect(road, 302, double_url(unlisted, "/y?token=S3CRET")));
    assert_int_equal(fetch(road, "/x"), DU_INVALID_URL);
    assert_non_null(strstr(road->got.error.message, "127.0.0.3"));
    assert_non_null(strstr(road->got.error.message, "allow_private"));
    assert_null(strstr(road->got.error.message, "S3CRET"));
    assert_int_equal(double_connections(unlisted), 0);
    play(road->here, "GET /x", redirect(road, 302, by_name));
    assert_int_equal(fetch(road, "/x"), DU_INVALID_URL);
    assert_int_equal(double_saw(road->here, "GET /y"), 0);
    double_free(unlisted);
}

static void a_connection_that_another_origin_left_open_is_no_way_in(void **state) {
    struct road *road = *state;
    struct double_server *inner = double_listen("127.0.0.3", rig_asked, &road->rig);
    struct du_origin *inside = origin_of(&road->rig, inner, DU_ORIGIN_FORGEJO, "T");
    play(inner, "GET /own", ok);
    play(inner, "GET /secret", ok);
    assert_int_equal(got_path(&road->got, &road->rig, inside, "/own"), DU_OK);
    play(road->here, "GET /x", redirect(road, 302, double_url(inner, "/secret")));
    assert_int_equal(fetch(road, "/x"), DU_INVALID_URL);
    assert_int_equal(double_saw(inner, "GET /secret"), 0);
    du_origin_unref(&inside);
    double_free(inner);
}

static void see_other_becomes_a_get_and_temporary_keeps_the_method(void **state) {
    struct road *road = *state;
    struct du_fetch_options options = {
        .origin = road->origin, .url = "/x", .method = "POST", .body = "b0dy", .body_size = 4};
    static const struct {
        int status;
        const char *then;
    } cases[] = {
        {301, "GET /y"}, {302, "GET /y"}, {303, "GET /y"}, {307, "POST /y"}, {308, "POST /y"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        got_deinit(&road->got);
        memset(&road->got, 0, sizeof road->got);
        play(road->here, "POST /x", redirect(road, cases[i].status, "/y"));
        play(road->here, cases[i].then, ok);
        assert_int_equal(got_start(&road->got, &road->rig, &options), DU_OK);
        assert_int_equal(got_end(&road->got), DU_OK);
    }
    assert_int_equal(double_saw(road->here, "b0dy"), 7);
}

static void a_foreign_url_is_fetched_without_credentials_when_that_is_meant(void **state) {
    struct road *road = *state;
    struct du_fetch_options options = {.origin = road->origin,
                                       .url = double_url(road->elsewhere, "/asset")};
    play(road->elsewhere, "GET /asset", ok);
    assert_int_equal(got_start(&road->got, &road->rig, &options), DU_INVALID_URL);
    options.foreign = true;
    assert_int_equal(got_start(&road->got, &road->rig, &options), DU_OK);
    assert_int_equal(got_end(&road->got), DU_OK);
    assert_int_equal(double_saw(road->elsewhere, "Authorization"), 0);
    assert_int_equal(double_requests(road->elsewhere), 1);
}

static void one_refused_address_of_several_does_not_colour_what_follows(void **state) {
    struct road *road = *state;
    struct du_cidr allowed[1];
    char url[64];
    snprintf(url, sizeof url, "http://localhost:%d/x", double_port(road->here));
    assert_int_equal(du_cidr_parse("127.0.0.1", &allowed[0], NULL), DU_OK);
    struct du_origin_options options = {.name = "v4",
                                        .url = double_url(road->elsewhere, ""),
                                        .allow_private = allowed,
                                        .allow_private_count = 1};
    struct du_origin *origin = origin_with(&road->rig, &options);
    struct double_answer script[] = {{.to = "GET /x",
                                      .send = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
                                      .then = DOUBLE_CLOSE},
                                     {0}};
    struct du_fetch_options fetch = {.origin = origin, .url = url, .foreign = true};
    double_play(road->here, script);
    assert_int_equal(got_start(&road->got, &road->rig, &fetch), DU_OK);
    assert_int_equal(got_end(&road->got), DU_TRANSPORT);
    du_origin_unref(&origin);
}

static void a_challenge_from_elsewhere_is_not_answered(void **state) {
    struct road *road = *state;
    char challenge[256];
    snprintf(challenge, sizeof challenge,
             "HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer realm=\"%s\"\r\nContent-Length: 0\r\n\r\n",
             double_url(road->elsewhere, "/token"));
    play(road->here, "GET /v2/x", redirect(road, 302, double_url(road->elsewhere, "/y")));
    play(road->elsewhere, "GET /y", challenge);
    assert_int_equal(fetch(road, "/v2/x"), DU_UPSTREAM);
    assert_int_equal(road->got.error.status, 401);
    assert_int_equal(double_saw(road->elsewhere, "/token"), 0);
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
        TEST(one_refused_address_of_several_does_not_colour_what_follows),
        TEST(a_challenge_from_elsewhere_is_not_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
