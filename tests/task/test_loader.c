/* require: where modules come from, in which order, and what is refused. */

#include "fixture.h"
#include "loader.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

static struct du_loader loader;
static char root[] = "/tmp/dunite-loader-XXXXXX", folder[64], scripts[64];

static void file(const char *in, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", in, name);
    for (char *slash = strchr(path + strlen(in) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static int set_up_loader(void **state) {
    set_up(state);
    struct fixture *fixture = *state;
    strcpy(root + strlen(root) - 6, "XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(folder, sizeof folder, "%s/deployment", root);
    snprintf(scripts, sizeof scripts, "%s/scripts", root);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(scripts, 0700), 0);
    loader = (struct du_loader){.deployment = folder,
                                .scripts = scripts,
                                .sources = du_sources_new(),
                                .embedded = du_embedded_scripts,
                                .embedded_count = du_embedded_script_count};
    du_loader_open(fixture->L, &loader);
    return 0;
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *where) {
    (void)found, (void)type, (void)where;
    return remove(path);
}

static int tear_down_loader(void **state) {
    du_sources_unref(&loader.sources);
    assert_int_equal(nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    return tear_down(state);
}

static int open_native(lua_State *L) {
    assert_string_equal(lua_tostring(L, 2), ":preload:");
    lua_pushfstring(L, "native %s", lua_tostring(L, 1));
    return 1;
}

static void a_module_is_found_in_the_deployment_then_scripts_then_embedded(void **state) {
    struct fixture *fixture = *state;
    file(folder, "a.lua", "return 'deployment'");
    file(scripts, "a.lua", "return 'scripts'");
    file(scripts, "b.lua", "return 'scripts'");
    file(scripts, "embedded/greeting.lua", "return 'edited copy'");
    run(fixture,
        "return require 'a', require 'b', require 'embedded.greeting', require 'embedded'");
    assert_returned(fixture, "deployment scripts edited copy embedded init ");
}

static void what_c_preloaded_comes_before_all(void **state) {
    struct fixture *fixture = *state;
    du_loader_preload(fixture->L, "a", open_native);
    file(folder, "a.lua", "return 'deployment'");
    run(fixture, "return require 'a'");
    assert_returned(fixture, "native a ");
}

static void dots_are_folders_and_a_folder_has_an_init(void **state) {
    struct fixture *fixture = *state;
    file(folder, "x/y.lua", "return (...)");
    file(folder, "z/init.lua", "return select(2, ...)");
    run(fixture, "note(require 'x.y') note(require 'z')");
    assert_returned(fixture, "");
    assert_contains(fixture->notes, "x.y /tmp/dunite-loader-");
    assert_contains(fixture->notes, "/deployment/z/init.lua ");
}

static void a_module_runs_once_and_nothing_returned_is_true(void **state) {
    struct fixture *fixture = *state;
    file(folder, "m.lua", "note 'ran' return {}");
    file(folder, "n.lua", "note 'ran too'");
    run(fixture, "return require 'm' == require 'm', require 'n', require 'n'");
    assert_returned(fixture, "true true true ");
    assert_string_equal(fixture->notes, "ran ran too ");
}

static void libraries_can_be_required_as_they_are(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return require 'string' == string, pcall(require, 'io')");
    assert_contains(fixture->outcome.results, "true false module 'io' not found:");
}

static void a_missing_module_is_told_with_all_places(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "require 'no.such'");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    const char *told = fixture->outcome.traceback;
    assert_contains(told, "test.lua:1: module 'no.such' not found:\n\tno file '/tmp/");
    assert_contains(told, "/deployment/no/such.lua'");
    assert_contains(told, "/scripts/no/such/init.lua'");
    assert_contains(told, "no script of the program's 'no/such/init.lua'");
}

static void names_that_would_leave_a_folder_are_refused(void **state) {
    struct fixture *fixture = *state;
    file(root, "outside.lua", "return 'outside'");
    run(fixture,
        "for _, name in ipairs { '..outside', '/etc/passwd', '../outside', 'a..b', '', '.a', "
        "'a.', 'a/b', 'a\\0b', 'a b' } do\n"
        "  local ok, e = pcall(require, name) note(ok) note(e:find 'is no module' ~= nil) end");
    assert_returned(fixture, "");
    assert_string_equal(fixture->notes, "false true false true false true false true false true "
                                        "false true false true false true false true false true ");
}

static void bytecode_is_refused(void **state) {
    struct fixture *fixture = *state;
    file(folder, "binary.lua", "\033LuaT");
    run(fixture, "require 'binary'");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message, "attempt to load a binary chunk");
}

static void errors_say_the_file(void **state) {
    struct fixture *fixture = *state;
    file(folder, "bad.lua", "return\nreturn )");
    file(folder, "raises.lua", "\n\nerror 'on load'");
    run(fixture, "require 'bad'");
    assert_contains(fixture->outcome.error.message, "deployment/bad.lua:2: ");
    run(fixture, "require 'raises'");
    assert_contains(fixture->outcome.error.message, "deployment/raises.lua:3: on load");
    run(fixture, "require 'embedded.raises'");
    assert_string_equal(fixture->outcome.error.message,
                        "dunite:scripts/embedded/raises.lua:2: from the program");
}

static void a_cycle_is_told_with_its_chain(void **state) {
    struct fixture *fixture = *state;
    file(folder, "first.lua", "return require 'a'");
    file(folder, "a.lua", "return require 'b'");
    file(folder, "b.lua", "return require 'c'");
    file(folder, "c.lua", "return require 'a'");
    run(fixture, "require 'first'");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message, "module 'a' requires itself: a -> b -> c -> a");
    file(folder, "own.lua", "return require 'own'");
    run(fixture, "require 'own'");
    assert_contains(fixture->outcome.error.message, "requires itself: own -> own");
}

static void a_module_that_failed_may_be_required_again(void **state) {
    struct fixture *fixture = *state;
    file(folder, "tries.lua", "return { 0 }");
    file(folder, "m.lua",
         "local tries = require 'tries' tries[1] = tries[1] + 1 "
         "if tries[1] == 1 then error 'not yet' end return 'now'");
    run(fixture, "note(pcall(require, 'm'))");
    assert_string_equal(fixture->notes, "false ");
    run(fixture, "return require 'm'");
    assert_returned(fixture, "now ");
}

static void what_was_read_once_stays_as_it_was(void **state) {
    struct fixture *fixture = *state;
    file(folder, "m.lua", "error 'as it was'");
    run(fixture, "note(pcall(require, 'm')) note(pcall(require, 'none'))");
    file(folder, "m.lua", "return 'as it is'");
    file(folder, "none.lua", "return 'as it is'");
    run(fixture, "local _, first = pcall(require, 'm') local _, second = pcall(require, 'none') "
                 "return first:match 'as it %w+', second:match 'not found'");
    assert_returned(fixture, "as it was not found ");
}

static void a_first_line_that_begins_with_a_hash_is_passed_over(void **state) {
    struct fixture *fixture = *state;
    file(folder, "m.lua", "#!/usr/bin/lua\nreturn debug.traceback('', 1):match 'm.lua:%d+'");
    file(folder, "only.lua", "# nothing else");
    run(fixture, "return require 'm', require 'only'");
    assert_returned(fixture, "m.lua:2 true ");
}

static void a_module_may_wait_while_it_loads(void **state) {
    struct fixture *fixture = *state;
    file(folder, "slow.lua", "local v = wait() return require 'other' .. v");
    file(folder, "other.lua", "return wait()");
    run(fixture, "return require 'slow'");
    wake(fixture, 0, "slow");
    wake(fixture, 1, "other");
    assert_returned(fixture, "otherslow ");
}

static void a_module_that_another_task_is_loading_is_told_apart_from_a_cycle(void **state) {
    struct fixture *fixture = *state;
    struct outcome other;
    file(folder, "slow.lua", "return wait()");
    run(fixture, "return require 'slow'");
    run_with(fixture, "return require 'slow'", (struct du_task_options){0}, &other);
    assert_int_equal(other.end, DU_TASK_RAISED);
    assert_contains(other.error.message, "is still being loaded by another task");
    wake(fixture, 0, "done");
    assert_returned(fixture, "done ");
    run(fixture, "return require 'slow'");
    assert_returned(fixture, "done ");
}

static void a_load_that_was_cancelled_can_be_tried_again(void **state) {
    struct fixture *fixture = *state;
    file(folder, "slow.lua", "return wait()");
    du_task_cancel(run(fixture, "return require 'slow'"));
    assert_ended(fixture, DU_TASK_CANCELLED, DU_CANCELLED);
    run(fixture, "return require 'slow'");
    wake(fixture, 1, "again");
    assert_returned(fixture, "again ");
}

static void a_cycle_through_a_scripts_coroutine_is_a_cycle_too(void **state) {
    struct fixture *fixture = *state;
    file(folder, "a.lua", "local f = coroutine.wrap(function() require 'b' end) f() f()");
    file(folder, "b.lua", "coroutine.yield() require 'b'");
    run(fixture, "require 'a'");
    assert_contains(fixture->outcome.error.message, "module 'b' requires itself: ");
}

static void embedded_texts_are_byte_for_byte(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return require 'embedded.greeting', #require 'embedded.greeting'");
    assert_returned(fixture, "gr\303\274\303\237 \"dich\" \\n 16 ");
    for (size_t i = 0; i < du_embedded_script_count; i++)
        assert_int_equal(strlen(du_embedded_scripts[i].source), du_embedded_scripts[i].size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define LOADER_RULE(name) cmocka_unit_test_setup_teardown(name, set_up_loader, tear_down_loader)
        LOADER_RULE(a_module_is_found_in_the_deployment_then_scripts_then_embedded),
        LOADER_RULE(what_c_preloaded_comes_before_all),
        LOADER_RULE(dots_are_folders_and_a_folder_has_an_init),
        LOADER_RULE(a_module_runs_once_and_nothing_returned_is_true),
        LOADER_RULE(libraries_can_be_required_as_they_are),
        LOADER_RULE(a_missing_module_is_told_with_all_places),
        LOADER_RULE(names_that_would_leave_a_folder_are_refused),
        LOADER_RULE(bytecode_is_refused),
        LOADER_RULE(errors_say_the_file),
        LOADER_RULE(a_cycle_is_told_with_its_chain),
        LOADER_RULE(a_module_that_failed_may_be_required_again),
        LOADER_RULE(what_was_read_once_stays_as_it_was),
        LOADER_RULE(a_first_line_that_begins_with_a_hash_is_passed_over),
        LOADER_RULE(a_module_may_wait_while_it_loads),
        LOADER_RULE(a_module_that_another_task_is_loading_is_told_apart_from_a_cycle),
        LOADER_RULE(a_load_that_was_cancelled_can_be_tried_again),
        LOADER_RULE(a_cycle_through_a_scripts_coroutine_is_a_cycle_too),
        LOADER_RULE(embedded_texts_are_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
