/* Ranges and conditions: each rule of RFC 9110 sections 13 and 14 that a reply depends on. */

#include "range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LENGTH = 1000 };

/* Sat, 31 Jan 2026 23:59:50 GMT, with milliseconds that HTTP cannot say. */
static const int64_t MODIFIED_MS = 1769903990123;
#define MODIFIED "Sat, 31 Jan 2026 23:59:50 GMT"
#define BEFORE   "Sat, 31 Jan 2026 23:59:49 GMT"
#define AFTER    "Sat, 31 Jan 2026 23:59:51 GMT"

static struct du_range_thing thing;
static struct du_range_request request;
static int64_t first, length;

static int set_up(void **state) {
    (void)state;
    thing = (struct du_range_thing){LENGTH, "\"abc\"", MODIFIED_MS};
    request = (struct du_range_request){.get = true};
    return 0;
}

static enum du_range_outcome decide(void) {
    return du_range_decide(&request, &thing, &first, &length);
}

static enum du_range_outcome range(const char *text) {
    request.range = du_slice_of(text);
    return decide();
}

static void assert_part(const char *text, int64_t wanted_first, int64_t wanted_length) {
    assert_int_equal(range(text), DU_RANGE_PART);
    assert_int_equal(first, wanted_first);
    assert_int_equal(length, wanted_length);
}

static void assert_whole(void) {
    assert_int_equal(decide(), DU_RANGE_WHOLE);
    assert_int_equal(first, 0);
    assert_int_equal(length, thing.length);
}

static void without_range_it_is_the_whole(void **state) {
    (void)state;
    assert_whole();
}

static void one_range_is_a_part(void **state) {
    (void)state;
    assert_part("bytes=0-0", 0, 1);
    assert_part("bytes=0-", 0, LENGTH);
    assert_part("bytes=10-19", 10, 10);
    assert_part("bytes=999-", 999, 1);
    assert_part("bytes=-1", 999, 1);
    assert_part("bytes=-300", 700, 300);
    assert_part("BYTES=1-2", 1, 2);
}

static void a_part_ends_where_the_thing_ends(void **state) {
    (void)state;
    assert_part("bytes=990-5000", 990, 10);
    assert_part("bytes=-5000", 0, LENGTH);
    assert_part("bytes=1-99999999999999999999999999", 1, LENGTH - 1);
    assert_part("bytes=-99999999999999999999999999", 0, LENGTH);
}

static void empty_list_elements_and_blanks_do_not_count(void **state) {
    (void)state;
    assert_part("bytes= 1-2 ", 1, 2);
    assert_part("bytes=,1-2,, ,", 1, 2);
}

static void a_range_beyond_the_end_cannot_be_satisfied(void **state) {
    (void)state;
    static const char *const beyond[] = {"bytes=1000-", "bytes=1000-1001", "bytes=-0",
                                         "bytes=9223372036854775807-",
                                         "bytes=99999999999999999999-99999999999999999999"};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        assert_int_equal(range(beyond[i]), DU_RANGE_UNSATISFIABLE);
        assert_int_equal(first, 0);
        assert_int_equal(length, 0);
    }
}

static void a_malformed_or_foreign_range_is_ignored(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",           "bytes",      "bytes=",     "bytes=,",        "bytes=-",    "bytes=a-b",
        "bytes=5-4",  "bytes=5",    "bytes=1-2x", "bytes=--1",      "bytes 1-2",  "lines=1-2",
        "bytes=1-2;", "bytes=+1-2", "bytes=1--2", "bytes=0-0,junk", "bytes = 1-2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        request.range = du_slice_of(bad[i]);
        assert_whole();
    }
    request.range = (struct du_slice){"bytes=1\0-2", 10};
    assert_whole();
}

static void several_ranges_are_answered_with_the_whole(void **state) {
    (void)state;
    request.range = du_slice_of("bytes=0-0,5-9");
    assert_whole();
    request.range = du_slice_of("bytes=0-0,0-0,0-0,0-0");
    assert_whole();
}

static void nothing_has_no_part(void **state) {
    (void)state;
    thing.length = 0;
    assert_int_equal(range("bytes=0-"), DU_RANGE_UNSATISFIABLE);
    request.range = du_slice_of("bytes=-5");
    assert_whole();
}

static void a_range_is_ignored_while_the_length_is_unknown(void **state) {
    (void)state;
    thing.length = -1;
    request.range = du_slice_of("bytes=0-5");
    assert_whole();
    request.range = du_slice_of("bytes=-5");
    assert_whole();
}

static void a_range_counts_for_get_only(void **state) {
    (void)state;
    request.get = false;
    request.range = du_slice_of("bytes=0-5");
    assert_whole();
}

static void if_range_lets_the_range_count_only_for_the_very_same_thing(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool counts;
    } cases[] = {{"\"abc\"", true},   {"\"abd\"", false}, {"W/\"abc\"", false}, {"abc", false},
                 {"\"abc\",", false}, {"*", false},       {"", false},          {MODIFIED, true},
                 {BEFORE, false},     {AFTER, false}};
    request.range = du_slice_of("bytes=0-5");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request.if_range = du_slice_of(cases[i].value);
        assert_int_equal(decide(), cases[i].counts ? DU_RANGE_PART : DU_RANGE_WHOLE);
    }
}

static void if_range_never_matches_what_has_no_validator(void **state) {
    (void)state;
    thing.etag = NULL;
    thing.modified_ms = -1;
    request.range = du_slice_of("bytes=0-5");
    request.if_range = du_slice_of("\"abc\"");
    assert_whole();
    request.if_range = du_slice_of("Thu, 01 Jan 1970 00:00:00 GMT");
    assert_whole();
}

static void if_range_with_a_weak_etag_of_ours_never_matches(void **state) {
    (void)state;
    thing.etag = "W/\"abc\"";
    request.range = du_slice_of("bytes=0-5");
    request.if_range = du_slice_of("W/\"abc\"");
    assert_whole();
}

static void if_none_match_compares_weakly(void **state) {
    (void)state;
    static const struct {
        const char *value;
        bool matches;
    } cases[] = {{"\"abc\"", true},
                 {"W/\"abc\"", true},
                 {"*", true},
                 {"\"x\", \"abc\"", true},
                 {"\"x\",,\"abc\" ", true},
                 {"\"a,b\" , \"abc\"", true},
                 {"\"x\"", false},
                 {"abc", false},
                 {"", false},
                 {"\"abc", false},
                 {"\"x\" \"abc\"", false},
                 {"w/\"abc\"", false},
                 {"\"abcd\"", false},
                 {"\"\"", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        request.if_none_match = du_slice_of(cases[i].value);
        assert_int_equal(decide(), cases[i].matches ? DU_RANGE_NOT_MODIFIED : DU_RANGE_WHOLE);
    }
}

static void if_none_match_holds_for_head_and_before_the_range(void **state) {
    (void)state;
    request.if_none_match = du_slice_of("\"abc\"");
    assert_int_equal(range("bytes=5000-"), DU_RANGE_NOT_MODIFIED);
    assert_int_equal(length, 0);
    request.get = false;
    assert_int_equal(decide(), DU_RANGE_NOT_MODIFIED);
}

static void if_modified_since_is_ignored_beside_if_none_match(void **state) {
    (void)state;
    request.if_modified_since = du_slice_of(MODIFIED);
    assert_int_equal(decide(), DU_RANGE_NOT_MODIFIED);
    request.if_none_match = du_slice_of("\"other\"");
    assert_whole();
}

static void if_modified_since_compares_whole_seconds(void **state) {
    (void)state;
    request.if_modified_since = du_slice_of(AFTER);
    assert_int_equal(decide(), DU_RANGE_NOT_MODIFIED);
    request.if_modified_since = du_slice_of(BEFORE);
    assert_whole();
}

static void a_date_that_is_none_is_ignored(void **state) {
    (void)state;
    static const char *const bad[] = {"", "yesterday", "2026-01-31T23:59:50Z",
                                      MODIFIED " and so on and on and on and on"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        request.if_modified_since = request.if_unmodified_since = du_slice_of(bad[i]);
        assert_whole();
    }
    request.if_modified_since = request.if_unmodified_since = du_slice_of(MODIFIED);
    thing.modified_ms = -1;
    assert_whole();
}

static void if_match_compares_strongly(void **state) {
    (void)state;
    request.if_match = du_slice_of("\"x\", \"abc\"");
    assert_whole();
    request.if_match = du_slice_of("*");
    assert_whole();
    request.if_match = du_slice_of("W/\"abc\"");
    assert_int_equal(decide(), DU_RANGE_FAILED);
    request.if_match = du_slice_of("\"x\"");
    assert_int_equal(decide(), DU_RANGE_FAILED);
    thing.etag = NULL;
    request.if_match = du_slice_of("\"abc\"");
    assert_int_equal(decide(), DU_RANGE_FAILED);
}

static void if_unmodified_since_counts_without_if_match_only(void **state) {
    (void)state;
    request.if_unmodified_since = du_slice_of(BEFORE);
    assert_int_equal(decide(), DU_RANGE_FAILED);
    request.if_match = du_slice_of("\"abc\"");
    assert_whole();
    request.if_match = (struct du_slice){0};
    request.if_unmodified_since = du_slice_of(MODIFIED);
    assert_whole();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_range_it_is_the_whole, set_up),
        cmocka_unit_test_setup(one_range_is_a_part, set_up),
        cmocka_unit_test_setup(a_part_ends_where_the_thing_ends, set_up),
        cmocka_unit_test_setup(empty_list_elements_and_blanks_do_not_count, set_up),
        cmocka_unit_test_setup(a_range_beyond_the_end_cannot_be_satisfied, set_up),
        cmocka_unit_test_setup(a_malformed_or_foreign_range_is_ignored, set_up),
        cmocka_unit_test_setup(several_ranges_are_answered_with_the_whole, set_up),
        cmocka_unit_test_setup(nothing_has_no_part, set_up),
        cmocka_unit_test_setup(a_range_is_ignored_while_the_length_is_unknown, set_up),
        cmocka_unit_test_setup(a_range_counts_for_get_only, set_up),
        cmocka_unit_test_setup(if_range_lets_the_range_count_only_for_the_very_same_thing, set_up),
        cmocka_unit_test_setup(if_range_never_matches_what_has_no_validator, set_up),
        cmocka_unit_test_setup(if_range_with_a_weak_etag_of_ours_never_matches, set_up),
        cmocka_unit_test_setup(if_none_match_compares_weakly, set_up),
        cmocka_unit_test_setup(if_none_match_holds_for_head_and_before_the_range, set_up),
        cmocka_unit_test_setup(if_modified_since_is_ignored_beside_if_none_match, set_up),
        cmocka_unit_test_setup(if_modified_since_compares_whole_seconds, set_up),
        cmocka_unit_test_setup(a_date_that_is_none_is_ignored, set_up),
        cmocka_unit_test_setup(if_match_compares_strongly, set_up),
        cmocka_unit_test_setup(if_unmodified_since_counts_without_if_match_only, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
