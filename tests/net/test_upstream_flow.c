/* A fetch's life: pausing, places at an origin, closing, short of memory. */

#include "mem.h"
#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONG_BODY = 20 * MIB };

static void is_the_fill(const struct du_bytes *body, size_t size) {
    assert_int_equal(body->size, size);
    for (size_t i = 0; i < size; i++) {
        if (body->data[i] != double_byte(i))
            fail_msg("byte %zu is wrong", i);
    }
}

static void pausing_loses_nothing(void **state) {
    struct registry *registry = *state;
    struct got *got = &registry->got;
    play_fill(registry, "GET /x", LONG_BODY, DOUBLE_CLOSE);
    begin(registry, got, "/x", NULL);
    got->pauses = true;
    while (got->ends == 0) {
        while (got->ends == 0 && !got->paused)
            uv_run(&registry->rig.loop, UV_RUN_ONCE);
        size_t size = got->body.size;
        rig_poll(&registry->rig);
        rig_poll(&registry->rig);
        assert_int_equal(got->body.size, size);
        got->paused = false; /* resuming may bring the next chunk, and pause, at once */
        if (got->fetch != NULL)
            du_fetch_resume(got->fetch);
    }
    assert_int_equal(got->error.kind, DU_OK);
    assert_true(got->complete);
    is_the_fill(&got->body, LONG_BODY);
}

/* Header and body come in one piece, so that the one is not seen without the other. */
static void brings_its_head_and_then_waits(struct registry *registry, const char *url) {
    struct got *got = &registry->got;
    begin(registry, got, url, NULL);
    du_fetch_pause(got->fetch);
    while (got->heads == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    rig_poll(&registry->rig);
    assert_int_equal(got->body.size, 0);
    du_fetch_resume(got->fetch);
    assert_int_equal(got_end(got), DU_OK);
    assert_string_equal(got->body.data, "ok");
}

static void a_fetch_paused_before_its_head_brings_its_head_and_no_data(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /x", NULL, OK_ANSWER, false);
    brings_its_head_and_then_waits(registry, "/x");
}

static void a_paused_fetch_still_follows_redirects(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /x", NULL,
         "HTTP/1.1 302 X\r\nLocation: /y\r\nContent-Length: 3\r\n\r\nbye", false);
    play(registry->here, "GET /y", NULL, OK_ANSWER, false);
    brings_its_head_and_then_waits(registry, "/x");
}

static void a_body_may_end_while_paused_but_not_before_its_last_byte_came(void **state) {
    struct registry *registry = *state;
    struct got *got = &registry->got;
    struct double_answer script[] = {{.to = "GET /x",
                                      .send = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
                                      .fill = 100,
                                      .then = DOUBLE_CLOSE},
                                     {0}};
    double_play(registry->here, script);
    begin(registry, got, "/x", NULL);
    got->pauses = true;
    while (got->body.size == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    got->pauses = false;
    if (got->fetch != NULL)
        du_fetch_resume(got->fetch);
    assert_int_equal(got_end(got), DU_TRANSPORT);
    is_the_fill(&got->body, 100);
}

/* ---- one fetch acts on another from within a hook ---- */

struct pair {
    struct registry *registry;
    struct du_fetch *other;
    struct got started;
    int ends;
};

static bool pair_head(void *user, const struct du_fetch_head *head) {
    struct pair *pair = user;
    (void)head;
    du_fetch_cancel(&pair->other);
    begin(pair->registry, &pair->started, "/started", NULL);
    return true;
}

static bool pair_data(void *user, const char *data, size_t size) {
    (void)user, (void)data, (void)size;
    return true;
}

static void pair_end(void *user, const struct du_error *error, bool complete) {
    struct pair *pair = user;
    assert_int_equal(error->kind, DU_OK);
    assert_true(complete);
    uv_stop(&pair->registry->rig.loop);
    pair->ends++;
}

static void a_hook_may_start_and_cancel_others(void **state) {
    static const struct du_fetch_hooks hooks = {pair_head, pair_data, pair_end};
    struct registry *registry = *state;
    struct pair pair = {.registry = registry};
    struct du_fetch_options options = {.origin = registry->origin, .url = "/x"};
    struct du_fetch *fetch;
    play_fill(registry, "GET /other", MIB, DOUBLE_HOLD);
    play(registry->here, "GET /x", NULL, OK_ANSWER, false);
    play(registry->here, "GET /started", NULL, OK_ANSWER, false);
    begin(registry, &registry->got, "/other", NULL);
    pair.other = registry->got.fetch;
    rig_until_asked(&registry->rig, registry->here, 1);
    assert_int_equal(du_fetch_start(registry->rig.client, &options, &hooks, &pair, &fetch, NULL),
                     DU_OK);
    while (pair.ends == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    assert_int_equal(got_end(&pair.started), DU_OK);
    assert_null(pair.other);
    assert_int_equal(registry->got.ends, 0);
    got_deinit(&pair.started);
}

/* ---- places ---- */

static void no_more_connections_are_opened_than_there_are_places(void **state) {
    struct registry *registry = *state;
    struct got many[6];
    struct du_origin_options options = {
        .name = "narrow", .url = double_url(registry->here, ""), .connections = 2};
    struct du_origin *wide = registry->origin;
    registry->origin = origin_with(&registry->rig, &options);
    play(registry->here, "GET /x", NULL, OK_ANSWER, true);
    for (int i = 0; i < 6; i++)
        begin(registry, &many[i], "/x", NULL);
    du_fetch_cancel(&many[5].fetch);
    du_fetch_cancel(&many[0].fetch);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(got_end(&many[i]), DU_OK);
        got_deinit(&many[i]);
    }
    assert_int_equal(many[0].ends + many[5].ends, 0);
    assert_true(double_connections(registry->here) <= 2);
    assert_int_equal(double_requests(registry->here), 4);
    du_origin_unref(&registry->origin);
    registry->origin = wide;
}

static void who_waits_for_a_place_does_not_use_up_his_time_to_connect(void **state) {
    struct registry *registry = *state;
    struct got two[2];
    struct du_origin_options options = {.name = "narrow",
                                        .url = double_url(registry->here, ""),
                                        .connections = 1,
                                        .connect_ms = 1000,
                                        .stall_ms = 1000000};
    struct du_origin *wide = registry->origin;
    registry->origin = origin_with(&registry->rig, &options);
    play_fill(registry, "GET /x", MIB, DOUBLE_HOLD);
    play(registry->here, "GET /x", NULL, OK_ANSWER, false);
    begin(registry, &two[0], "/x", NULL);
    two[0].pauses = true;
    begin(registry, &two[1], "/x", NULL);
    while (two[0].body.size == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    rig_advance(&registry->rig, 500000);
    assert_int_equal(two[0].ends + two[1].ends, 0);
    du_fetch_cancel(&two[0].fetch);
    assert_int_equal(got_end(&two[1]), DU_OK);
    got_deinit(&two[0]);
    got_deinit(&two[1]);
    du_origin_unref(&registry->origin);
    registry->origin = wide;
}

/* ---- closing ---- */

static void closing_the_client_ends_what_is_left_as_cancelled(void **state) {
    struct registry *registry = *state;
    struct got many[4];
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {{.to = "GET /token", .send = OK_ANSWER, .gate = &gate},
                                     {.to = "GET /silent", .send = "", .then = DOUBLE_HOLD},
                                     {0}};
    double_play(registry->here, script);
    registry_wants(registry, "t", registry->here);
    play_fill(registry, "GET /body", MIB, DOUBLE_HOLD);
    begin(registry, &many[0], PATH, SCOPE);
    begin(registry, &many[1], "/silent", NULL);
    begin(registry, &many[2], "/body", NULL);
    many[2].pauses = true;
    rig_until_asked(&registry->rig, registry->here, 4);
    while (many[2].body.size == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    begin(registry, &many[3], "/unsent", NULL);
    rig_close_client(&registry->rig);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(many[i].ends, 1);
        assert_int_equal(many[i].error.kind, DU_CANCELLED);
        got_deinit(&many[i]);
    }
    sem_post(&gate);
    sem_destroy(&gate);
}

static void the_client_may_be_closed_from_the_end_of_a_fetch(void **state) {
    struct registry *registry = *state;
    struct got other;
    play(registry->here, "GET /x", NULL, OK_ANSWER, false);
    struct double_answer script[] = {{.to = "GET /y", .send = "", .then = DOUBLE_HOLD}, {0}};
    double_play(registry->here, script);
    begin(registry, &other, "/y", NULL);
    begin(registry, &registry->got, "/x", NULL);
    registry->got.closes_at_end = true;
    assert_int_equal(got_end(&registry->got), DU_OK);
    while (!registry->rig.closed)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    assert_int_equal(other.error.kind, DU_CANCELLED);
}

/* ---- short of memory ---- */

/* One sign-in and fetch during which the allocation number n fails, and all after it. */
static enum du_error_kind short_of_memory(struct registry *registry, int64_t n) {
    struct du_fetch_options options = {.origin = registry->origin,
                                       .url = PATH,
                                       .scope = SCOPE,
                                       .method = "POST",
                                       .body = "x",
                                       .body_size = 1,
                                       .headers = (const char *const[]){"Accept: a/b", NULL}};
    struct got *got = &registry->got;
    memset(got, 0, sizeof *got);
    du_mem_fail_after(n);
    enum du_error_kind kind = got_start(got, &registry->rig, &options);
    if (kind == DU_OK)
        kind = got_end(got);
    du_mem_fail_after(-1);
    bool lost = got->body.failed;
    got_deinit(got);
    return lost ? DU_MEMORY : kind;
}

static void short_of_memory_a_fetch_fails_and_leaks_nothing(void **state) {
    struct registry *registry = *state;
    enum du_error_kind kind = DU_MEMORY;
    play(registry->here, "POST /v2/", "Bearer t", OK_ANSWER, true);
    play(registry->here, "POST /v2/", NULL, challenge(registry, registry->here, ""), true);
    play(registry->here, "GET /token", NULL, json(registry, "{\"token\":\"t\"}"), true);
    for (int64_t n = 0; kind != DU_OK; n++) {
        int64_t live = du_mem_live();
        kind = short_of_memory(registry, n);
        if (kind != DU_OK && kind != DU_MEMORY && kind != DU_UPSTREAM)
            fail_msg("allocation %lld: %s", (long long)n, registry->got.error.message);
        /* Watches and the timers' heap may have grown; a fetch's own memory is all back. */
        rig_poll(&registry->rig);
        assert_true(du_mem_live() <= live + 4);
        assert_true(n < 500);
    }
    assert_true(double_requests(registry->here) > 10);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_set_up, registry_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(pausing_loses_nothing),
        TEST(a_fetch_paused_before_its_head_brings_its_head_and_no_data),
        TEST(a_paused_fetch_still_follows_redirects),
        TEST(a_body_may_end_while_paused_but_not_before_its_last_byte_came),
        TEST(a_hook_may_start_and_cancel_others),
        TEST(no_more_connections_are_opened_than_there_are_places),
        TEST(who_waits_for_a_place_does_not_use_up_his_time_to_connect),
        TEST(closing_the_client_ends_what_is_left_as_cancelled),
        TEST(the_client_may_be_closed_from_the_end_of_a_fetch),
        TEST(short_of_memory_a_fetch_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
