/* The header parser: what it takes apart, what it refuses, and that it does not matter how bytes
 * come. */

#include "http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 4096 };

static enum du_http1_result parse(struct du_http1 *request, const char *text) {
    du_http1_init(request);
    return du_http1_parse(request, text, strlen(text), MOST);
}

static void assert_span(const char *text, struct du_http1_span span, const char *wanted) {
    assert_int_equal(span.size, strlen(wanted));
    assert_memory_equal(text + span.at, wanted, span.size);
}

static void a_request_is_cut_into_slices(void **state) {
    static const char text[] = "GET /v2/a/blobs/b?ns=x&y HTTP/1.1\r\nHost: h:80\r\nAccept: one\r\n"
                               "accept:\ttwo \t\r\nEmpty:\r\n\r\nREST";
    struct du_http1 request;
    (void)state;
    assert_int_equal(parse(&request, text), DU_HTTP1_DONE);
    assert_int_equal(request.size, sizeof(text) - 1 - 4);
    assert_span(text, request.method, "GET");
    assert_span(text, request.target, "/v2/a/blobs/b?ns=x&y");
    assert_span(text, request.path, "/v2/a/blobs/b");
    assert_span(text, request.query, "ns=x&y");
    assert_span(text, request.host, "h:80");
    assert_int_equal(request.count, 4);
    assert_span(text, request.header[1].name, "Accept");
    assert_span(text, request.header[2].name, "accept");
    assert_span(text, request.header[2].value, "two");
    assert_span(text, request.header[3].value, "");
    assert_true(request.is_1_1 && request.keep_alive && !request.chunked);
    assert_int_equal(request.length, -1);
}

static void it_does_not_matter_how_the_bytes_come(void **state) {
    static const char text[] =
        "\r\nPOST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nX: y\r\n\r\n";
    struct du_http1 whole, bytewise;
    (void)state;
    assert_int_equal(parse(&whole, text), DU_HTTP1_DONE);
    du_http1_init(&bytewise);
    size_t last = sizeof(text) - 1;
    for (size_t size = 1; size < last; size++)
        assert_int_equal(du_http1_parse(&bytewise, text, size, MOST), DU_HTTP1_MORE);
    assert_int_equal(du_http1_parse(&bytewise, text, last, MOST), DU_HTTP1_DONE);
    assert_int_equal(bytewise.size, whole.size);
    assert_int_equal(bytewise.count, whole.count);
    assert_int_equal(bytewise.length, 12);
    assert_memory_equal(bytewise.header, whole.header, whole.count * sizeof(whole.header[0]));
}

static void the_authority_of_an_absolute_target_takes_the_place_of_host(void **state) {
    static const struct {
        const char *target, *path, *query, *host;
    } cases[] = {{"http://other/x?y", "/x", "y", "other"},
                 {"HTTP://other:81/x", "/x", "", "other:81"},
                 {"https://other", "", "", "other"},
                 {"http://other?y", "", "y", "other"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256] = "GET ";
        strcat(strcat(text, cases[i].target), " HTTP/1.1\r\nHost: h\r\n\r\n");
        struct du_http1 request;
        assert_int_equal(parse(&request, text), DU_HTTP1_DONE);
        assert_span(text, request.path, cases[i].path);
        assert_span(text, request.query, cases[i].query);
        assert_span(text, request.header[0].value, cases[i].host);
    }
}

static void a_connection_is_kept_as_version_and_header_say(void **state) {
    static const struct {
        const char *text;
        bool kept;
    } cases[] = {{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
                 {"GET / HTTP/1.1\r\nHost: h\r\nConnection: TE, Close\r\n\r\n", false},
                 {"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
                  "Upgrade: h2c\r\n\r\n",
                  true},
                 {"GET / HTTP/1.0\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct du_http1 request;
        assert_int_equal(parse(&request, cases[i].text), DU_HTTP1_DONE);
        assert_int_equal(request.keep_alive, cases[i].kept);
    }
}

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: h\r\n"

static const struct {
    const char *text;
    int status;
} refusals[] = {
    /* request line */
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /  HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", 505},
    {"GET /a\tb HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http:/// HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET http://u@a/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET / RTSP/1.0\r\n" HOST "\r\n", 400},
    {"GET / http/1.1\r\n" HOST "\r\n", 400},
    {" / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"\nGET / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"FOO / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"get / HTTP/1.1\r\n" HOST "\r\n", 501},
    {"CONNECT a:80 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 204},
    {"GET /\r\n\r\n", 505},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", 505},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"\x16\x03\x01\x02", 0},
    /* host */
    {LINE "\r\n", 400},
    {LINE HOST HOST "\r\n", 400},
    {LINE "Host: a/b\r\n\r\n", 400},
    {LINE "Host: a b\r\n\r\n", 400},
    {LINE "Host: a,b\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
    /* lines and names */
    {LINE HOST ": a\r\n\r\n", 400},
    {LINE HOST "X: a\r\n b\r\n\r\n", 400},
    {LINE HOST "X:\r\n\tb\r\n\r\n", 400},
    {LINE HOST " \r\n\r\n", 400},
    {LINE " X: a\r\n" HOST "\r\n", 400},
    {LINE "Host : h\r\n\r\n", 400},
    {LINE HOST "X\t: a\r\n\r\n", 400},
    {LINE HOST "X y: a\r\n\r\n", 400},
    {LINE HOST "X\r\n\r\n", 400},
    {LINE HOST "X\x80: a\r\n\r\n", 400},
    {LINE HOST "X: a\nY: b\r\n\r\n", 400},
    {LINE HOST "X: a\rY: b\r\n\r\n", 400},
    {LINE HOST "X:\rContent-Length: 9\r\n\r\n", 400},
    {LINE HOST "\n", 400},
    {"GET / HTTP/1.1\n" HOST "\r\n", 400},
    {LINE HOST "X: a\x01\r\n\r\n", 400},
    {LINE HOST "X: a\x7f\r\n\r\n", 400},
    /* lengths */
    {LINE HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {LINE HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
    {LINE HOST "Content-Length: 5, 5\r\n\r\n", 400},
    {LINE HOST "Content-Length: +5\r\n\r\n", 400},
    {LINE HOST "Content-Length: -5\r\n\r\n", 400},
    {LINE HOST "Content-Length: 0x5\r\n\r\n", 400},
    {LINE HOST "Content-Length: 5 5\r\n\r\n", 400},
    {LINE HOST "Content-Length:\r\n\r\n", 400},
    {LINE HOST "Content-Length: 99999999999999999999\r\n\r\n", 400},
    {LINE HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400},
    {LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {LINE HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {LINE HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {LINE HOST "Transfer-Encoding: identity\r\n\r\n", 501},
    {LINE HOST "Transfer-Encoding:\r\n\r\n", 501},
    {LINE HOST "Transfer-Encoding: chunked, identity\r\n\r\n", 400},
    {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {LINE HOST "Expect: the-unexpected\r\n\r\n", 417}};

static void what_could_be_read_two_ways_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct du_http1 request;
        enum du_http1_result result = parse(&request, refusals[i].text);
        if (result != DU_HTTP1_ANSWER || request.status != refusals[i].status)
            fail_msg("case %zu gives %d with %d: %s", i, (int)result, request.status,
                     refusals[i].text);
        assert_non_null(request.reason);
    }
}

static void refusals_do_not_depend_on_how_the_bytes_come(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct du_http1 request;
        enum du_http1_result result = DU_HTTP1_MORE;
        du_http1_init(&request);
        for (size_t size = 1; size <= strlen(refusals[i].text) && result == DU_HTTP1_MORE; size++)
            result = du_http1_parse(&request, refusals[i].text, size, MOST);
        if (result != DU_HTTP1_ANSWER)
            fail_msg("case %zu passes byte by byte: %s", i, refusals[i].text);
    }
}

static void a_nul_is_refused_wherever_it_stands(void **state) {
    static const char good[] = LINE HOST "X: abc\r\n\r\n";
    (void)state;
    for (size_t at = 0; at < sizeof(good) - 1; at++) {
        char text[sizeof(good)];
        memcpy(text, good, sizeof(good));
        text[at] = '\0';
        struct du_http1 request;
        du_http1_init(&request);
        assert_int_equal(du_http1_parse(&request, text, sizeof(good) - 1, MOST), DU_HTTP1_ANSWER);
    }
}

static void a_header_over_the_bound_is_431_and_a_target_414(void **state) {
    static const char line[] = "GET / HTTP/1.1\r\nX: ";
    char text[MOST + 100];
    struct du_http1 request;
    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, line, sizeof(line) - 1);
    du_http1_init(&request);
    assert_int_equal(du_http1_parse(&request, text, MOST - 1, MOST), DU_HTTP1_MORE);
    assert_int_equal(du_http1_parse(&request, text, sizeof(text), MOST), DU_HTTP1_ANSWER);
    assert_int_equal(request.status, 431);
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    du_http1_init(&request);
    assert_int_equal(du_http1_parse(&request, text, sizeof(text), MOST), DU_HTTP1_ANSWER);
    assert_int_equal(request.status, 414);
}

static void a_header_of_exactly_the_bound_passes(void **state) {
    static const char text[] = LINE HOST "\r\n";
    struct du_http1 request;
    (void)state;
    du_http1_init(&request);
    assert_int_equal(du_http1_parse(&request, text, sizeof(text) - 1, sizeof(text) - 1),
                     DU_HTTP1_DONE);
    du_http1_init(&request);
    assert_int_equal(du_http1_parse(&request, text, sizeof(text) - 1, sizeof(text) - 2),
                     DU_HTTP1_ANSWER);
}

static void too_many_headers_are_431(void **state) {
    char text[MOST] = LINE HOST;
    struct du_http1 request;
    (void)state;
    for (int i = 1; i < DU_HTTP1_HEADERS; i++)
        strcat(text, "X: y\r\n");
    size_t size = strlen(text);
    assert_int_equal(parse(&request, strcat(text, "\r\n")), DU_HTTP1_DONE);
    assert_int_equal(request.count, DU_HTTP1_HEADERS);
    strcpy(text + size, "X: y\r\n\r\n");
    assert_int_equal(parse(&request, text), DU_HTTP1_ANSWER);
    assert_int_equal(request.status, 431);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_cut_into_slices),
        cmocka_unit_test(it_does_not_matter_how_the_bytes_come),
        cmocka_unit_test(the_authority_of_an_absolute_target_takes_the_place_of_host),
        cmocka_unit_test(a_connection_is_kept_as_version_and_header_say),
        cmocka_unit_test(what_could_be_read_two_ways_is_refused),
        cmocka_unit_test(refusals_do_not_depend_on_how_the_bytes_come),
        cmocka_unit_test(a_nul_is_refused_wherever_it_stands),
        cmocka_unit_test(a_header_over_the_bound_is_431_and_a_target_414),
        cmocka_unit_test(a_header_of_exactly_the_bound_passes),
        cmocka_unit_test(too_many_headers_are_431)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
