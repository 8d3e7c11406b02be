/* JSON: the grammar to the letter, keys however they are spelt, values as slices. */

#include "json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool object(const char *text) {
    return du_json_object(text, strlen(text));
}

static struct du_slice find(const char *text, const char *key, enum du_json_type type) {
    struct du_slice value = {NULL, 0};
    enum du_json_type found;
    if (!du_json_find(text, strlen(text), key, &value, &found))
        return (struct du_slice){NULL, 0};
    assert_int_equal(found, type);
    return value;
}

static void assert_slice(struct du_slice slice, const char *text) {
    assert_int_equal(slice.size, strlen(text));
    assert_memory_equal(slice.data, text, slice.size);
}

static void values_are_found_by_key_with_their_types(void **state) {
    (void)state;
    const char *text =
        " { \"a\" : 1 , \"b\":\"x\",\"c\":[1, {\"d\":2}] ,\"e\":{\"a\":3},\"f\":null,"
        "\"g\":true , \"h\" : false } ";
    assert_true(object(text));
    assert_slice(find(text, "a", DU_JSON_NUMBER), "1");
    assert_slice(find(text, "b", DU_JSON_STRING), "\"x\"");
    assert_slice(find(text, "c", DU_JSON_ARRAY), "[1, {\"d\":2}]");
    assert_slice(find(text, "e", DU_JSON_OBJECT), "{\"a\":3}");
    assert_slice(find(text, "f", DU_JSON_NULL), "null");
    assert_slice(find(text, "g", DU_JSON_BOOLEAN), "true");
    assert_slice(find(text, "h", DU_JSON_BOOLEAN), "false");
    assert_null(find(text, "d", DU_JSON_NUMBER).data);
    assert_null(find("{}", "d", DU_JSON_NUMBER).data);
}

static void only_whole_objects_of_the_grammar_pass(void **state) {
    (void)state;
    static const char *const good[] = {"{}",
                                       " {\n} ",
                                       "{\"a\":-0.5e+10}",
                                       "{\"\":[]}",
                                       "{\"a\":[[]]}",
                                       "{\"a\":\"\\u00e9\\ud83d\\ude00\"}",
                                       "{\"a\":\"é\"}",
                                       "{\"a\":{\"b\":1,\"b\":2}}"};
    static const char *const bad[] = {"",
                                      "[]",
                                      "{",
                                      "{}x",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "{\"a\":01}",
                                      "{\"a\":1.}",
                                      "{\"a\":.5}",
                                      "{\"a\":+1}",
                                      "{\"a\":1e}",
                                      "{\"a\":-}",
                                      "{\"a\":tru}",
                                      "{\"a\":NaN}",
                                      "{\"a\":[1,]}",
                                      "{\"a\":[1 2]}",
                                      "{\"a\":\"\n\"}",
                                      "{\"a\":\"\\x\"}",
                                      "{\"a\":\"\\",
                                      "{\"a\":\"\\u12g4\"}",
                                      "{\"a\":\"\\ud800\"}",
                                      "{\"a\":\"\\ud800\\u0041\"}",
                                      "{\"a\":\"\\udc00\"}",
                                      "{\"a\":\"\xc3\"}",
                                      "{\"a\":\"\xc0\xaf\"}",
                                      "{\"a\":\"\xed\xa0\x80\"}",
                                      "{\"a\":\"\xf4\x90\x80\x80\"}",
                                      "{\"a\":\"open}"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!object(good[i]))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (object(bad[i]))
            fail_msg("passed: %s", bad[i]);
}

static void a_key_that_comes_twice_is_refused_however_it_is_spelt(void **state) {
    (void)state;
    assert_false(object("{\"sub\":1,\"sub\":2}"));
    assert_false(object("{\"sub\":1,\"\\u0073ub\":2}"));
    assert_false(object("{\"é\":1,\"\\u00e9\":2}"));
    assert_true(object("{\"sub\":1,\"su\":2,\"subs\":3}"));
    assert_slice(find("{\"\\u0073ub\":7}", "sub", DU_JSON_NUMBER), "7");
    assert_slice(find("{\"\\u00e9\":7}", "é", DU_JSON_NUMBER), "7");
}

static void too_deep_or_too_many_is_refused(void **state) {
    (void)state;
    char text[4096] = "{\"a\":";
    for (int i = 0; i < 63; i++)
        strcat(text, "[");
    size_t half = strlen(text);
    for (int i = 0; i < 63; i++)
        strcat(text, "]");
    strcat(text, "}");
    assert_true(object(text));
    text[half] = '\0';
    strcat(text, "[");
    for (int i = 0; i < 64; i++)
        strcat(text, "]");
    strcat(text, "}");
    assert_false(object(text));
    size_t used = (size_t)snprintf(text, sizeof text, "{\"k0\":0");
    for (int i = 1; i < 128; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, ",\"k%d\":0", i);
    snprintf(text + used, sizeof text - used, "}");
    assert_true(object(text));
    snprintf(text + used, sizeof text - used, ",\"k128\":0}");
    assert_false(object(text));
}

static void strings_are_unescaped(void **state) {
    (void)state;
    struct du_bytes out;
    du_bytes_init(&out);
    assert_true(du_json_string(
        DU_SLICE("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\xc3\xa9\""), &out));
    assert_string_equal(out.data, "a\"\\/\b\f\n\r\té\xf0\x9f\x98\x80é");
    du_bytes_clear(&out);
    assert_true(du_json_string(DU_SLICE("\"\""), &out));
    assert_int_equal(out.size, 0);
    assert_false(du_json_string(DU_SLICE("\"a\\u0000b\""), &out));
    assert_false(du_json_string(DU_SLICE("\"a"), &out));
    assert_false(du_json_string(DU_SLICE("7"), &out));
    du_bytes_deinit(&out);
}

static void integers_are_exact_or_refused(void **state) {
    (void)state;
    int64_t value;
    assert_true(du_json_integer(DU_SLICE("9223372036854775807"), &value));
    assert_true(value == INT64_MAX);
    assert_true(du_json_integer(DU_SLICE("-9223372036854775808"), &value));
    assert_true(value == INT64_MIN);
    assert_true(du_json_integer(DU_SLICE("0"), &value) && value == 0);
    assert_false(du_json_integer(DU_SLICE("9223372036854775808"), &value));
    assert_false(du_json_integer(DU_SLICE("1.0"), &value));
    assert_false(du_json_integer(DU_SLICE("1e3"), &value));
    assert_false(du_json_integer(DU_SLICE("\"1\""), &value));
    assert_false(du_json_integer(DU_SLICE(""), &value));
    assert_false(du_json_integer(DU_SLICE("-"), &value));
}

static void an_array_gives_its_elements_in_order(void **state) {
    (void)state;
    struct du_slice rest = DU_SLICE("[ \"a\" , 2,[3] ]"), value;
    enum du_json_type type;
    assert_true(du_json_next(&rest, &value, &type));
    assert_slice(value, "\"a\"");
    assert_true(du_json_next(&rest, &value, &type));
    assert_slice(value, "2");
    assert_true(du_json_next(&rest, &value, &type));
    assert_slice(value, "[3]");
    assert_int_equal(type, DU_JSON_ARRAY);
    assert_false(du_json_next(&rest, &value, &type));
    rest = DU_SLICE("[]");
    assert_false(du_json_next(&rest, &value, &type));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_found_by_key_with_their_types),
        cmocka_unit_test(only_whole_objects_of_the_grammar_pass),
        cmocka_unit_test(a_key_that_comes_twice_is_refused_however_it_is_spelt),
        cmocka_unit_test(too_deep_or_too_many_is_refused),
        cmocka_unit_test(strings_are_unescaped),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(an_array_gives_its_elements_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
