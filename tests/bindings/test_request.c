/* Requests: from a socket through a Lua dispatch to the reply. */

#include "served.h"

static void an_answer_becomes_a_reply(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  return { status = 201, headers = { ['x-one'] = 'a', ['x-two'] = { 'b', 'c' }, ['x-n'] "
          "= 7 },\n"
          "           body = exchange:method() .. ' ' .. exchange:path() .. ' ' .. "
          "exchange:query() }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/a%20b?x=1", ""));
    ASSERT_SAYS("HTTP/1.1 201 Created\r\n");
    ASSERT_SAYS("x-one: a\r\n");
    ASSERT_SAYS("x-two: b\r\n");
    ASSERT_SAYS("x-two: c\r\n");
    ASSERT_SAYS("x-n: 7\r\n");
    assert_string_equal(answer_body(&answer), "GET /a%20b x=1");
}

static void the_exchange_tells_what_the_request_says(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  eq('first', exchange:header('X-A'))\n"
          "  eq(nil, exchange:header('x-none'))\n"
          "  eq('first,second', table.concat(exchange:headers('x-a'), ','))\n"
          "  eq(0, #exchange:headers('x-none'))\n"
          "  eq('127.0.0.1', exchange:peer())\n"
          "  eq('main', exchange:listener())\n"
          "  assert(exchange:id():find('^%x+$') and #exchange:id() == 16)\n"
          "  local method, path, id, listener = exchange:head()\n"
          "  eq(exchange:method(), method) eq(exchange:path(), path) eq(exchange:id(), id)\n"
          "  eq(exchange:listener(), listener)\n"
          "  last, exchange_of_before = exchange:id(), exchange_of_before or exchange\n"
          "  if exchange ~= exchange_of_before then\n"
          "    raises('this request has ended', exchange_of_before.method, exchange_of_before)\n"
          "  end\n"
          "  eq('hello', exchange:body(5))\n"
          "  eq('hello', exchange:body(5))\n"
          "  local none, problem = exchange:body(4)\n"
          "  eq(nil, none)\n"
          "  eq('Overloaded', problem.variant)\n"
          "  return { status = 200, body = 'fine' }\n"
          "end");
    for (int i = 0; i < 2; i++) {
        site_ask(&site, &answer,
                 "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-A: first\r\nx-a: second\r\n"
                 "Content-Length: 5\r\n\r\nhello");
        ASSERT_SAYS(" 200 ");
        assert_string_equal(answer_body(&answer), "fine");
    }
}

static void a_body_that_is_too_large_is_the_servers_413(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  local body, problem = exchange:body(1 << 30)\n"
          "  native.records:put('t', 'seen', tostring(body))\n"
          "  return { status = 200, body = 'never' }\n"
          "end");
    site_ask(
        &site, &answer,
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\nx");
    ASSERT_SAYS(" 413 ");
}

/* The flight outlives the request, and reads a body that will never be there. */
static void who_waits_for_a_body_when_its_request_ends_is_told(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  native.flights('reports'):run('k', function(publish)\n"
          "    publish(1)\n"
          "    local body, problem = exchange:body(10)\n"
          "    native.records:put('t', 'seen', problem.variant)\n"
          "  end)\n"
          "  raises('is being read already', exchange.body, exchange, 10)\n"
          "  return { status = 200, body = 'early' }\n"
          "end");
    site_ask(&site, &answer,
             "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf");
    assert_string_equal(answer_body(&answer), "early");
    SITE_UNTIL(&site, du_single_flight_count(site.engine.named.reports) == 0);
    worker_do(&site.worker, "eq('Cancelled', native.records:get('t', 'seen'))");
}

static void a_script_that_raises_is_a_500_and_a_log_line_with_the_traceback(void **state) {
    (void)state;
    serve("local function deep() error('the secret reason') end\n"
          "return function() deep() end");
    site_ask(&site, &answer, SITE_GET("/x", ""));
    ASSERT_SAYS(" 500 ");
    ASSERT_SAYS("content-type: application/json\r\n");
    ASSERT_SAYS("{\"error\":{\"code\":\"internal\",\"message\":");
    ASSERT_SAYS("\"meta\":{\"request_id\":\"");
    assert_false(answer_says(&answer, "secret"));
    assert_false(answer_says(&answer, "traceback"));
    assert_true(site_logged(&site, "\"ERROR\"", "the secret reason", "stack traceback", "deep",
                            "\"kind\":\"Script\"", NULL));
    assert_true(site_logged(&site, "\"message\":\"request\"", "\"status\":500", "\"path\":\"/x\"",
                            "\"problem\":\"Script\"", NULL));
}

static void a_raised_problem_keeps_its_status(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  error(setmetatable({ variant = exchange:path():sub(2), message = 'secret' }, "
          "error_meta))\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/Overloaded", ""));
    ASSERT_SAYS(" 503 ");
    ASSERT_SAYS("\"code\":\"unavailable\"");
    site_ask(&site, &answer, SITE_GET("/NotFound", ""));
    ASSERT_SAYS(" 404 ");
    ASSERT_SAYS("\"code\":\"not_found\"");
    site_ask(&site, &answer, SITE_GET("/Timeout", ""));
    ASSERT_SAYS(" 504 ");
    ASSERT_SAYS("\"code\":\"upstream\"");
    assert_false(answer_says(&answer, "secret"));
}

static void a_script_over_its_budget_is_a_500_and_is_counted(void **state) {
    (void)state;
    serve("return function() while true do pcall(error) end end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 500 ");
    assert_true(site_logged(&site, "over budget", NULL));
    worker_do(&site.worker,
              "assert(native.metrics():find('dunite_budget_kills_total 1', 1, true))");
}

static void an_answer_that_is_none_is_a_500_and_the_log_says_why(void **state) {
    (void)state;
    static const struct {
        const char *dispatch, *reason;
    } wrongs[] = {
        {"return function() end", "a handler gave a nil, not an answer"},
        {"return function() return 'x' end", "a handler gave a string"},
        {"return function() return {} end", "status is an integer, not a nil"},
        {"return function() return { status = 99 } end", "200 to 599, not 99"},
        {"return function() return { status = 200, headers = { x = {} , ['a b'] = 'c' } } end",
         "an answer's header"},
        {"return function() return { status = 200, headers = { x = 'a\\r\\nb: c' } } end",
         "an answer's header"},
        {"return function() return { status = 200, headers = { ['content-length'] = '1' } } end",
         "an answer's header"},
        {"return function() return { status = 200, headers = { x = print } } end",
         "a string or a list of strings, not a function"},
        {"return function() return { status = 200, body = 5 } end", "body is a string"},
        {"return function() return { status = 200, source = 5 } end", "Source expected"},
        {"return function() return { status = 200, leases = { 5 } } end", "Lease expected"},
        {"return function() return { status = 200, audit = 5 } end", "AuditEvent expected"},
        {"return function() return { status = 200, etag = 5 } end", "etag is a string"},
        {"return function() return { status = 200, modified = 'x' } end", "modified is seconds"},
    };
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        serve(wrongs[i].dispatch);
        site_ask(&site, &answer, SITE_GET("/", ""));
        ASSERT_SAYS(" 500 ");
        if (!site_logged(&site, wrongs[i].reason, NULL))
            fail_msg("not logged: %s; but %s", wrongs[i].reason, site.log[0]);
        if (i + 1 < sizeof wrongs / sizeof *wrongs)
            site_end(&site);
    }
}

static void the_access_line_and_the_metrics_tell_all_of_it(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  exchange:route('/things/:id')\n"
          "  exchange:member('ada')\n"
          "  exchange:client('192.0.2.7')\n"
          "  native.log('info', 'a line of its own')\n"
          "  return { status = 404, body = 'none',\n"
          "           problem = setmetatable({ variant = 'NotFound' }, error_meta) }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/things/1?secret=x", ""));
    assert_true(site_logged(&site, "\"message\":\"request\"", "\"method\":\"GET\"",
                            "\"path\":\"/things/1\"", "\"status\":404", "\"bytes\":4",
                            "\"ms\":", "\"member\":\"ada\"", "\"client\":\"192.0.2.7\"",
                            "\"route\":\"/things/:id\"", "\"problem\":\"NotFound\"",
                            "\"end\":\"completed\"", "\"request_id\":\"", NULL));
    assert_true(site_logged(&site, "a line of its own", "\"request_id\":\"", NULL));
    assert_false(site_logged(&site, "secret", NULL));
    worker_do(&site.worker,
              "local text = native.metrics()\n"
              "for _, line in ipairs {\n"
              "  'dunite_requests_total{route=\"/things/:id\",method=\"GET\",code=\"404\"} 1',\n"
              "  'dunite_request_seconds_count{route=\"/things/:id\"} 1',\n"
              "  'dunite_errors_total{kind=\"NotFound\"} 1',\n"
              "  'dunite_response_bytes_total 4',\n"
              "} do assert(text:find(line, 1, true), text) end");
}

static void what_no_script_saw_is_logged_and_counted(void **state) {
    (void)state;
    serve("return function() error('never') end");
    site_ask(&site, &answer, "GET / HTTP/1.1\r\n\r\n");
    ASSERT_SAYS(" 400 ");
    assert_true(site_logged(&site, "request refused", "\"status\":400", "\"reason\":\"", NULL));
    worker_do(&site.worker,
              "assert(native.metrics():find('dunite_refused_total{code=\"400\"} 1', 1, true))");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(an_answer_becomes_a_reply),
        SERVED(the_exchange_tells_what_the_request_says),
        SERVED(a_body_that_is_too_large_is_the_servers_413),
        SERVED(who_waits_for_a_body_when_its_request_ends_is_told),
        SERVED(a_script_that_raises_is_a_500_and_a_log_line_with_the_traceback),
        SERVED(a_raised_problem_keeps_its_status),
        SERVED(a_script_over_its_budget_is_a_500_and_is_counted),
        SERVED(an_answer_that_is_none_is_a_500_and_the_log_says_why),
        SERVED(the_access_line_and_the_metrics_tell_all_of_it),
        SERVED(what_no_script_saw_is_logged_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
