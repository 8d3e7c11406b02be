/* Leases and audit events: whatever becomes of a request, they end, and as they should. */

#include "audit.h"
#include "served.h"

struct trail {
    int rows;
    char event[32], reason[64]; /* of the last */
};

static bool note_row(void *user, const struct du_audit_row *row) {
    struct trail *trail = user;
    trail->rows++;
    snprintf(trail->event, sizeof trail->event, "%s", row->event);
    snprintf(trail->reason, sizeof trail->reason, "%s", row->reason);
    return true;
}

/* "requested", and this end. */
static void outcome_is(const char *event, const char *reason) {
    struct du_audit_filter all = {0};
    struct trail trail = {0};
    assert_int_equal(du_ledger_flush(site.engine.journal), DU_OK);
    assert_int_equal(du_audit_read(site.engine.journal, &all, note_row, &trail, NULL), DU_OK);
    assert_int_equal(trail.rows, 2);
    assert_string_equal(trail.event, event);
    assert_string_equal(trail.reason, reason);
}

#define HOLDING                                                                                    \
    "local lease = native.limiter('downloads'):acquire('ada', -1, 10)\n"                           \
    "local event = native.audit:open { kind = 'download', member = 'ada' }\n"

static void what_the_answer_took_ends_with_the_exchange(void **state) {
    (void)state;
    serve("return function()\n" HOLDING
          "  return { status = 200, body = 'hello', leases = { lease }, audit = event }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 1);
    outcome_is("completed", "");
}

static void what_it_did_not_take_ends_with_the_task(void **state) {
    (void)state;
    serve("return function()\n" HOLDING "  event:close('denied', 'because', 0)\n"
          "  kept = lease\n" /* not even a reference keeps it */
          "  return { status = 200, body = 'hello' }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 1);
    outcome_is("denied", "because");
    worker_do(&site.worker, "kept:release() kept = nil collectgarbage()");
}

static void a_collection_does_not_end_what_the_task_holds(void **state) {
    (void)state;
    serve("return function()\n"
          "  native.limiter('downloads'):acquire('ada', 1, -1)\n"
          "  collectgarbage() collectgarbage()\n"
          "  eq(1, (native.limiter('downloads'):look('ada')))\n"
          "  return { status = 204 }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 204 ");
    assert_int_equal(running(), 0);
}

static void children_hold_for_their_parent(void **state) {
    (void)state;
    serve("return function()\n"
          "  native.all { function() native.limiter('downloads'):acquire('ada', 1, -1) end }\n"
          "  collectgarbage()\n"
          "  eq(1, (native.limiter('downloads'):look('ada')))\n"
          "  return { status = 204 }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 204 ");
    assert_int_equal(running(), 0);
}

static void a_script_that_dies_is_not_charged(void **state) {
    (void)state;
    serve("return function()\n" HOLDING "  error('dead')\nend");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 500 ");
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 0);
    outcome_is("failed", "Script");
}

static void an_error_that_is_ours_or_upstreams_is_not_charged(void **state) {
    (void)state;
    serve("return function()\n" HOLDING
          "  return { status = 502, body = '', audit = event, leases = { lease },\n"
          "           problem = setmetatable({ variant = 'Transport' }, error_meta) }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_int_equal(counted(), 0);
    outcome_is("failed_upstream", "");
}

static void an_error_whose_answer_took_no_lease_is_not_charged_either(void **state) {
    (void)state;
    serve(
        "return function()\n" HOLDING "  event:close('failed_upstream', 'x', 0)\n"
        "  return { status = 502, problem = setmetatable({ variant = 'Transport' }, error_meta) }\n"
        "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 0);
}

static void a_wait_that_took_too_long_is_charged(void **state) {
    (void)state;
    serve("return function()\n" HOLDING
          "  return { status = 504, audit = event, leases = { lease },\n"
          "           problem = setmetatable({ variant = 'WaitTimeout' }, error_meta) }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_int_equal(counted(), 1);
}

static void what_the_script_does_not_end_is_noted_as_such(void **state) {
    (void)state;
    serve("return function()\n" HOLDING "  return { status = 200 }\nend");
    site_ask(&site, &answer, SITE_GET("/", ""));
    outcome_is("aborted", "the script did not end it");
}

static void a_client_that_leaves_while_the_script_waits_ends_it(void **state) {
    (void)state;
    serve("return function()\n" HOLDING "  local _, raised = pcall(gate)\n"
          "  native.records:put('t', 'raised', raised.variant)\n"
          "  error(raised)\n"
          "end");
    site_send(&site, &answer, SITE_GET("/", ""));
    while (!gate_is_waited_at(&site.worker))
        site_take(&site, &answer);
    assert_int_equal(running(), 1);
    site_leave(&answer);
    SITE_UNTIL(&site, du_bindings_owed(&site.worker.context).requests == 0);
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 1);
    assert_false(gate_is_waited_at(&site.worker));
    worker_do(&site.worker, "eq('Cancelled', native.records:get('t', 'raised'))");
    outcome_is("aborted", "");
    assert_true(site_logged(&site, "\"end\":\"aborted\"", "\"status\":499", NULL));
}

static void a_client_that_leaves_while_its_children_wait_ends_them(void **state) {
    (void)state;
    serve("return function()\n"
          "  native.all { gate, function() native.clock.sleep(1000000) end,\n"
          "    function() native.limiter('downloads'):acquire('ada', 0, -1, { wait = 1000000 }) "
          "end }\n"
          "end");
    site_send(&site, &answer, SITE_GET("/", ""));
    while (!gate_is_waited_at(&site.worker))
        site_take(&site, &answer);
    site_leave(&answer);
    SITE_UNTIL(&site, du_bindings_owed(&site.worker.context).requests == 0);
    assert_false(gate_is_waited_at(&site.worker));
    assert_int_equal(du_tasks_alive(site.worker.context.tasks), 0);
}

#define FETCHING                                                                                   \
    "return function()\n" HOLDING                                                                  \
    "  local source, problem = native.cache:open { name = 'a', version = '1', url = '/a',\n"       \
    "    upstream = native.upstream 'origin' }\n"                                                  \
    "  if not source then return { status = 502, problem = problem, leases = { lease } } end\n"    \
    "  return { status = 200, source = source, leases = { lease }, audit = event }\n"              \
    "end"

static void assert_broken_body_is_not_charged(void) {
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello";
    site.upstream_holds = true;
    site_send(&site, &answer, SITE_GET("/", ""));
    while (!answer_says(&answer, "Content-Length: 1000\r\n"))
        site_take(&site, &answer);
    ASSERT_SAYS(" 200 ");
    assert_int_equal(running(), 1);
    close(site.upstream_held);
    site.upstream_holds = false; /* it breaks again each time that it is asked to go on */
    while (!answer.closed) {
        site_advance(&site, 100);
        site_take(&site, &answer);
    }
    site_finish(&site, &answer);
    assert_true(site.upstream_asked > 1);
    assert_int_equal(running(), 0);
    assert_int_equal(counted(), 0);
    outcome_is("failed_upstream", "Transport");
    assert_true(
        site_logged(&site, "\"end\":\"broken\"", "\"problem\":\"Transport\"", "\"WARN\"", NULL));
}

static void a_fill_that_breaks_breaks_the_answer_and_is_not_charged(void **state) {
    (void)state;
    serve(FETCHING);
    assert_broken_body_is_not_charged();
}

static void neither_is_a_passage_that_breaks(void **state) {
    (void)state;
    serve(FETCHING);
    du_index_limit(site.engine.index, 4, 0);
    assert_broken_body_is_not_charged();
}

/* Each allocation of a request fails in turn. */
static void out_of_memory_a_request_is_refused_and_nothing_is_lost(void **state) {
    (void)state;
    serve(
        "return function(exchange)\n" HOLDING "  exchange:route('/x') exchange:member('ada')\n"
        "  local digest, problem = native.cache:store('0123456789')\n"
        "  if not digest then return { status = problem.variant == 'Memory' and 503 or 500 } end\n"
        "  local source, missing = native.cache:open { digest = digest }\n"
        "  if not source then return { status = 503 } end\n"
        "  return { status = 200, source = source, leases = { lease }, audit = event }\n"
        "end");
    int fine = 0;
    for (int n = 0; n < 200 && fine < 3; n++) {
        du_mem_fail_after(n);
        site_ask(&site, &answer, SITE_GET("/", "Range: bytes=1-2\r\n"));
        du_mem_fail_after(-1);
        bool partial = answer_says(&answer, " 206 ");
        fine = partial ? fine + 1 : 0;
        assert_true(partial || answer.size == 0 || answer_says(&answer, " 503 "));
        assert_int_equal(running(), 0);
        assert_int_equal(du_bindings_owed(&site.worker.context).requests, 0);
    }
    assert_int_equal(fine, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(what_the_answer_took_ends_with_the_exchange),
        SERVED(what_it_did_not_take_ends_with_the_task),
        SERVED(a_collection_does_not_end_what_the_task_holds),
        SERVED(children_hold_for_their_parent),
        SERVED(a_script_that_dies_is_not_charged),
        SERVED(an_error_that_is_ours_or_upstreams_is_not_charged),
        SERVED(an_error_whose_answer_took_no_lease_is_not_charged_either),
        SERVED(a_wait_that_took_too_long_is_charged),
        SERVED(what_the_script_does_not_end_is_noted_as_such),
        SERVED(a_client_that_leaves_while_the_script_waits_ends_it),
        SERVED(a_client_that_leaves_while_its_children_wait_ends_them),
        SERVED(a_fill_that_breaks_breaks_the_answer_and_is_not_charged),
        SERVED(neither_is_a_passage_that_breaks),
        SERVED(out_of_memory_a_request_is_refused_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
