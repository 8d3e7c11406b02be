/* URLs: what is taken and what refused, origins, joins, and percent-encoding. */

#include "url.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void parts_are_taken_with_the_schemes_port_and_a_path_at_least(void **state) {
    (void)state;
    struct du_url url;
    assert_int_equal(du_url_parse("HTTPS://Git.Example.com?x=1#frag", &url, NULL), DU_OK);
    assert_string_equal(url.scheme, "https");
    assert_string_equal(url.host, "Git.Example.com");
    assert_string_equal(url.port, "443");
    assert_string_equal(url.path, "/");
    assert_string_equal(url.query, "x=1");
    du_url_deinit(&url);
    assert_int_equal(du_url_parse("http://[::1]:8080/a/b", &url, NULL), DU_OK);
    assert_string_equal(url.host, "[::1]");
    assert_string_equal(url.port, "8080");
    assert_string_equal(url.path, "/a/b");
    assert_null(url.query);
    du_url_deinit(&url);
}

static void what_is_not_plain_http_is_refused_without_repeating_it(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "/secret",
                                      "host/secret",
                                      "ftp://host/secret",
                                      "file:///secret",
                                      "javascript:secret",
                                      "http://",
                                      "http://user:secret@host/",
                                      "http://user@host/secret",
                                      "http://ho st/secret",
                                      "http://host:99999/secret",
                                      "http://host/a\nsecret"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_url url;
        struct du_error error;
        if (du_url_parse(bad[i], &url, &error) != DU_INVALID_URL)
            fail_msg("%s was not refused", bad[i]);
        assert_null(strstr(error.message, "secret"));
        assert_null(url.host);
    }
}

static bool same(const char *a, const char *b) {
    struct du_url one, other;
    assert_int_equal(du_url_parse(a, &one, NULL), DU_OK);
    assert_int_equal(du_url_parse(b, &other, NULL), DU_OK);
    bool result = du_url_same_origin(&one, &other);
    du_url_deinit(&one);
    du_url_deinit(&other);
    return result;
}

static void an_origin_is_scheme_host_and_port(void **state) {
    (void)state;
    assert_true(same("http://host/a", "HTTP://HOST:80/b?c"));
    assert_true(same("https://host", "https://host:443"));
    assert_false(same("http://host", "https://host"));
    assert_false(same("http://host:80", "http://host:8080"));
    assert_false(same("http://host", "http://host.evil"));
    assert_false(same("http://host", "http://ghost"));
}

static void join(const char *base, const char *relative, const char *wanted) {
    char *joined;
    assert_int_equal(du_url_join(base, relative, &joined, NULL), DU_OK);
    assert_string_equal(joined, wanted);
    du_free(joined);
}

static void a_relative_url_is_joined_to_its_base(void **state) {
    (void)state;
    join("http://host/a/b?c", "d", "http://host/a/d");
    join("http://host/a/b", "/d?e", "http://host/d?e");
    join("http://host/a/b", "../../d", "http://host/d");
    join("http://host/a", "?q", "http://host/a?q");
    join("http://host:81/a", "//other:82/x", "http://other:82/x");
    join("http://host/a", "https://other/x#frag", "https://other/x");
    join("http://host/a", "/with space", "http://host/with%20space");
    join("http://host/a", "/with%20space", "http://host/with%20space");
}

static void a_join_that_leads_out_of_http_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"file:///etc/passwd", "ftp://host/x", "gopher://host/x",
                                      "http://user:pw@host/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *joined;
        assert_int_equal(du_url_join("http://host/a", bad[i], &joined, NULL), DU_INVALID_URL);
        assert_null(joined);
    }
}

static bool decode(const char *text, bool segment, const char *wanted) {
    struct du_bytes decoded = {0};
    bool good = du_url_decode(du_slice_of(text), segment, &decoded);
    if (good)
        assert_string_equal(decoded.size > 0 ? decoded.data : "", wanted);
    du_bytes_deinit(&decoded);
    return good;
}

static void escapes_are_decoded_once(void **state) {
    (void)state;
    assert_true(decode("a%20b", true, "a b"));
    assert_true(decode("%2541", true, "%41"));
    assert_true(decode("a+b", true, "a+b"));
    assert_true(decode("", true, ""));
    assert_true(decode("a%2fb", false, "a/b"));
    assert_true(decode("...", true, "..."));
}

static void a_segment_that_would_walk_is_refused(void **state) {
    (void)state;
    assert_false(decode(".", true, ""));
    assert_false(decode("..", true, ""));
    assert_false(decode("%2e%2E", true, ""));
    assert_false(decode("a%2Fb", true, ""));
    assert_false(decode("a%00b", true, ""));
    assert_false(decode("a%00b", false, ""));
    assert_false(decode("%", true, ""));
    assert_false(decode("%4", true, ""));
    assert_false(decode("%zz", true, ""));
}

static void encoding_escapes_all_but_the_unreserved(void **state) {
    (void)state;
    struct du_bytes bytes = {0};
    du_url_encode(&bytes, "aZ09-._~ /?&=%\xc3\xa4", 16);
    assert_string_equal(bytes.data, "aZ09-._~%20%2F%3F%26%3D%25%C3%A4");
    du_bytes_deinit(&bytes);
}

static void short_of_memory_nothing_leaks(void **state) {
    (void)state;
    int64_t live = du_mem_live();
    for (int64_t n = 0;; n++) {
        struct du_url url;
        du_mem_fail_after(n);
        enum du_error_kind kind = du_url_parse("http://host:1/a?b", &url, NULL);
        du_mem_fail_after(-1);
        if (kind == DU_OK) {
            assert_true(n > 0);
            du_url_deinit(&url);
            break;
        }
        assert_int_equal(kind, DU_MEMORY);
    }
    assert_int_equal(du_mem_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_taken_with_the_schemes_port_and_a_path_at_least),
        cmocka_unit_test(what_is_not_plain_http_is_refused_without_repeating_it),
        cmocka_unit_test(an_origin_is_scheme_host_and_port),
        cmocka_unit_test(a_relative_url_is_joined_to_its_base),
        cmocka_unit_test(a_join_that_leads_out_of_http_is_refused),
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(a_segment_that_would_walk_is_refused),
        cmocka_unit_test(encoding_escapes_all_but_the_unreserved),
        cmocka_unit_test(short_of_memory_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
