/* The objects that a deployment names, between two generations. */

#include "check.h"
#include "named.h"
#include "reloading.h"

#include <stdio.h>

#define FETCHES                                                                                    \
    "app:get('/', function() return answer.text(app.upstreams.up:fetch { url = '/' }.body) end)"

static const char *up_as(const char *name, struct stage *upstream, char settings[256]) {
    snprintf(settings, 256,
             "upstreams = { up = { kind = 'plain', url = 'http://%s', username = '%s', "
             "password = 'x' } },",
             du_engine_address(upstream->engine, 0), name);
    return settings;
}

static void note_requests(void *user, const char *name, uint64_t requests) {
    assert_string_equal(name, "up");
    *(uint64_t *)user = requests;
}

static uint64_t requests_of_up(struct stage *stage) {
    static const struct du_named_visitor visitor = {.origin = note_requests};
    uint64_t requests = 0;
    du_named_visit(du_engine_shared(stage->engine)->named, &visitor, &requests);
    return requests;
}

static void an_upstreams_requests_are_counted_on_when_another_takes_its_place(void **state) {
    (void)state;
    struct stage stage, upstream;
    struct du_check *check;
    struct du_named_change *change;
    char settings[256];
    stage_write(&upstream, "", "app:get('/', function() return answer.text('here') end)");
    assert_int_equal(stage_start(&upstream), DU_OK);
    stage_write(&stage, up_as("ada", &upstream, settings), FETCHES);
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_rewrite(&stage, up_as("bob", &upstream, settings), FETCHES);
    stage_says(&stage, "/", "here");
    assert_int_equal(requests_of_up(&stage), 1);
    struct du_engine_options options = {.folder = stage.folder};
    assert_int_equal(du_check_new(&check, &options, &stage.findings, &stage.error), DU_OK);
    struct du_named *named = du_engine_shared(stage.engine)->named;
    assert_int_equal(du_named_prepare(named, du_check_config(check), &change, &stage.error), DU_OK);
    stage_says(&stage, "/", "here");
    du_named_make(named, &change);
    assert_int_equal(requests_of_up(&stage), 2);
    du_check_free(&check);
    stage_end(&stage);
    stage_end(&upstream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upstreams_requests_are_counted_on_when_another_takes_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
