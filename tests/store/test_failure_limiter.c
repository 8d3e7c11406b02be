#include "failure_limiter.h"
#include "fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

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
    struct du_attempt attempt;
    int64_t retry_after;
    for (int i = 0; i < times; i++) {
        assert_true(du_failure_limiter_begin(limiter, &attempt, name, address, &retry_after));
        du_failure_limiter_end(limiter, &attempt, true);
    }
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

static void an_attempt_that_succeeds_costs_nothing(void **state) {
    struct du_failure_limiter *limiter = make(*state);
    struct du_attempt attempt;
    int64_t retry_after;
    fail_times(limiter, "ada", "192.0.2.1", 4);
    for (int i = 0; i < 10; i++) {
        assert_true(du_failure_limiter_begin(limiter, &attempt, "ada", "192.0.2.1", &retry_after));
        du_failure_limiter_end(limiter, &attempt, false);
    }
    fail_times(limiter, "ada", "192.0.2.1", 1);
    assert_false(du_failure_limiter_begin(limiter, &attempt, "ada", "192.0.2.1", &retry_after));
    assert_int_equal(retry_after, 60);
    du_failure_limiter_free(&limiter);
}

/* One that comes while another is under way. */
struct rival {
    struct du_failure_limiter *limiter;
    const char *name, *address;
    bool fails, began;
    atomic_bool over;
    int64_t retry_after;
    pthread_t thread;
};

static void *compete(void *user) {
    struct rival *rival = user;
    struct du_attempt attempt;
    rival->began = du_failure_limiter_begin(rival->limiter, &attempt, rival->name, rival->address,
                                            &rival->retry_after);
    if (rival->began)
        du_failure_limiter_end(rival->limiter, &attempt, rival->fails);
    atomic_store(&rival->over, true);
    return NULL;
}

/* Begins the last attempt that the budget holds, lets a rival come, and ends it so. */
static struct rival race(struct du_failure_limiter *limiter, const char *name, bool first_fails) {
    struct du_attempt first;
    struct rival rival = {.limiter = limiter, .name = name, .address = "192.0.2.1", .fails = true};
    int64_t retry_after;
    assert_true(du_failure_limiter_begin(limiter, &first, "ada", "192.0.2.1", &retry_after));
    assert_int_equal(pthread_create(&rival.thread, NULL, compete, &rival), 0);
    for (int i = 0; i < 100; i++) { /* it has every chance to go on */
        sched_yield();
        assert_false(atomic_load(&rival.over));
    }
    du_failure_limiter_end(limiter, &first, first_fails);
    pthread_join(rival.thread, NULL);
    return rival;
}

static void two_at_once_get_no_guess_beyond_the_budget(void **state) {
    struct du_failure_limiter *limiter = make(*state);
    fail_times(limiter, "ada", "192.0.2.1", 4);
    struct rival rival = race(limiter, "Ada", true);
    assert_false(rival.began);
    assert_int_equal(rival.retry_after, 60);
    du_failure_limiter_free(&limiter);
}

static void two_at_once_get_no_guess_beyond_the_budget_of_their_address(void **state) {
    struct du_failure_limiter *limiter = make(*state);
    char name[] = "a";
    for (int i = 0; i < 19; i++, name[0]++)
        fail_times(limiter, name, "192.0.2.1", 1);
    assert_false(race(limiter, "bob", true).began);
    du_failure_limiter_free(&limiter);
}

static void one_that_succeeds_leaves_its_place_to_the_next(void **state) {
    struct du_failure_limiter *limiter = make(*state);
    fail_times(limiter, "ada", "192.0.2.1", 4);
    assert_true(race(limiter, "ada", false).began);
    assert_false(allowed(limiter, "ada", "192.0.2.1"));
    du_failure_limiter_free(&limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(five_failures_of_a_name_from_an_address),
        FIXTURE_TEST(twenty_failures_from_an_address_whatever_the_names),
        FIXTURE_TEST(spellings_of_one_name_share_a_budget),
        FIXTURE_TEST(sixty_requests_a_minute_for_a_member),
        FIXTURE_TEST(an_attempt_that_succeeds_costs_nothing),
        FIXTURE_TEST(two_at_once_get_no_guess_beyond_the_budget),
        FIXTURE_TEST(two_at_once_get_no_guess_beyond_the_budget_of_their_address),
        FIXTURE_TEST(one_that_succeeds_leaves_its_place_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
