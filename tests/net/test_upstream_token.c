/* Tokens: how they are asked for, how long they serve, and who shares them. */

#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_challenge_is_followed_with_its_realm_service_and_scope(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token?service=reg%20x&scope=repository%3Aacme%2Fapp%3Apull HTTP",
         NULL, json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
    assert_string_equal(registry->got.body.data, "ok");
    assert_int_equal(registry->got.heads, 1);
    assert_int_equal(double_requests(registry->here), 3);
    assert_int_equal(double_saw(registry->here, "Authorization: Basic YWRhOlMzQ1JFVA=="), 1);
    assert_int_equal(du_origin_requests(registry->origin), 3);
}

static void a_token_is_used_again_until_shortly_before_it_expires(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token", NULL,
         json(registry, "{\"access_token\":\"t1\",\"expires_in\":100}"), true);
    assert_int_equal(fetch(registry), DU_OK);
    rig_advance(&registry->rig, 89 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    assert_int_equal(double_requests(registry->here), 4);
    rig_advance(&registry->rig, 2 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
}

static void without_a_lifetime_a_token_lives_for_a_minute_at_most(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token", NULL, json(registry, "{\"token\":\"t1\"}"), true);
    assert_int_equal(fetch(registry), DU_OK);
    rig_advance(&registry->rig, 53 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    rig_advance(&registry->rig, 2 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
}

static void the_exp_inside_the_token_counts(void **state) {
    struct registry *registry = *state;
    struct du_bytes token = {0}, answer = {0};
    char claims[64];
    snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)(NOON_MS / 1000 + 200));
    du_bytes_text(&token, "e30.");
    du_bytes_base64url(&token, claims, strlen(claims));
    du_bytes_text(&token, ".c2ln");
    du_bytes_format(&answer, "{\"token\":\"%s\",\"expires_in\":5}", token.data);
    registry_wants(registry, token.data, registry->here);
    play(registry->here, "GET /token", NULL, json(registry, answer.data), true);
    assert_int_equal(fetch(registry), DU_OK);
    rig_advance(&registry->rig, 179 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    rig_advance(&registry->rig, 2 * SECOND);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
    du_bytes_deinit(&token);
    du_bytes_deinit(&answer);
}

static void a_kept_token_that_is_refused_is_refreshed_once(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", "Bearer old", OK_ANSWER, false);
    registry_wants(registry, "new", registry->here);
    play(registry->here, "GET /token", NULL,
         json(registry, "{\"token\":\"old\",\"expires_in\":900}"), false);
    play(registry->here, "GET /token", NULL,
         json(registry, "{\"token\":\"new\",\"expires_in\":900}"), false);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
    assert_int_equal(double_saw(registry->here, "Bearer new"), 2);
}

static void a_fresh_token_that_is_refused_is_upstreams_failure(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "other", registry->here);
    play(registry->here, "GET /token", NULL, json(registry, "{\"token\":\"S3CRET-t\"}"), true);
    assert_int_equal(fetch(registry), DU_UPSTREAM);
    assert_int_equal(registry->got.error.status, 401);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    assert_non_null(strstr(registry->log, "hub refuses our credentials"));
    assert_int_equal(fetch(registry), DU_UPSTREAM);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
}

static void a_fetch_without_a_scope_takes_the_challenges(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token?service=reg%20x&scope=repository%3Aacme%2Fapp%3Apull", NULL,
         json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch_scoped(registry, NULL), DU_OK);
    assert_int_equal(fetch_scoped(registry, NULL), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
}

static void a_challenge_without_a_scope_is_asked_for_ours(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", "Bearer t1", OK_ANSWER, true);
    play(registry->here, "GET /v2/", NULL, challenge(registry, registry->here, ""), true);
    play(registry->here, "GET /token?service=reg%20x&scope=repository%3Aacme%2Fapp%3Apull HTTP",
         NULL, json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
}

static void several_scopes_are_asked_for_one_by_one(void **state) {
    struct registry *registry = *state;
    play(registry->here, "GET /v2/", "Bearer t1", OK_ANSWER, true);
    play(registry->here, "GET /v2/", NULL, challenge(registry, registry->here, ",scope=\"a  b\""),
         true);
    play(registry->here, "GET /token?service=reg%20x&scope=a&scope=b HTTP", NULL,
         json(registry, "{\"token\":\"t1\"}"), false);
    assert_int_equal(fetch(registry), DU_OK);
}

static void tokens_of_other_scopes_are_not_used(void **state) {
    struct registry *registry = *state;
    registry_wants(registry, "t1", registry->here);
    play(registry->here, "GET /token", NULL, json(registry, "{\"token\":\"t1\"}"), true);
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(fetch_scoped(registry, "repository:acme/other:pull"), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
}

static void fetches_at_once_share_one_request_for_a_token(void **state) {
    struct registry *registry = *state;
    struct got many[10];
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {
        {.to = "GET /token", .send = json(registry, "{\"token\":\"t1\"}"), .gate = &gate}, {0}};
    struct du_fetch_options options = {.origin = registry->origin, .url = PATH, .scope = SCOPE};
    memset(many, 0, sizeof many);
    registry_wants(registry, "t1", registry->here);
    double_play(registry->here, script);
    for (int i = 0; i < 10; i++)
        assert_int_equal(got_start(&many[i], &registry->rig, &options), DU_OK);
    rig_until_asked(&registry->rig, registry->here, 11);
    sem_post(&gate);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(got_end(&many[i]), DU_OK);
        got_deinit(&many[i]);
    }
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    sem_destroy(&gate);
}

static void fetches_of_two_scopes_ask_for_two_tokens(void **state) {
    struct registry *registry = *state;
    struct got two[2];
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {{.to = "GET /token",
                                      .send = json(registry, "{\"token\":\"t1\"}"),
                                      .gate = &gate,
                                      .always = true},
                                     {0}};
    registry_wants(registry, "t1", registry->here);
    double_play(registry->here, script);
    begin(registry, &two[0], PATH, "repository:acme/app:pull");
    begin(registry, &two[1], PATH, "repository:acme/other:pull");
    rig_until_asked(&registry->rig, registry->here, 4);
    assert_int_equal(double_saw(registry->here, "GET /token"), 2);
    for (int i = 0; i < 2; i++)
        sem_post(&gate);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(got_end(&two[i]), DU_OK);
        got_deinit(&two[i]);
    }
    sem_destroy(&gate);
}

static void who_leaves_takes_nobodys_token_away(void **state) {
    struct registry *registry = *state;
    struct got two[2];
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {
        {.to = "GET /token", .send = json(registry, "{\"token\":\"t1\"}"), .gate = &gate}, {0}};
    struct du_fetch_options options = {.origin = registry->origin, .url = PATH, .scope = SCOPE};
    memset(two, 0, sizeof two);
    registry_wants(registry, "t1", registry->here);
    double_play(registry->here, script);
    assert_int_equal(got_start(&two[0], &registry->rig, &options), DU_OK);
    rig_until_asked(&registry->rig, registry->here, 2);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    assert_int_equal(got_start(&two[1], &registry->rig, &options), DU_OK);
    rig_until_asked(&registry->rig, registry->here, 3);
    du_fetch_cancel(&two[0].fetch);
    sem_post(&gate);
    assert_int_equal(got_end(&two[1]), DU_OK);
    assert_int_equal(two[0].ends, 0);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    got_deinit(&two[1]);
    sem_destroy(&gate);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_set_up, registry_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_challenge_is_followed_with_its_realm_service_and_scope),
        TEST(a_token_is_used_again_until_shortly_before_it_expires),
        TEST(without_a_lifetime_a_token_lives_for_a_minute_at_most),
        TEST(the_exp_inside_the_token_counts),
        TEST(a_kept_token_that_is_refused_is_refreshed_once),
        TEST(a_fresh_token_that_is_refused_is_upstreams_failure),
        TEST(a_fetch_without_a_scope_takes_the_challenges),
        TEST(a_challenge_without_a_scope_is_asked_for_ours),
        TEST(several_scopes_are_asked_for_one_by_one),
        TEST(tokens_of_other_scopes_are_not_used),
        TEST(fetches_at_once_share_one_request_for_a_token),
        TEST(fetches_of_two_scopes_ask_for_two_tokens),
        TEST(who_leaves_takes_nobodys_token_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
