/* The engine: starting, what is wrong with a deployment, stopping. */

#include "stage.h"

#include <stdio.h>

static const char hello[] = "app:get('/hello', function() return answer.text('hello') end)";

static void answers(struct stage *stage, const char *path, const char *wanted) {
    struct du_bytes answer = stage_get(stage, path);
    assert_non_null(strstr(answer.data, wanted));
    du_bytes_deinit(&answer);
}

static void a_started_engine_answers(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", hello);
    assert_int_equal(stage_start(&stage), DU_OK);
    answers(&stage, "/hello", "\r\n\r\nhello");
    answers(&stage, "/missing", "HTTP/1.1 404 ");
    stage_end(&stage);
}

static void two_engines_live_in_one_process(void **state) {
    (void)state;
    struct stage first, second;
    stage_write(&first, "name = 'first',",
                "app:get('/', function(req) return answer.text(req.app.name) end)");
    stage_write(&second, "name = 'second',",
                "app:get('/', function(req) return answer.text(req.app.name) end)");
    assert_int_equal(stage_start(&first), DU_OK);
    assert_int_equal(stage_start(&second), DU_OK);
    answers(&first, "/", "\r\n\r\nfirst");
    answers(&second, "/", "\r\n\r\nsecond");
    du_engine_stop(&first.engine);
    answers(&second, "/", "\r\n\r\nsecond");
    stage_end(&first);
    stage_end(&second);
}

static bool found(const struct stage *stage, const char *text) {
    for (size_t i = 0; i < stage->findings.count; i++) {
        if (strstr(stage->findings.list[i], text) != NULL)
            return true;
    }
    return false;
}

static void everything_wrong_is_told_at_once_with_the_nearest_key(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "workrs = 2, drain = 'soon', trusted_proxies = { 'nonsense' },", hello);
    assert_int_equal(stage_start(&stage), DU_SCRIPT);
    assert_true(found(&stage, "workrs: no such key, did you mean 'workers'?"));
    assert_true(found(&stage, "drain: found \"soon\""));
    assert_true(found(&stage, "trusted_proxies[1]: found \"nonsense\""));
    stage_end(&stage);
}

static void an_unknown_variant_is_told_with_its_place(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", "return dunite.LimitDenial.Concurency");
    assert_int_equal(stage_start(&stage), DU_SCRIPT);
    assert_true(found(&stage, "dunite.lua:6: LimitDenial has no variant 'Concurency', did you mean "
                              "'Concurrency'?"));
    stage_end(&stage);
}

static void a_matcher_that_forgets_a_variant_does_not_load(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", "dunite.matcher(dunite.LimitDenial) { Concurrency = print }");
    assert_int_equal(stage_start(&stage), DU_SCRIPT);
    assert_true(found(&stage, "no arm for LimitDenial.DailyCap"));
    assert_true(found(&stage, "dunite.lua:6: "));
    stage_end(&stage);
}

static void a_port_in_use_is_an_error_that_names_it(void **state) {
    (void)state;
    struct stage first, second;
    char settings[256];
    stage_write(&first, "", hello);
    assert_int_equal(stage_start(&first), DU_OK);
    snprintf(settings, sizeof settings, "data_dir = '%s/other',", first.folder);
    stage_write(&second, settings, hello);
    char overrides[256];
    snprintf(overrides, sizeof overrides, "{\"listen\":[\"%s\"]}",
             du_engine_address(first.engine, 0));
    struct du_engine_options options = {
        .folder = second.folder, .overrides = overrides, .quiet = true};
    assert_int_not_equal(du_engine_start(&second.engine, &options, &second.findings, &second.error),
                         DU_OK);
    assert_non_null(strstr(second.error.message, du_engine_address(first.engine, 0)));
    answers(&first, "/hello", "\r\n\r\nhello");
    stage_end(&second);
    stage_end(&first);
}

static void a_data_folder_in_use_is_an_error(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", hello);
    assert_int_equal(stage_start(&stage), DU_OK);
    struct du_engine_options options = {.folder = stage.folder, .quiet = true};
    struct du_engine *other = NULL;
    assert_int_equal(du_engine_start(&other, &options, &stage.findings, &stage.error), DU_STORE);
    assert_null(other);
    answers(&stage, "/hello", "\r\n\r\nhello");
    stage_end(&stage);
}

static void a_public_listener_wants_an_external_url(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", hello);
    struct du_engine_options options = {
        .folder = stage.folder, .overrides = "{\"listen\":[\"0.0.0.0:0\"]}", .quiet = true};
    assert_int_equal(du_engine_start(&stage.engine, &options, &stage.findings, &stage.error),
                     DU_SCRIPT);
    assert_true(found(&stage, "external_url: is missing"));
    stage_end(&stage);
}

static void counts_survive_a_restart(void **state) {
    (void)state;
    static const char take[] =
        "app:get('/take', function() local lease = app.limits.takes:acquire('ada') "
        "return answer.text(lease and 'granted' or 'denied') end)";
    struct stage stage;
    stage_write(&stage, "limits = { takes = { daily_cap = 2 } },", take);
    assert_int_equal(stage_start(&stage), DU_OK);
    answers(&stage, "/take", "granted");
    answers(&stage, "/take", "granted");
    answers(&stage, "/take", "denied");
    du_engine_stop(&stage.engine);
    assert_int_equal(stage_start(&stage), DU_OK);
    answers(&stage, "/take", "denied");
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_started_engine_answers),
        cmocka_unit_test(two_engines_live_in_one_process),
        cmocka_unit_test(everything_wrong_is_told_at_once_with_the_nearest_key),
        cmocka_unit_test(an_unknown_variant_is_told_with_its_place),
        cmocka_unit_test(a_matcher_that_forgets_a_variant_does_not_load),
        cmocka_unit_test(a_port_in_use_is_an_error_that_names_it),
        cmocka_unit_test(a_data_folder_in_use_is_an_error),
        cmocka_unit_test(a_public_listener_wants_an_external_url),
        cmocka_unit_test(counts_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
