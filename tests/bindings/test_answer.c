/* Answers from the cache and from upstream: ranges, conditions, Cache-Status. */

#include "served.h"

#define STORED                                                                                     \
    "local digest = native.sha256('0123456789')\n"                                                 \
    "return function()\n"                                                                          \
    "  native.cache:store('0123456789')\n"                                                         \
    "  return { status = 200, source = native.cache:open { digest = digest }, etag = '\"v1\"',\n"  \
    "           modified = 1700000000, headers = { ['content-type'] = 'text/plain' } }\n"          \
    "end"

static void a_stored_blob_is_sent_and_says_that_it_was_a_hit(void **state) {
    (void)state;
    serve(STORED);
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 200 ");
    ASSERT_SAYS("Cache-Status: dunite; hit\r\n");
    ASSERT_SAYS("Accept-Ranges: bytes\r\n");
    ASSERT_SAYS("ETag: \"v1\"\r\n");
    ASSERT_SAYS("Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n");
    ASSERT_SAYS("Content-Length: 10\r\n");
    assert_string_equal(answer_body(&answer), "0123456789");
    assert_true(site_logged(&site, "\"cache\":\"hit\"", "\"bytes\":10", NULL));
}

static void a_range_gets_its_part_and_an_impossible_one_is_told_the_length(void **state) {
    (void)state;
    serve(STORED);
    site_ask(&site, &answer, SITE_GET("/", "Range: bytes=2-4\r\n"));
    ASSERT_SAYS(" 206 ");
    ASSERT_SAYS("Content-Range: bytes 2-4/10\r\n");
    assert_string_equal(answer_body(&answer), "234");
    site_ask(&site, &answer, SITE_GET("/", "Range: bytes=10-\r\n"));
    ASSERT_SAYS(" 416 ");
    ASSERT_SAYS("Content-Range: bytes */10\r\n");
    assert_string_equal(answer_body(&answer), "");
    site_ask(&site, &answer, SITE_GET("/", "Range: bytes=2-4\r\nIf-Range: \"old\"\r\n"));
    ASSERT_SAYS(" 200 ");
    assert_string_equal(answer_body(&answer), "0123456789");
}

static void conditions_are_dealt_with(void **state) {
    (void)state;
    serve(STORED);
    site_ask(&site, &answer, SITE_GET("/", "If-None-Match: \"v0\", \"v1\"\r\n"));
    ASSERT_SAYS(" 304 ");
    ASSERT_SAYS("ETag: \"v1\"\r\n");
    assert_string_equal(answer_body(&answer), "");
    site_ask(&site, &answer, SITE_GET("/", "If-Match: \"v0\"\r\n"));
    ASSERT_SAYS(" 412 ");
    site_ask(&site, &answer, SITE_GET("/", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"));
    ASSERT_SAYS(" 304 ");
    site_ask(&site, &answer, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ASSERT_SAYS(" 200 ");
    ASSERT_SAYS("Content-Length: 10\r\n");
    assert_string_equal(answer_body(&answer), "");
}

static void conditions_change_a_200_only(void **state) {
    (void)state;
    serve("return function(exchange)\n"
          "  return { status = tonumber(exchange:path():sub(2)), body = 'x', etag = '\"v1\"' }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/200", "If-None-Match: \"v1\"\r\n"));
    ASSERT_SAYS(" 304 ");
    site_ask(&site, &answer, SITE_GET("/404", "If-None-Match: \"v1\"\r\n"));
    ASSERT_SAYS(" 404 ");
    assert_string_equal(answer_body(&answer), "x");
}

static void a_HEAD_without_a_source_is_told_the_length(void **state) {
    (void)state;
    serve("return function() return { status = 200, length = 12345, body = '' } end");
    site_ask(&site, &answer, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ASSERT_SAYS("Content-Length: 12345\r\n");
}

static void a_source_that_an_answer_has_taken_is_closed(void **state) {
    (void)state;
    serve("local kept\n"
          "return function()\n"
          "  if kept then raises('this source is closed', kept.size, kept) return { status = 204 } "
          "end\n"
          "  kept = native.cache:open { digest = native.cache:store('0123456789') }\n"
          "  return { status = 200, source = kept }\n"
          "end");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 200 ");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 204 ");
}

#define FETCHING                                                                                   \
    "return function()\n"                                                                          \
    "  local lease = native.limiter('downloads'):acquire('ada', -1, 10)\n"                         \
    "  local source, problem = native.cache:open { name = 'a', version = '1', url = '/a',\n"       \
    "    upstream = native.upstream 'origin' }\n"                                                  \
    "  if not source then return { status = 502, problem = problem, leases = { lease } } end\n"    \
    "  return { status = 200, source = source, leases = { lease } }\n"                             \
    "end"

static void a_fill_streams_and_is_then_a_hit(void **state) {
    (void)state;
    serve(FETCHING);
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS("Cache-Status: dunite; fwd=miss\r\n");
    assert_string_equal(answer_body(&answer), "hello");
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS("Cache-Status: dunite; hit\r\n");
    assert_string_equal(answer_body(&answer), "hello");
    assert_int_equal(site.upstream_asked, 1);
    assert_int_equal(counted(), 2);
}

static void what_has_no_room_passes_through_each_time(void **state) {
    (void)state;
    serve(FETCHING);
    du_index_limit(site.engine.index, 4, 0);
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (int i = 1; i <= 2; i++) {
        site_ask(&site, &answer, SITE_GET("/", ""));
        ASSERT_SAYS(" 200 ");
        ASSERT_SAYS("Cache-Status: dunite; fwd=bypass\r\n");
        assert_string_equal(answer_body(&answer), "hello");
        assert_int_equal(counted(), i);
        assert_int_equal(running(), 0);
    }
    site_ask(&site, &answer, SITE_GET("/", "Range: bytes=1-2\r\n"));
    ASSERT_SAYS("Content-Range: bytes 1-2/5\r\n");
    assert_string_equal(answer_body(&answer), "el");
    site_ask(&site, &answer, SITE_GET("/", "Range: bytes=5-\r\n"));
    ASSERT_SAYS("Content-Range: bytes */5\r\n");
    assert_int_equal(du_index_count(site.engine.index), 0);
}

static void a_script_reads_what_passes_through_once(void **state) {
    (void)state;
    serve("return function()\n"
          "  local function open() return native.cache:open { name = 'a', version = '1', url = "
          "'/a',\n"
          "    size = 5, upstream = native.upstream 'origin' } end\n"
          "  local source, bounded = open(), open()\n"
          "  local none, problem = bounded:read(4)\n"
          "  local text = source:read(5)\n"
          "  raises('this source is closed', source.size, source)\n"
          "  return { status = 200, body = text .. problem.variant }\n"
          "end");
    du_index_limit(site.engine.index, 4, 0);
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_string_equal(answer_body(&answer), "helloOverloaded");
}

/* Whose turn a fill takes is the member's of the request that asks. */
static void of_one_member_so_many_fills_are_up(void **state) {
    (void)state;
    static struct answer second, other;
    serve(
        "return function(exchange)\n"
        "  exchange:member(exchange:query())\n"
        "  local source = native.cache:open { name = exchange:path(), version = '1', url = '/a',\n"
        "    upstream = native.upstream 'origin' }\n"
        "  return { status = 200, source = source }\n"
        "end");
    du_cache_limit(site.engine.shared.cache, 8, 1);
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhello";
    site.upstream_holds = true;
    site_send(&site, &answer, SITE_GET("/a?ada", ""));
    SITE_UNTIL(&site, site.upstream_asked == 1);
    int first_held = site.upstream_held;
    site_send(&site, &second, SITE_GET("/b?ada", ""));
    SITE_UNTIL(&site, du_bindings_owed(&site.worker.context).requests == 2);
    site_send(&site, &other, SITE_GET("/c?bob", ""));
    SITE_UNTIL(&site, site.upstream_asked == 2);
    while (!answer_says(&other, " 200 "))
        site_take(&site, &other);
    site_take(&site, &second);
    assert_int_equal(second.size, 0);
    site_leave(&second);
    site_leave(&other);
    site_leave(&answer);
    SITE_UNTIL(&site, du_bindings_owed(&site.worker.context).requests == 0);
    close(first_held);
}

static void an_upstream_that_fails_before_is_a_problem_of_its_kind(void **state) {
    (void)state;
    serve(FETCHING);
    site.upstream_answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 502 ");
    assert_true(site_logged(&site, "\"message\":\"request\"", "\"problem\":\"NotFound\"", NULL));
    assert_int_equal(running(), 0);
}

static void a_fetch_gives_status_headers_and_body(void **state) {
    (void)state;
    serve(
        "return function()\n"
        "  local got, problem = native.upstream('origin'):fetch { url = '/x', any_status = true }\n"
        "  assert(got, problem and problem.message)\n"
        "  return { status = got.status, body = got.headers['content-type'] .. got.body }\n"
        "end");
    site.upstream_answer =
        "HTTP/1.1 418 Teapot\r\nContent-Type: t/p\r\nContent-Length: 2\r\n\r\nhi";
    site_ask(&site, &answer, SITE_GET("/", ""));
    ASSERT_SAYS(" 418 ");
    assert_string_equal(answer_body(&answer), "t/phi");
}

static void a_fetch_takes_no_more_than_it_was_told(void **state) {
    (void)state;
    serve("return function()\n"
          "  local got, problem = native.upstream('origin'):fetch { url = '/x', max = 3 }\n"
          "  return { status = 200, body = problem.variant }\n"
          "end");
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore";
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_string_equal(answer_body(&answer), "Upstream");
    site.upstream_answer =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmore\r\n0\r\n\r\n";
    site_ask(&site, &answer, SITE_GET("/", ""));
    assert_string_equal(answer_body(&answer), "Upstream");
    site.upstream_answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nfit";
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVED(a_stored_blob_is_sent_and_says_that_it_was_a_hit),
        SERVED(a_range_gets_its_part_and_an_impossible_one_is_told_the_length),
        SERVED(conditions_are_dealt_with),
        SERVED(conditions_change_a_200_only),
        SERVED(a_HEAD_without_a_source_is_told_the_length),
        SERVED(a_source_that_an_answer_has_taken_is_closed),
        SERVED(a_fill_streams_and_is_then_a_hit),
        SERVED(what_has_no_room_passes_through_each_time),
        SERVED(a_script_reads_what_passes_through_once),
        SERVED(of_one_member_so_many_fills_are_up),
        SERVED(an_upstream_that_fails_before_is_a_problem_of_its_kind),
        SERVED(a_fetch_gives_status_headers_and_body),
        SERVED(a_fetch_takes_no_more_than_it_was_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
