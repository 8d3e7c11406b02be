/* Bytes: growing, escaping, encoding; a failed addition is seen once, at the end. */

#include "bytes.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    static struct du_bytes bytes;
    du_bytes_init(&bytes);
    *state = &bytes;
    return 0;
}

static int tear_down(void **state) {
    du_mem_fail_after(-1);
    du_bytes_deinit(*state);
    return 0;
}

static void data_is_nul_terminated_once_anything_was_added(void **state) {
    struct du_bytes *bytes = *state;
    assert_null(bytes->data);
    du_bytes_add(bytes, NULL, 0);
    assert_string_equal(bytes->data, "");
    for (int i = 0; i < 1000; i++) {
        du_bytes_text(bytes, "abc");
        assert_int_equal(bytes->size, 3 * (i + 1));
        assert_int_equal(bytes->data[bytes->size], 0);
    }
    assert_int_equal(du_bytes_check(bytes), DU_OK);
}

static void clear_empties_and_keeps_the_room(void **state) {
    struct du_bytes *bytes = *state;
    du_bytes_text(bytes, "something");
    size_t room = bytes->room;
    du_bytes_clear(bytes);
    assert_int_equal(bytes->size, 0);
    assert_int_equal(bytes->room, room);
    assert_string_equal(bytes->data, "");
}

static void consume_removes_from_the_front(void **state) {
    struct du_bytes *bytes = *state;
    du_bytes_consume(bytes, 0);
    du_bytes_text(bytes, "header body");
    du_bytes_consume(bytes, 7);
    assert_string_equal(bytes->data, "body");
    du_bytes_consume(bytes, 4);
    assert_string_equal(bytes->data, "");
    assert_int_equal(bytes->size, 0);
}

static void format_takes_any_length(void **state) {
    struct du_bytes *bytes = *state;
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    du_bytes_format(bytes, "%d %s|", 42, text);
    assert_int_equal(bytes->size, 3 + sizeof text - 1 + 1);
    assert_int_equal(bytes->data[bytes->size - 1], '|');
}

static void reserved_room_is_written_then_added(void **state) {
    struct du_bytes *bytes = *state;
    du_bytes_text(bytes, "a");
    char *room = du_bytes_reserve(bytes, 100);
    assert_string_equal(bytes->data, "a");
    memcpy(room, "bcd", 3);
    du_bytes_grew(bytes, 3);
    assert_string_equal(bytes->data, "abcd");
}

static void a_failed_addition_stays_failed_and_the_rest_does_nothing(void **state) {
    struct du_bytes *bytes = *state;
    du_bytes_text(bytes, "kept");
    du_mem_fail_after(0);
    du_bytes_format(bytes, "%0500d", 1);
    du_mem_fail_after(-1);
    du_bytes_text(bytes, "x");
    du_bytes_json(bytes, "x", 1);
    du_bytes_hex(bytes, "x", 1);
    du_bytes_base64url(bytes, "x", 1);
    assert_null(du_bytes_reserve(bytes, 1));
    assert_int_equal(du_bytes_check(bytes), DU_MEMORY);
    assert_string_equal(bytes->data, "kept");
    du_bytes_clear(bytes);
    du_bytes_text(bytes, "anew");
    assert_int_equal(du_bytes_check(bytes), DU_OK);
    assert_string_equal(bytes->data, "anew");
}

static void the_first_allocation_may_fail(void **state) {
    struct du_bytes *bytes = *state;
    du_mem_fail_after(0);
    du_bytes_text(bytes, "x");
    assert_null(bytes->data);
    assert_int_equal(du_bytes_check(bytes), DU_MEMORY);
}

static void an_absurd_size_fails_and_does_not_wrap(void **state) {
    struct du_bytes *bytes = *state;
    assert_null(du_bytes_reserve(bytes, SIZE_MAX));
    du_bytes_clear(bytes);
    du_bytes_hex(bytes, "x", SIZE_MAX / 2 + 1);
    assert_int_equal(du_bytes_check(bytes), DU_MEMORY);
}

static const struct {
    const char *text;
    size_t size;
    const char *json;
} escapes[] = {
    {"", 0, "\"\""},
    {"plain", 5, "\"plain\""},
    {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
    {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
    {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\\u007f\""},
    {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\x99", 9, "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\x99\""},
    {"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", 10,
     "\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\""},
#define BAD "\xEF\xBF\xBD"
    {"a\xFFz", 3, "\"a" BAD "z\""},
    {"\x80", 1, "\"" BAD "\""},
    {"\xC3", 1, "\"" BAD "\""},                                 /* cut short */
    {"\xC3\"", 2, "\"" BAD "\\\"\""},                           /* and never swallowing the next */
    {"\xE2\x82", 2, "\"" BAD BAD "\""},                         /* cut short */
    {"\xC0\xAF", 2, "\"" BAD BAD "\""},                         /* overlong / */
    {"\xE0\x80\xAF", 3, "\"" BAD BAD BAD "\""},                 /* overlong / */
    {"\xF0\x80\x80\xAF", 4, "\"" BAD BAD BAD BAD "\""},         /* overlong / */
    {"\xED\xA0\x80", 3, "\"" BAD BAD BAD "\""},                 /* a surrogate */
    {"\xF4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\""},         /* above U+10FFFF */
    {"\xF8\x88\x80\x80\x80", 5, "\"" BAD BAD BAD BAD BAD "\""}, /* five bytes are none */
#undef BAD
};

static void json_is_escaped_and_always_utf_8(void **state) {
    struct du_bytes *bytes = *state;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        du_bytes_clear(bytes);
        du_bytes_json(bytes, escapes[i].text, escapes[i].size);
        assert_string_equal(bytes->data, escapes[i].json);
    }
}

static void hex_goes_both_ways(void **state) {
    struct du_bytes *bytes = *state;
    unsigned char out[4];
    du_bytes_hex(bytes, "\x00\x7f\xAb\xff", 4);
    assert_string_equal(bytes->data, "007fabff");
    assert_true(du_bytes_unhex("007fABff", 8, out));
    assert_memory_equal(out, "\x00\x7f\xab\xff", 4);
    assert_true(du_bytes_unhex("", 0, out));
}

static void what_is_no_hex_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"0", "0g", "g0", "000", " 0", "0x", "-1", "+1"};
    unsigned char out[4];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(du_bytes_unhex(bad[i], strlen(bad[i]), out));
}

static const struct {
    const char *raw;
    size_t size;
    const char *url, *padded;
} encodings[] = {
    /* RFC 4648 section 10, and what tells the two alphabets apart */
    {"", 0, "", ""},
    {"f", 1, "Zg", "Zg=="},
    {"fo", 2, "Zm8", "Zm8="},
    {"foo", 3, "Zm9v", "Zm9v"},
    {"foob", 4, "Zm9vYg", "Zm9vYg=="},
    {"fooba", 5, "Zm9vYmE", "Zm9vYmE="},
    {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
    {"\xfb\xff\xbf", 3, "-_-_", "+/+/"},
    {"\0\0", 2, "AAA", "AAA="},
};

static void base64_goes_both_ways_in_either_alphabet(void **state) {
    struct du_bytes *bytes = *state;
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        const char *forms[] = {encodings[i].url, encodings[i].padded};
        du_bytes_clear(bytes);
        du_bytes_base64url(bytes, encodings[i].raw, encodings[i].size);
        assert_string_equal(bytes->data, encodings[i].url);
        for (int form = 0; form < 2; form++) {
            unsigned char out[16];
            size_t size = 99;
            assert_true(du_bytes_unbase64(forms[form], strlen(forms[form]), out, &size));
            assert_int_equal(size, encodings[i].size);
            assert_memory_equal(out, encodings[i].raw, size);
        }
    }
}

static void every_length_of_every_byte_survives_base64(void **state) {
    struct du_bytes *bytes = *state;
    unsigned char raw[256], out[256 * 3 / 2 + 3];
    for (size_t i = 0; i < sizeof raw; i++)
        raw[i] = (unsigned char)(i * 167);
    for (size_t size = 0; size <= sizeof raw; size++) {
        size_t back = 0;
        du_bytes_clear(bytes);
        du_bytes_base64url(bytes, raw, size);
        assert_true(du_bytes_unbase64(bytes->data, bytes->size, out, &back));
        assert_int_equal(back, size);
        assert_memory_equal(out, raw, size);
    }
}

static void malformed_base64_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"Z",    "Zg=",  "Zg===", "Zm8==", "Zm9v=", "=",
                                      "==",   "====", "Z g=",  "Zg\n",  "Zm9v!", "Z=g=",
                                      "Zh==", "Zh",   "Zm9vY", "Zm9=v", "Zm9",   "\xC3\xA4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char out[16];
        size_t size;
        if (du_bytes_unbase64(bad[i], strlen(bad[i]), out, &size))
            fail_msg("\"%s\" was decoded", bad[i]);
    }
}

static void slices_compare_with_and_without_case(void **state) {
    (void)state;
    struct du_slice none = {NULL, 0};
    assert_true(du_slice_equal(DU_SLICE("Range"), du_slice_of("Range")));
    assert_false(du_slice_equal(DU_SLICE("Range"), DU_SLICE("range")));
    assert_false(du_slice_equal(DU_SLICE("Range"), DU_SLICE("Ranges")));
    assert_true(du_slice_equal(none, DU_SLICE("")));
    assert_true(du_slice_equal_fold(DU_SLICE("Content-LENGTH"), DU_SLICE("content-length")));
    assert_false(du_slice_equal_fold(DU_SLICE("a"), DU_SLICE("ab")));
    assert_false(du_slice_equal_fold(DU_SLICE("@"), DU_SLICE("`")));
    assert_false(du_slice_equal_fold(DU_SLICE("\xC3\x84"), DU_SLICE("\xC3\xA4")));
    assert_true(du_slice_equal_fold(none, DU_SLICE("")));
}

static void integers_are_written_as_printf_does(void **state) {
    static const int64_t integers[] = {0, 7, -1, 10, 4096, -1234567890, INT64_MAX, INT64_MIN};
    struct du_bytes bytes;
    char wanted[32];
    (void)state;
    du_bytes_init(&bytes);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        snprintf(wanted, sizeof wanted, "%lld", (long long)integers[i]);
        du_bytes_clear(&bytes);
        du_bytes_integer(&bytes, integers[i]);
        assert_string_equal(bytes.data, wanted);
    }
    du_bytes_deinit(&bytes);
}

static void a_control_character_anywhere_makes_no_line(void **state) {
    char text[25];
    (void)state;
    for (size_t at = 0; at < sizeof text; at++)
        for (int c = 0; c < 256; c++) {
            bool control = (c < ' ' && c != '\t') || c == 127;
            memset(text, c & 1 ? '~' : '\x80', sizeof text);
            text[at] = (char)c;
            assert_int_equal(du_bytes_is_line(text, sizeof text), !control);
            assert_true(du_bytes_is_line(text, at));
        }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(data_is_nul_terminated_once_anything_was_added),
        CASE(clear_empties_and_keeps_the_room),
        CASE(consume_removes_from_the_front),
        CASE(format_takes_any_length),
        CASE(reserved_room_is_written_then_added),
        CASE(a_failed_addition_stays_failed_and_the_rest_does_nothing),
        CASE(the_first_allocation_may_fail),
        CASE(an_absurd_size_fails_and_does_not_wrap),
        CASE(json_is_escaped_and_always_utf_8),
        CASE(hex_goes_both_ways),
        CASE(what_is_no_hex_is_refused),
        CASE(base64_goes_both_ways_in_either_alphabet),
        CASE(every_length_of_every_byte_survives_base64),
        CASE(malformed_base64_is_refused),
        CASE(integers_are_written_as_printf_does),
        CASE(a_control_character_anywhere_makes_no_line),
        CASE(slices_compare_with_and_without_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
