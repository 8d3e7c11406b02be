#include "failure_limiter.h"
#include "fixture.h"

static struct du_failure_limiter *make(struct fixture *fixture) {
    struct du_failure_limiter *limiter;
    assert_int_equal(du_failure_limiter_new(&limiter, &fixture->base), DU_OK);
    return limiter;
}

static bool allowed(struct du_failure_limiter *limiter, const char *name, const char *address) {
    int64_t retry_after = -1;
    bool may = du_failure_limiter_allowed(limiter, name, address, &retry_after);
    assert_true(may ? retry_after == 0 : retry_after >= 1 && retry_after <= 60);
    return may;
}

static void fail_times(struct du_failure_limiter *limiter, const char *name, const char *address,
                       int times) {
    for (int i = 0; i < times; i++)
        du_failure_limiter_failed(limiter, name, address);
}

static void five_failures_of_a_name_from_an_address(void **state) {
    struct fixture *fixture = *state;
    struct du_failure_limiter *limiter = make(fixture);
    int64_t retry_after;
    fail_times(limiter, "ada", "192.0.2.1", 4);
    assert_true(allowed(limiter, "ada", "192.0.2.1"));
    du_clock_advance(&fixture->base.clock, 10000);
    fail_times(limiter, "ada", "192.0.2.1", 1);
    assert_false(du_failure_limiter_allowed(limiter, "ada", "192.0.2.1", &retry_after));
    assert_int_equal(retry_after, 50);
    assert_true(allowed(limiter, "ada", "192.0.2.2"));
    assert_true(allowed(limiter, "bob", "192.0.2.1"));
    du_clock_advance(&fixture->base.clock, 50000);
    assert_true(allowed(limiter, "ada", "192.0.2.1"));
    du_failure_limiter_free(&limiter);
}

static void twenty_failures_from_an_address_whatever_the_names(void **state) {
    struct fixture *fixture = *state;
    struct du_failure_limiter *limiter = make(fixture);
    char name[] = "a";
    for (int i = 0; i < 19; i++, name[0]++)
        fail_times(limiter, name, "192.0.2.1", 1);
    assert_true(allowed(limiter, "new", "192.0.2.1"));
    fail_times(limiter, name, "192.0.2.1", 1);
    assert_false(allowed(limiter, "new", "192.0.2.1"));
    assert_true(allowed(limiter, "new", "192.0.2.2"));
    du_clock_advance(&fixture->base.clock, 60000);
    assert_true(allowed(limiter, "new", "192.0.2.1"));
    du_failure_limiter_free(&limiter);
}

static void spellings_of_one_name_share_a_budget(void **state) {
    struct du_failure_limiter *limiter = make(*state);
    fail_times(limiter, "Ada@Example.com", "192.0.2.1", 3);
    fail_times(limiter, "ada@example.COM", "192.0.2.1", 2);
    assert_false(allowed(limiter, "ADA@example.com", "192.0.2.1"));
    assert_true(allowed(limiter, "ada@example.co", "192.0.2.1"));
    du_failure_limiter_free(&limiter);
}

static void sixty_requests_a_minute_for_a_member(void **state) {
    struct fixture *fixture = *state;
    struct du_failure_limiter *limiter = make(fixture);
    int64_t retry_after = 0;
    for (int i = 0; i < 60; i++)
        assert_true(du_failure_limiter_request(limiter, "ada", &retry_after));
    assert_false(du_failure_limiter_request(limiter, "ada", &retry_after));
    assert_int_equal(retry_after, 60);
    assert_true(du_failure_limiter_request(limiter, "bob", &retry_after));
    /* Requests are no failures. */
    assert_true(allowed(limiter, "ada", "192.0.2.1"));
    du_clock_advance(&fixture->base.clock, 60000);
    assert_true(du_failure_limiter_request(limiter, "ada", &retry_after));
    du_failure_limiter_free(&limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(five_failures_of_a_name_from_an_address),
        FIXTURE_TEST(twenty_failures_from_an_address_whatever_the_names),
        FIXTURE_TEST(spellings_of_one_name_share_a_budget),
        FIXTURE_TEST(sixty_requests_a_minute_for_a_member),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
