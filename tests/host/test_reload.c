/* Reloading: what a new generation changes, what it keeps, and what happens when it is wrong. */

#include "reloading.h"

#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAYS(word) "app:get('/', function() return answer.text('" word "') end)"

static void a_new_generation_serves(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_says(&stage, "/", "one");
    stage_rewrite(&stage, "", SAYS("two"));
    stage_says(&stage, "/", "one");
    struct wish wish = stage_reload(&stage);
    assert_true(wish.ok);
    assert_int_equal(wish.generation, 2);
    assert_string_equal(wish.text, "");
    for (int i = 0; i < 20; i++)
        stage_says(&stage, "/", "two");
    UNTIL(stage_generations(&stage).old == 0);
    assert_int_equal(stage_generations(&stage).current, 2);
    stage_end(&stage);
}

/* --- wrong ones --- */

static void is_refused(struct stage *stage, const char *reason) {
    struct wish wish = stage_reload(stage);
    assert_false(wish.ok);
    assert_int_equal(wish.generation, 1);
    if (strstr(wish.text, reason) == NULL)
        fail_msg("'%s' lacks '%s'", wish.text, reason);
    stage_says(stage, "/", "one");
    assert_int_equal(stage_generations(stage).old, 0);
}

static void a_wrong_one_changes_nothing_and_says_why(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_file(&stage, "dunite.lua", "return {\n nonsense nonsense }");
    is_refused(&stage, "dunite.lua:2: ");
    stage_rewrite(&stage, "", "dunite.matcher(dunite.LimitDenial) { Concurrency = print }");
    is_refused(&stage, "dunite.lua:6: this matcher is not total: no arm for LimitDenial.DailyCap");
    stage_rewrite(&stage, "workrs = 1,", SAYS("two"));
    is_refused(&stage, "did you mean 'workers'?");
    stage_rewrite(&stage,
                  "upstreams = { a = { kind = 'plain', url = 'http://127.0.0.1:1', "
                  "password = dunite.secret 'DUNITE_TEST_UNSET' } },",
                  SAYS("two"));
    is_refused(&stage, "neither DUNITE_TEST_UNSET_FILE nor DUNITE_TEST_UNSET is set");
    stage_rewrite(&stage, "", "error({ not_a = 'string' })");
    is_refused(&stage, "dunite.lua");
    stage_rewrite(&stage, "", "while true do end");
    is_refused(&stage, "over its budget");
    stage_rewrite(&stage, "", "dunite.clock.sleep(1)");
    is_refused(&stage, "nothing can wait while the scripts load");
    stage_file(&stage, "a.lua", "return require 'b'");
    stage_file(&stage, "b.lua", "return require 'a'");
    stage_rewrite(&stage, "", "require 'a'");
    is_refused(&stage, "module 'a' requires itself: a -> b -> a");
    stage_rewrite(&stage, "", SAYS("three"));
    stage_reload_fine(&stage);
    stage_says(&stage, "/", "three");
    stage_end(&stage);
}

static void a_folder_that_vanished_is_told_and_harms_nobody(void **state) {
    (void)state;
    struct stage stage;
    char elsewhere[DU_SCRATCH_ROOM + 8];
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    snprintf(elsewhere, sizeof elsewhere, "%s.gone", stage.folder);
    assert_int_equal(rename(stage.folder, elsewhere), 0);
    is_refused(&stage, stage.folder);
    assert_int_equal(rename(elsewhere, stage.folder), 0);
    stage_reload_fine(&stage);
    stage_end(&stage);
}

/* --- specs --- */

static enum du_error_kind start_with_program(struct stage *stage, const char *program,
                                             const char *text) {
    static char path[DU_SCRATCH_ROOM + 32];
    stage_file(stage, program, text);
    snprintf(path, sizeof path, "%s/%s", stage->folder, program);
    chmod(path, 0700);
    struct du_engine_options options = {.folder = stage->folder, .quiet = true, .program = path};
    return du_engine_start(&stage->engine, &options, &stage->findings, &stage->error);
}

static void specs_that_fail_keep_the_old_and_are_shown(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "reload = { specs = true },", SAYS("one"));
    assert_int_equal(start_with_program(&stage, "fails",
                                        "#!/bin/sh\n[ \"$1\" = spec ] || exit 9\n"
                                        "[ -f \"$2/dunite.lua\" ] || exit 8\n"
                                        "echo 'the spec of downloads fails'\nexit 1\n"),
                     DU_OK);
    is_refused(&stage, "the deployment's specs ended with 1\nthe spec of downloads fails");
    stage_end(&stage);
}

static void specs_that_pass_let_it_in(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "reload = { specs = true },", SAYS("one"));
    assert_int_equal(start_with_program(&stage, "passes", "#!/bin/sh\nexit 0\n"), DU_OK);
    stage_reload_fine(&stage);
    stage_end(&stage);
}

static void specs_that_take_too_long_are_ended(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "reload = { specs = true, specs_timeout = '1s' },", SAYS("one"));
    assert_int_equal(start_with_program(&stage, "slow", "#!/bin/sh\nsleep 1000\n"), DU_OK);
    is_refused(&stage, "for they took too long");
    stage_end(&stage);
}

static void a_stop_cuts_short_the_specs(void **state) {
    (void)state;
    struct stage stage;
    struct wish wish;
    char mark[DU_SCRATCH_ROOM + 32];
    stage_write(&stage, "reload = { specs = true },", SAYS("one"));
    assert_int_equal(
        start_with_program(&stage, "slow", "#!/bin/sh\ntouch \"$2/began\"\nsleep 1000\n"), DU_OK);
    wish_begin(&wish, &stage);
    snprintf(mark, sizeof mark, "%s/began", stage.folder);
    UNTIL(access(mark, F_OK) == 0);
    du_engine_stop(&stage.engine);
    wish_wait(&wish);
    assert_false(wish.ok);
    stage_end(&stage);
}

static void without_a_program_specs_cannot_be_wanted(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "reload = { specs = true },", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    is_refused(&stage, "reload.specs: this program has no `dunite spec`");
    stage_end(&stage);
}

/* --- what it changes and what it keeps --- */

static void a_changed_limit_applies_at_once_and_counts_are_kept(void **state) {
    (void)state;
    static const char take[] =
        "app:get('/', function() local lease = app.limits.takes:acquire('ada') "
        "return answer.text(lease and 'granted' or 'denied') end)";
    struct stage stage;
    stage_write(&stage, "limits = { takes = { daily_cap = 2 } },", take);
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_says(&stage, "/", "granted");
    stage_says(&stage, "/", "granted");
    stage_says(&stage, "/", "denied");
    stage_rewrite(&stage, "limits = { takes = { daily_cap = 3 } },", take);
    stage_reload_fine(&stage);
    stage_says(&stage, "/", "granted");
    stage_says(&stage, "/", "denied");
    stage_rewrite(&stage, "", SAYS("none"));
    stage_reload_fine(&stage);
    stage_rewrite(&stage, "limits = { takes = { daily_cap = 4 }, others = {} },", take);
    stage_reload_fine(&stage);
    stage_says(&stage, "/", "granted");
    stage_says(&stage, "/", "denied");
    stage_end(&stage);
}

static void a_secret_is_read_again_and_its_upstream_made_anew(void **state) {
    (void)state;
    struct stage stage, upstream;
    char settings[512], path[DU_SCRATCH_ROOM + 64];
    stage_write(&upstream, "",
                "app:get('/who', function(req) return answer.text((req:basic())) end)");
    assert_int_equal(stage_start(&upstream), DU_OK);
    snprintf(settings, sizeof settings,
             "upstreams = { up = { kind = 'plain', url = 'http://%s', "
             "username = dunite.secret 'NAME', password = 'x' } },",
             du_engine_address(upstream.engine, 0));
    stage_write(&stage, settings,
                "app:get('/', function() return answer.text(app.upstreams.up:fetch { url = '/who' }"
                ".body) end)");
    stage_file(&stage, "name", "first");
    snprintf(path, sizeof path, "NAME_FILE=%s/name", stage.folder);
    const char *environment[] = {path, NULL};
    struct du_engine_options options = {
        .folder = stage.folder, .quiet = true, .environment = environment};
    assert_int_equal(du_engine_start(&stage.engine, &options, &stage.findings, &stage.error),
                     DU_OK);
    memset(path, 0, sizeof path); /* the engine has a copy */
    stage_says(&stage, "/", "first");
    stage_file(&stage, "name", "second");
    stage_says(&stage, "/", "first");
    stage_reload_fine(&stage);
    for (int i = 0; i < 6; i++)
        stage_says(&stage, "/", "second");
    stage_end(&stage);
    stage_end(&upstream);
}

static void what_no_reload_changes_is_told(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_rewrite(&stage, "admin_listen = { '127.0.0.1:9' }, data_dir = 'other', drain = '3s',",
                  SAYS("two"));
    struct wish wish = stage_reload(&stage);
    assert_true(wish.ok);
    assert_non_null(
        strstr(wish.text, "admin_listen: found 127.0.0.1:9, but none is in use: needs a restart"));
    assert_non_null(
        strstr(wish.text, "data_dir: found other, but data is in use: needs a restart"));
    assert_null(strstr(wish.text, "workers"));
    assert_int_equal(du_engine_drain_ms(stage.engine), 3000);
    stage_says(&stage, "/", "two");
    stage_end(&stage);
}

/* --- old ones --- */

static const char gate[] = "app:get('/wait', function(req) while not dunite.records:get('gate', "
                           "'open') do dunite.clock.sleep(5) end return answer.text('old') end)";
static const char key[] =
    "app:get('/open', function() dunite.records:put('gate', 'open', 'y') return answer.text('yes') "
    "end)" SAYS("new");

static void what_waits_goes_on_in_the_old_one_which_tells_what_holds_it(void **state) {
    (void)state;
    struct stage stage;
    struct asker asker;
    stage_write(&stage, "", gate);
    assert_int_equal(stage_start(&stage), DU_OK);
    asker_begin(&asker, &stage, "/wait");
    UNTIL(!du_engine_idle(stage.engine));
    stage_rewrite(&stage, "", key);
    stage_reload_fine(&stage);
    stage_says(&stage, "/", "new");
    UNTIL(stage_generations(&stage).old == 1);
    UNTIL(strstr(stage_generations(&stage).held_by, "GET /wait for ") != NULL);
    stage_says(&stage, "/open", "yes");
    asker_says(&asker, "\r\n\r\nold");
    UNTIL(stage_generations(&stage).old == 0);
    stage_end(&stage);
}

/* A flight of the old generation: its cohort gets its one result, and none of the new joins it. */
static void a_flight_in_mid_air_ends_for_its_whole_cohort(void **state) {
    (void)state;
    static const char fly[] =
        "app:get('/fly', function() local lease <close> = app.limits.held:acquire('ada') "
        "local value, problem = app.flights.slow:run('key', function() "
        "dunite.count 'operations' "
        "while not dunite.records:get('gate', 'open') do dunite.clock.sleep(5) end %s end) "
        "return answer.text(value or problem.variant) end)";
    struct stage stage;
    struct asker askers[6];
    struct du_bytes first, second;
    du_bytes_init(&first);
    du_bytes_init(&second);
    du_bytes_format(&first, fly, "error('old one died')");
    du_bytes_format(&second,
                    "app:get('/fly', function() return answer.text(app.flights.slow:run("
                    "'key', function() return 'new' end)) end)%s",
                    key);
    const char *settings = "limits = { held = {} }, flights = { 'slow' },";
    stage_write(&stage, settings, first.data);
    assert_int_equal(stage_start(&stage), DU_OK);
    struct du_shared *shared = du_engine_shared(stage.engine);
    struct du_single_flight *flights = du_named_flights(shared->named, "slow");
    struct du_limiter *held = du_named_limiter(shared->named, "held");
    for (int i = 0; i < 6; i++)
        asker_begin(&askers[i], &stage, "/fly");
    UNTIL(du_limiter_leases(held) == 6 && du_single_flight_count(flights) == 1);
    stage_rewrite(&stage, settings, second.data);
    stage_reload_fine(&stage);
    assert_ptr_equal(du_named_flights(shared->named, "slow"), flights);
    stage_says(&stage, "/fly", "new");
    assert_int_equal(du_single_flight_count(flights), 1);
    stage_says(&stage, "/open", "yes");
    for (int i = 0; i < 6; i++)
        asker_says(&askers[i], "\r\n\r\nScript");
    UNTIL(stage_generations(&stage).old == 0);
    assert_int_equal(du_single_flight_count(flights), 0);
    assert_int_equal(du_limiter_leases(held), 0);
    du_bytes_deinit(&first);
    du_bytes_deinit(&second);
    stage_end(&stage);
}

/* --- several at once, and too late --- */

static void wishes_that_come_while_one_runs_share_the_next(void **state) {
    (void)state;
    enum { WISHES = 12 };
    struct stage stage;
    struct wish wishes[WISHES];
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    stage_rewrite(&stage, "", SAYS("two"));
    for (int i = 0; i < WISHES; i++)
        wish_begin(&wishes[i], &stage);
    for (int i = 0; i < WISHES; i++) {
        wish_wait(&wishes[i]);
        assert_true(wishes[i].ok);
    }
    assert_true(stage_generations(&stage).current < 1 + WISHES);
    stage_says(&stage, "/", "two");
    stage_end(&stage);
}

static void a_reload_while_it_drains_is_refused(void **state) {
    (void)state;
    struct stage stage;
    stage_write(&stage, "", SAYS("one"));
    assert_int_equal(stage_start(&stage), DU_OK);
    du_engine_drain(stage.engine);
    struct wish wish = stage_reload(&stage);
    assert_false(wish.ok);
    assert_non_null(strstr(wish.text, "drains"));
    stage_end(&stage);
}

/* --- memory --- */

static void a_state_that_ran_out_of_memory_is_replaced(void **state) {
    (void)state;
    struct stage stage;
    stage_write(
        &stage, "budget = { memory = '8MiB' },",
        "local calls = 0 "
        "app:get('/', function() calls = calls + 1 return answer.text(tostring(calls)) end) "
        "app:get('/hog', function() local all = {} for i = 1, 1e9 do "
        "all[i] = ('x'):rep(1000) .. i end end)");
    struct du_engine_options options = {
        .folder = stage.folder, .quiet = true, .overrides = "{\"workers\":1}"};
    assert_int_equal(du_engine_start(&stage.engine, &options, &stage.findings, &stage.error),
                     DU_OK);
    stage_says(&stage, "/", "1");
    stage_says(&stage, "/", "2");
    /* What the state is made of stays, whatever became of the files. */
    stage_file(&stage, "dunite.lua", "no Lua at all");
    struct du_bytes answer = stage_get(&stage, "/hog");
    assert_non_null(strstr(answer.data, "HTTP/1.1 503 "));
    du_bytes_deinit(&answer);
    for (bool replaced = false; !replaced;) {
        answer = stage_get(&stage, "/");
        assert_non_null(strstr(answer.data, "HTTP/1.1 200 "));
        replaced = strstr(answer.data, "\r\n\r\n1") != NULL;
        du_bytes_deinit(&answer);
    }
    assert_int_equal(stage_generations(&stage).current, 1);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_generation_serves),
        cmocka_unit_test(a_wrong_one_changes_nothing_and_says_why),
        cmocka_unit_test(a_folder_that_vanished_is_told_and_harms_nobody),
        cmocka_unit_test(specs_that_fail_keep_the_old_and_are_shown),
        cmocka_unit_test(specs_that_pass_let_it_in),
        cmocka_unit_test(specs_that_take_too_long_are_ended),
        cmocka_unit_test(a_stop_cuts_short_the_specs),
        cmocka_unit_test(without_a_program_specs_cannot_be_wanted),
        cmocka_unit_test(a_changed_limit_applies_at_once_and_counts_are_kept),
        cmocka_unit_test(a_secret_is_read_again_and_its_upstream_made_anew),
        cmocka_unit_test(what_no_reload_changes_is_told),
        cmocka_unit_test(what_waits_goes_on_in_the_old_one_which_tells_what_holds_it),
        cmocka_unit_test(a_flight_in_mid_air_ends_for_its_whole_cohort),
        cmocka_unit_test(wishes_that_come_while_one_runs_share_the_next),
        cmocka_unit_test(a_reload_while_it_drains_is_refused),
        cmocka_unit_test(a_state_that_ran_out_of_memory_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
