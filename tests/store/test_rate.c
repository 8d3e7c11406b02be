#include "fixture.h"
#include "rate.h"

enum { FEW, MANY, RULES };

static const struct du_rate_rule rules[RULES] = {
    [FEW] = {"few", 2, 10000}, [MANY] = {"many", 3, 10000}};

static struct du_rate *make(size_t most) {
    struct du_rate *rate;
    assert_int_equal(du_rate_new(&rate, rules, RULES, most), DU_OK);
    return rate;
}

static bool allowed(struct du_rate *rate, const char *key, int64_t now) {
    int64_t retry_after;
    return du_rate_allowed(rate, FEW, key, now, &retry_after);
}

static void the_limit_is_counted_within_any_window(void **state) {
    (void)state;
    struct du_rate *rate = make(8);
    assert_true(allowed(rate, "a", 0));
    du_rate_count(rate, FEW, "a", 0);
    du_rate_count(rate, FEW, "a", 6000);
    assert_false(allowed(rate, "a", 6000));
    assert_false(allowed(rate, "a", 9999));
    assert_true(allowed(rate, "a", 10000));
    du_rate_count(rate, FEW, "a", 10000);
    assert_false(allowed(rate, "a", 15999));
    assert_true(allowed(rate, "a", 16000));
    du_rate_free(&rate);
}

static void retry_after_is_true(void **state) {
    (void)state;
    struct du_rate *rate = make(8);
    int64_t retry_after;
    du_rate_count(rate, FEW, "a", 500);
    du_rate_count(rate, FEW, "a", 800);
    assert_false(du_rate_allowed(rate, FEW, "a", 1000, &retry_after));
    assert_int_equal(retry_after, 10);
    assert_false(allowed(rate, "a", 1000 + (retry_after - 1) * 1000));
    assert_true(allowed(rate, "a", 1000 + retry_after * 1000));
    assert_false(du_rate_allowed(rate, FEW, "a", 10499, &retry_after));
    assert_int_equal(retry_after, 1);
    du_rate_free(&rate);
}

static void asking_never_counts_and_taking_does(void **state) {
    (void)state;
    struct du_rate *rate = make(8);
    int64_t retry_after;
    for (int i = 0; i < 100; i++)
        assert_true(allowed(rate, "a", 0));
    assert_int_equal(du_rate_keys(rate), 0);
    for (int i = 0; i < 3; i++)
        assert_true(du_rate_take(rate, MANY, "a", 0, &retry_after));
    assert_false(du_rate_take(rate, MANY, "a", 0, &retry_after));
    /* What was refused was not counted. */
    assert_true(du_rate_take(rate, MANY, "a", 10000, &retry_after));
    du_rate_free(&rate);
}

static void keys_and_rules_are_apart(void **state) {
    (void)state;
    struct du_rate *rate = make(8);
    int64_t retry_after;
    du_rate_count(rate, FEW, "a", 0);
    du_rate_count(rate, FEW, "a", 0);
    assert_false(allowed(rate, "a", 0));
    assert_true(allowed(rate, "b", 0));
    assert_true(du_rate_allowed(rate, MANY, "a", 0, &retry_after));
    du_rate_free(&rate);
}

static void memory_is_bounded_and_the_longest_untouched_goes(void **state) {
    (void)state;
    struct du_rate *rate = make(2);
    for (int i = 0; i < 2; i++) {
        du_rate_count(rate, FEW, "a", i);
        du_rate_count(rate, FEW, "b", i);
    }
    du_rate_count(rate, FEW, "a", 2);
    du_rate_count(rate, FEW, "c", 3);
    assert_int_equal(du_rate_keys(rate), 2);
    assert_false(allowed(rate, "a", 3));
    assert_true(allowed(rate, "b", 3));
    du_rate_free(&rate);
}

static void what_is_over_is_swept(void **state) {
    (void)state;
    struct du_rate *rate = make(100);
    char key[2] = "a";
    for (; key[0] <= 'j'; key[0]++)
        du_rate_count(rate, FEW, key, 0);
    assert_int_equal(du_rate_keys(rate), 10);
    for (int i = 0; i < 5; i++)
        du_rate_count(rate, FEW, "z", 20000);
    assert_int_equal(du_rate_keys(rate), 1);
    du_rate_free(&rate);
}

static void no_memory_counts_nothing(void **state) {
    (void)state;
    struct du_rate *rate = make(8);
    for (int64_t i = 0; i < 2; i++) {
        du_mem_fail_after(i);
        du_rate_count(rate, FEW, "a", 0);
        du_mem_fail_after(-1);
        assert_int_equal(du_rate_keys(rate), 0);
    }
    du_rate_free(&rate);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_limit_is_counted_within_any_window),
        FIXTURE_TEST(retry_after_is_true),
        FIXTURE_TEST(asking_never_counts_and_taking_does),
        FIXTURE_TEST(keys_and_rules_are_apart),
        FIXTURE_TEST(memory_is_bounded_and_the_longest_untouched_goes),
        FIXTURE_TEST(what_is_over_is_swept),
        FIXTURE_TEST(no_memory_counts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
