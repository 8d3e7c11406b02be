/* scripts/dunite/meta/native.lua describes what is registered: no more, no less. */

#include "rig.h"

#include <lauxlib.h>

static void what_is_described_is_registered_and_no_more(void **state) {
    (void)state;
    struct worker worker;
    worker_start(&worker, NULL, 0);
    lua_pushstring(worker.L, DU_SCRIPTS "/dunite/meta/native.lua");
    lua_setglobal(worker.L, "META");
    struct outcome outcome;
    assert_int_equal(luaL_loadfile(worker.L, DU_LUA_TESTS "/compare_meta.lua"), LUA_OK);
    worker_begin_top(&worker, DU_PHASE_REQUEST, &outcome);
    assert_string_equal(outcome.error.message, "");
    assert_string_equal(outcome.result, "");
    worker_end(&worker);
}

/* Names are fine, use raises: `dunite check` loads a deployment without an engine. */
static void while_only_checking_names_work_and_use_raises(void **state) {
    (void)state;
    struct worker worker;
    worker_start(&worker, NULL, 0);
    worker_do(
        &worker,
        "local flights, limiter = native.flights 'a', native.limiter 'b'\n"
        "local upstream, cache = native.upstream 'c', native.cache\n"
        "assert(upstream:name() == 'c' and native.json.encode {} == '{}')\n"
        "local uses = {\n"
        "  function() flights:run('k', print) end,\n"
        "  function() limiter:acquire('ada', 1, 1) end,\n"
        "  function() upstream:url() end,\n"
        "  function() upstream:fetch { url = '/' } end,\n"
        "  function() cache:open { name = 'a' } end,\n"
        "  function() native.records:get('a', 'b') end,\n"
        "  function() native.members:find('a') end,\n"
        "  function() native.members:verify('a', 'b', 'c') end,\n"
        "  function() native.keys:jwks() end,\n"
        "  function() native.audit:open { kind = 'pull' } end,\n"
        "  function() native.rate('a', 'b', 1) end,\n"
        "  function() native.metrics() end,\n"
        "  function() native.health() end,\n"
        "}\n"
        "for i, use in ipairs(uses) do\n"
        "  local fine, raised = pcall(use)\n"
        "  assert(not fine and raised:find('only being checked', 1, true), i .. tostring(raised))\n"
        "end\n");
    worker_end(&worker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_described_is_registered_and_no_more),
        cmocka_unit_test(while_only_checking_names_work_and_use_raises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
