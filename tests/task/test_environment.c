/* The policy environment: what is there, what is not, and how misuse is told. */

#include "fixture.h"

static void only_what_is_listed_is_there(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "local found = {}\n"
        "for name, value in pairs(_G) do\n"
        "  if type(value) ~= 'table' or value == _G then found[#found + 1] = name\n"
        "  else for inner in pairs(value) do found[#found + 1] = name .. '.' .. inner end end\n"
        "end\n"
        "table.sort(found)\n"
        "for _, name in ipairs(found) do\n"
        "  if not name:find('^math') and not name:find('^utf8') then note(name) end end");
    assert_returned(fixture, "");
    assert_string_equal(
        fixture->notes,
        "_G _VERSION assert collectgarbage coroutine.close coroutine.create coroutine.isyieldable "
        "coroutine.resume coroutine.running coroutine.status coroutine.wrap coroutine.yield "
        "debug.traceback error getmetatable ipairs load next note os.clock os.date os.difftime "
        "os.time pairs pcall print rawequal rawget rawlen rawset select setmetatable string.byte "
        "string.char string.find string.format string.gmatch string.gsub string.len string.lower "
        "string.match string.pack string.packsize string.rep string.reverse string.sub "
        "string.unpack string.upper table.concat table.insert table.move table.pack table.remove "
        "table.sort table.unpack tonumber tostring type wait xpcall ");
}

static void an_undefined_global_raises_with_its_name(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local x = 1\nreturn limts.downloads");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_string_equal(fixture->outcome.error.message, "test.lua:2: undefined global 'limts'");
}

static void a_new_global_raises_with_its_name(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "function helper() end");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message,
                    "test.lua:1: assignment to a new global 'helper'");
}

static void the_metatables_of_globals_and_strings_are_out_of_reach(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return getmetatable(''), getmetatable(_G), pcall(setmetatable, _G, {})");
    assert_returned(fixture, "false false false cannot change a protected metatable ");
}

static void methods_of_strings_work(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return ('x'):upper():rep(3, '-')");
    assert_returned(fixture, "X-X-X ");
}

static void load_takes_text_only(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "local f, e = load('\\27Lua') note(f) note(e)\n"
                 "f, e = load(function() return '\\27Lua' end, 'x', 'bt') note(f)\n"
                 "note(select(2, pcall(load, 'return 1', 'x', 'b')))\n"
                 "return load('return 1')(), load('return x', 'x', 't', {x = 2})(),\n"
                 "  select(2, load('syntax error', '@file.lua'))");
    assert_returned(fixture, "1 2 file.lua:1: syntax error near 'error' ");
    assert_contains(fixture->notes, "nil attempt to load a binary chunk (mode is 't') nil ");
    assert_contains(fixture->notes, "only text is loaded here");
}

static void collectgarbage_only_counts(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "note(collectgarbage('count') > 10) collectgarbage('stop')");
    assert_string_equal(fixture->notes, "true ");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
    assert_contains(fixture->outcome.error.message, "only \"count\" is allowed here");
    run(fixture, "collectgarbage()");
    assert_ended(fixture, DU_TASK_RAISED, DU_SCRIPT);
}

static void rep_is_bounded_and_never_runs_for_long(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "note(#('x'):rep(16 << 20)) note(('').rep('', math.maxinteger) == '')\n"
        "note(('x'):rep(-1) == '') note(('x'):rep(0, 'y') == '') note(('x'):rep(2, ', '))\n"
        "note(pcall(string.rep, 'x', (16 << 20) + 1))\n"
        "note(pcall(string.rep, 'x', math.maxinteger))\n"
        "note(pcall(string.rep, '', math.maxinteger, 'y'))\n"
        "return select(2, pcall(string.rep, 'xy', 16 << 20))");
    assert_returned(fixture, "string.rep: the result would be over 16 MiB ");
    assert_string_equal(fixture->notes, "16777216 true true true x, x false false false ");
}

static void print_goes_where_it_is_told(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "print('a', 1, nil, setmetatable({}, {__tostring = function() return 'mine' end}))");
    assert_returned(fixture, "");
    assert_string_equal(fixture->notes, "a\t1\tnil\tmine ");
    fixture->environment.print = NULL;
    run(fixture, "print('dropped')");
    assert_returned(fixture, "");
}

static void xpcall_calls_its_handler_and_passes_arguments_and_waits(void **state) {
    struct fixture *fixture = *state;
    run(fixture,
        "note(select(2, xpcall(function(a, b) return a + b end, print, 1, 2)))\n"
        "local ok, e = xpcall(function() error('x', 0) end, function(m) return m .. '!' end)\n"
        "note(ok) note(e)\n"
        "note(xpcall(function() end, print))\n"
        "note(pcall(xpcall, print))\n"
        "return xpcall(wait, print)");
    wake(fixture, 0, "woken");
    assert_returned(fixture, "true woken ");
    assert_string_equal(fixture->notes, "3 false x! true false ");
}

static void traceback_is_all_there_is_of_debug(void **state) {
    struct fixture *fixture = *state;
    run(fixture, "return debug.traceback('here')");
    assert_contains(fixture->outcome.results, "here\nstack traceback:");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(only_what_is_listed_is_there),
        RULE(an_undefined_global_raises_with_its_name),
        RULE(a_new_global_raises_with_its_name),
        RULE(the_metatables_of_globals_and_strings_are_out_of_reach),
        RULE(methods_of_strings_work),
        RULE(load_takes_text_only),
        RULE(collectgarbage_only_counts),
        RULE(rep_is_bounded_and_never_runs_for_long),
        RULE(print_goes_where_it_is_told),
        RULE(xpcall_calls_its_handler_and_passes_arguments_and_waits),
        RULE(traceback_is_all_there_is_of_debug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
