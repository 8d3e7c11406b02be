/* Cancelling a fetch, in every state it can be in. */

#include "registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Nothing more comes of a fetch that was cancelled, and the client still works. */
static void is_quiet_and_well(struct registry *registry, int heads) {
    struct got after;
    rig_poll(&registry->rig);
    assert_int_equal(registry->got.ends, 0);
    assert_int_equal(registry->got.heads, heads);
    play(registry->here, "GET /after", NULL, OK_ANSWER, false);
    assert_int_equal(got_path(&after, &registry->rig, registry->origin, "/after"), DU_OK);
    assert_int_equal(registry->got.ends, 0);
    got_deinit(&after);
}

static void cancelling_at_once_sends_nothing(void **state) {
    struct registry *registry = *state;
    begin(registry, &registry->got, "/x", NULL);
    du_fetch_cancel(&registry->got.fetch);
    assert_null(registry->got.fetch);
    is_quiet_and_well(registry, 0);
    assert_int_equal(double_requests(registry->here), 1);
    du_fetch_cancel(&registry->got.fetch);
}

static void cancelling_while_the_name_is_looked_up_does_not_wait_for_it(void **state) {
    struct registry *registry = *state;
    struct du_origin_options options = {.name = "nowhere", .url = "http://nowhere.invalid"};
    struct du_origin *nowhere = origin_with(&registry->rig, &options);
    struct du_fetch_options fetch = {.origin = nowhere, .url = "/x"};
    do { /* until one is caught in the midst of it */
        memset(&registry->got, 0, sizeof registry->got);
        assert_int_equal(got_start(&registry->got, &registry->rig, &fetch), DU_OK);
        rig_poll(&registry->rig);
    } while (registry->got.ends > 0);
    du_fetch_cancel(&registry->got.fetch);
    du_origin_unref(&nowhere);
    is_quiet_and_well(registry, 0);
}

static void cancelling_before_the_head_brings_nothing(void **state) {
    struct registry *registry = *state;
    struct double_answer script[] = {{.to = "GET /x", .send = "", .then = DOUBLE_HOLD}, {0}};
    double_play(registry->here, script);
    begin(registry, &registry->got, "/x", NULL);
    rig_until_asked(&registry->rig, registry->here, 1);
    du_fetch_cancel(&registry->got.fetch);
    is_quiet_and_well(registry, 0);
}

static void cancelling_in_the_head_hook_brings_no_data(void **state) {
    struct registry *registry = *state;
    play_fill(registry, "GET /x", MIB, DOUBLE_HOLD);
    begin(registry, &registry->got, "/x", NULL);
    registry->got.cancels_at_head = true;
    while (registry->got.heads == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    is_quiet_and_well(registry, 1);
    assert_int_equal(registry->got.body.size, 0);
}

static void saying_no_in_the_head_hook_cancels(void **state) {
    struct registry *registry = *state;
    play_fill(registry, "GET /x", MIB, DOUBLE_HOLD);
    begin(registry, &registry->got, "/x", NULL);
    registry->got.stops_at_head = true;
    while (registry->got.heads == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    is_quiet_and_well(registry, 1);
    assert_int_equal(registry->got.body.size, 0);
}

static void cancelling_in_the_data_hook_brings_no_more(void **state) {
    struct registry *registry = *state;
    play_fill(registry, "GET /x", MIB, DOUBLE_HOLD);
    begin(registry, &registry->got, "/x", NULL);
    registry->got.cancels_at_data = true;
    while (registry->got.body.size == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    size_t size = registry->got.body.size;
    is_quiet_and_well(registry, 1);
    assert_int_equal(registry->got.body.size, size);
}

static void cancelling_while_paused_brings_no_more(void **state) {
    struct registry *registry = *state;
    play_fill(registry, "GET /x", MIB, DOUBLE_HOLD);
    begin(registry, &registry->got, "/x", NULL);
    registry->got.pauses = true;
    while (registry->got.body.size == 0)
        uv_run(&registry->rig.loop, UV_RUN_ONCE);
    rig_poll(&registry->rig);
    du_fetch_cancel(&registry->got.fetch);
    is_quiet_and_well(registry, 1);
}

static void cancelling_while_a_token_is_fetched_brings_nothing(void **state) {
    struct registry *registry = *state;
    sem_t gate;
    sem_init(&gate, 0, 0);
    struct double_answer script[] = {
        {.to = "GET /token", .send = json(registry, "{\"token\":\"t\"}"), .gate = &gate}, {0}};
    registry_wants(registry, "t", registry->here);
    double_play(registry->here, script);
    begin(registry, &registry->got, PATH, SCOPE);
    rig_until_asked(&registry->rig, registry->here, 2);
    du_fetch_cancel(&registry->got.fetch);
    sem_post(&gate);
    is_quiet_and_well(registry, 0);
    /* The request went on for whoever comes next. */
    assert_int_equal(fetch(registry), DU_OK);
    assert_int_equal(double_saw(registry->here, "GET /token"), 1);
    sem_destroy(&gate);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, registry_set_up, registry_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(cancelling_at_once_sends_nothing),
        TEST(cancelling_while_the_name_is_looked_up_does_not_wait_for_it),
        TEST(cancelling_before_the_head_brings_nothing),
        TEST(cancelling_in_the_head_hook_brings_no_data),
        TEST(saying_no_in_the_head_hook_cancels),
        TEST(cancelling_in_the_data_hook_brings_no_more),
        TEST(cancelling_while_paused_brings_no_more),
        TEST(cancelling_while_a_token_is_fetched_brings_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
