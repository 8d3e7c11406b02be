/* Replies in the making. */

#include "mem.h"
#include "reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static enum du_error_kind add(struct du_reply *reply, const char *name, const char *value) {
    return du_reply_header(reply, name, strlen(name), value, strlen(value), NULL);
}

static void headers_become_finished_lines(void **state) {
    struct du_reply reply;
    (void)state;
    du_reply_init(&reply, 200);
    assert_int_equal(add(&reply, "Content-Type", "text/plain"), DU_OK);
    assert_int_equal(add(&reply, "X-Empty", ""), DU_OK);
    assert_string_equal(reply.headers.data, "Content-Type: text/plain\r\nX-Empty: \r\n");
    du_reply_deinit(&reply);
}

static void a_name_or_value_that_could_smuggle_a_line_is_refused(void **state) {
    static const char *const names[] = {"",     "a b", "a:",  "a\r\nb", "a\n", "\x7f",
                                        "\xc3", "(a)", "a/b", "a\"",    "a\t"};
    static const char *const values[] = {"a\r\nb: c", "a\n", "a\r", "\x01", "\x7f"};
    struct du_reply reply;
    struct du_error error;
    (void)state;
    du_reply_init(&reply, 200);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(add(&reply, names[i], "v"), DU_SCRIPT);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_int_equal(add(&reply, "X", values[i]), DU_SCRIPT);
    assert_int_equal(du_reply_header(&reply, "X", 1, "a\0b", 3, &error), DU_SCRIPT);
    assert_non_null(strstr(error.message, "X"));
    assert_int_equal(reply.headers.size, 0);
    du_reply_deinit(&reply);
}

static void headers_of_the_connection_are_refused(void **state) {
    static const char *const names[] = {"Content-Length", "content-length", "Transfer-Encoding",
                                        "CONNECTION", "Date"};
    struct du_reply reply;
    (void)state;
    du_reply_init(&reply, 200);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(add(&reply, names[i], "1"), DU_SCRIPT);
    assert_int_equal(reply.headers.size, 0);
    du_reply_deinit(&reply);
}

static void no_memory_for_a_header_is_said(void **state) {
    struct du_reply reply;
    struct du_error error;
    (void)state;
    du_reply_init(&reply, 200);
    du_mem_fail_after(0);
    assert_int_equal(du_reply_header(&reply, "X", 1, "y", 1, &error), DU_MEMORY);
    du_mem_fail_after(-1);
    du_reply_deinit(&reply);
}

static int closed;

static void count_close(struct du_body *body) {
    (void)body;
    closed++;
}

static void a_reply_that_is_dropped_closes_its_body_once(void **state) {
    static const struct du_body_type type = {.close = count_close};
    struct du_body body = {.type = &type};
    struct du_reply reply;
    (void)state;
    du_reply_init(&reply, 200);
    reply.body = &body;
    du_reply_deinit(&reply);
    du_reply_deinit(&reply);
    assert_int_equal(closed, 1);
}

static void every_status_has_a_reason(void **state) {
    (void)state;
    assert_string_equal(du_reply_reason(200), "OK");
    assert_string_equal(du_reply_reason(429), "Too Many Requests");
    assert_string_equal(du_reply_reason(431), "Request Header Fields Too Large");
    assert_string_equal(du_reply_reason(299), "Unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_become_finished_lines),
        cmocka_unit_test(a_name_or_value_that_could_smuggle_a_line_is_refused),
        cmocka_unit_test(headers_of_the_connection_are_refused),
        cmocka_unit_test(no_memory_for_a_header_is_said),
        cmocka_unit_test(a_reply_that_is_dropped_closes_its_body_once),
        cmocka_unit_test(every_status_has_a_reason)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
