/* Clock: a standing one moves when told; days and dates hold at the edges of the calendar. */

#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY_MS ((int64_t)86400000)

static void a_standing_clock_moves_only_when_told(void **state) {
    (void)state;
    struct du_clock clock;
    du_clock_init_manual(&clock, 5000);
    int64_t mono = du_clock_mono_ns(&clock);
    assert_int_equal(du_clock_wall_ms(&clock), 5000);
    assert_int_equal(du_clock_wall_ms(&clock), 5000);
    assert_int_equal(du_clock_mono_ns(&clock), mono);
}

static void advance_moves_both_sides(void **state) {
    (void)state;
    struct du_clock clock;
    du_clock_init_manual(&clock, 5000);
    int64_t mono = du_clock_mono_ms(&clock);
    du_clock_advance(&clock, 2500);
    assert_int_equal(du_clock_wall_ms(&clock), 7500);
    assert_int_equal(du_clock_mono_ms(&clock), mono + 2500);
}

static void set_moves_only_the_wall_also_backwards(void **state) {
    (void)state;
    struct du_clock clock;
    du_clock_init_manual(&clock, 5000);
    int64_t mono = du_clock_mono_ns(&clock);
    du_clock_set(&clock, -1);
    assert_int_equal(du_clock_wall_ms(&clock), -1);
    assert_int_equal(du_clock_mono_ns(&clock), mono);
}

static void a_clock_that_follows_the_system_can_be_moved_too(void **state) {
    (void)state;
    struct du_clock clock;
    du_clock_init(&clock);
    int64_t wall = du_clock_wall_ms(&clock), mono = du_clock_mono_ms(&clock);
    assert_true(wall > 1600000000000);
    du_clock_advance(&clock, 10 * DAY_MS);
    assert_true(du_clock_wall_ms(&clock) >= wall + 10 * DAY_MS);
    assert_true(du_clock_mono_ms(&clock) >= mono + 10 * DAY_MS);
    du_clock_set(&clock, 0);
    assert_in_range(du_clock_wall_ms(&clock), 0, DAY_MS);
}

static void a_day_is_floored_also_before_1970(void **state) {
    (void)state;
    assert_int_equal(du_clock_day(0), 0);
    assert_int_equal(du_clock_day(DAY_MS - 1), 0);
    assert_int_equal(du_clock_day(DAY_MS), 1);
    assert_int_equal(du_clock_day(-1), -1);
    assert_int_equal(du_clock_day(-DAY_MS), -1);
    assert_int_equal(du_clock_day(-DAY_MS - 1), -2);
}

static void the_seconds_left_of_a_day_are_one_to_86400(void **state) {
    (void)state;
    assert_int_equal(du_clock_day_left_secs(0), 86400);
    assert_int_equal(du_clock_day_left_secs(1), 86400);
    assert_int_equal(du_clock_day_left_secs(DAY_MS - 10000), 10);
    assert_int_equal(du_clock_day_left_secs(DAY_MS - 1), 1);
    assert_int_equal(du_clock_day_left_secs(DAY_MS), 86400);
    assert_int_equal(du_clock_day_left_secs(-1), 1);
}

static const struct {
    const char *rfc3339, *http_date;
    int64_t wall_ms;
} dates[] = {
    {"1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
    {"1969-12-31T23:59:59Z", "Wed, 31 Dec 1969 23:59:59 GMT", -1000},
    {"2024-02-29T12:00:00Z", "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000000},
    {"2000-02-29T23:59:59Z", "Tue, 29 Feb 2000 23:59:59 GMT", 951868799000},
    {"2026-01-31T23:59:50Z", "Sat, 31 Jan 2026 23:59:50 GMT", 1769903990000},
    {"2038-01-19T03:14:08Z", "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648000},
};

static void dates_are_written_and_read_both_ways(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        char text[DU_CLOCK_TEXT];
        int64_t parsed = -42;
        assert_string_equal(du_clock_rfc3339(dates[i].wall_ms, text), dates[i].rfc3339);
        assert_string_equal(du_clock_http_date(dates[i].wall_ms, text), dates[i].http_date);
        assert_true(du_clock_parse_rfc3339(dates[i].rfc3339, &parsed));
        assert_int_equal(parsed, dates[i].wall_ms);
        parsed = -42;
        assert_true(du_clock_parse_http_date(dates[i].http_date, &parsed));
        assert_int_equal(parsed, dates[i].wall_ms);
    }
}

static void a_written_date_is_floored_to_its_second(void **state) {
    (void)state;
    char text[DU_CLOCK_TEXT];
    assert_string_equal(du_clock_rfc3339(999, text), "1970-01-01T00:00:00Z");
    assert_string_equal(du_clock_rfc3339(-1, text), "1969-12-31T23:59:59Z");
}

static void rfc_3339_knows_offsets_and_fractions(void **state) {
    (void)state;
    static const char *const same[] = {
        "2026-01-31T23:59:50Z",      "2026-01-31 23:59:50Z",      "2026-01-31T23:59:50.123456789Z",
        "2026-02-01T01:29:50+01:30", "2026-01-31T18:59:50-05:00", "2026-01-31T23:59:50.5-00:00"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        int64_t parsed = 0;
        assert_true(du_clock_parse_rfc3339(same[i], &parsed));
        assert_int_equal(parsed, 1769903990000);
    }
}

static void what_is_no_rfc_3339_date_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "tomorrow",
        "2026-01-31",
        "2026-01-31T23:59:50",
        "2026-01-31T23:59Z",
        "2026-1-31T23:59:50Z",
        "2026-02-30T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2026-01-31T23:59:61Z",
        "2026-01-31T23:59:50.Z",
        "2026-01-31T23:59:50Zulu",
        "2026-01-31T23:59:50+1:00",
        "2026-01-31T23:59:50+-1:00",
        "2026-01-31T23:59:50+24:00",
        "2026-01-31T23:59:50+00:60",
        "2026-01-31T23:59:50+01:00x",
        " 2026-01-31T23:59:50Z",
        "+026-01-31T23:59:50Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t parsed;
        if (du_clock_parse_rfc3339(bad[i], &parsed))
            fail_msg("\"%s\" was read as %lld", bad[i], (long long)parsed);
    }
}

static void the_two_obsolete_http_dates_are_understood(void **state) {
    (void)state;
    static const char *const same[] = {"Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        int64_t parsed = 0;
        assert_true(du_clock_parse_http_date(same[i], &parsed));
        assert_int_equal(parsed, 784111777000);
    }
}

static void what_is_no_http_date_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "yesterday",
                                      "Sun, 06 Nov 1994 08:49:37",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun, 06 Nov 1994 08:49:37 GMT, and more",
                                      "Sun, 31 Feb 1994 08:49:37 GMT",
                                      "Sun, 29 Feb 2025 08:49:37 GMT",
                                      "Sun, 06 Nov 1994 25:49:37 GMT",
                                      "Sun, 06 Nov 1994 08:60:37 GMT"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t parsed;
        if (du_clock_parse_http_date(bad[i], &parsed))
            fail_msg("\"%s\" was read as %lld", bad[i], (long long)parsed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_standing_clock_moves_only_when_told),
        cmocka_unit_test(advance_moves_both_sides),
        cmocka_unit_test(set_moves_only_the_wall_also_backwards),
        cmocka_unit_test(a_clock_that_follows_the_system_can_be_moved_too),
        cmocka_unit_test(a_day_is_floored_also_before_1970),
        cmocka_unit_test(the_seconds_left_of_a_day_are_one_to_86400),
        cmocka_unit_test(dates_are_written_and_read_both_ways),
        cmocka_unit_test(a_written_date_is_floored_to_its_second),
        cmocka_unit_test(rfc_3339_knows_offsets_and_fractions),
        cmocka_unit_test(what_is_no_rfc_3339_date_is_refused),
        cmocka_unit_test(the_two_obsolete_http_dates_are_understood),
        cmocka_unit_test(what_is_no_http_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
