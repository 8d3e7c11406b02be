/* What an acquire would come to: the same as it then comes to, and nothing is taken by asking. */

#include "limits.h"

static enum du_would would(struct limits *limits, struct request *request) {
    int64_t now_running, now_counted;
    size_t leases = du_limiter_leases(limits->limiter);
    size_t subjects = du_limiter_subjects(limits->limiter);
    int adds = limits->slow.adds;
    enum du_would outcome =
        du_limiter_would(limits->limiter, &request->acquire, &now_running, &now_counted);
    assert_int_equal(now_running, du_limiter_running(limits->limiter, request->acquire.subject));
    assert_int_equal(now_counted, counted(limits));
    assert_int_equal(du_limiter_leases(limits->limiter), leases);
    assert_int_equal(du_limiter_subjects(limits->limiter), subjects);
    assert_int_equal(limits->slow.adds, adds);
    return outcome;
}

static void it_tells_a_grant_and_each_denial(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    assert_int_equal(would(limits, whole(limits, &first, 1, 1)), DU_WOULD_GRANT);
    get_lease(limits, &first);
    assert_int_equal(would(limits, whole(limits, &second, 1, 9)), DU_WOULD_DENY_SLOT);
    get_denial(limits, &second, DU_DENIAL_CONCURRENCY);
    assert_int_equal(would(limits, whole(limits, &second, 2, 1)), DU_WOULD_DENY_DAY);
    get_denial(limits, &second, DU_DENIAL_DAILY_CAP);
    assert_int_equal(would(limits, whole(limits, &second, DU_UNLIMITED, DU_UNLIMITED)),
                     DU_WOULD_GRANT);
    second.acquire.slot_only = true;
    second.acquire.limits = (struct du_limits){2, 1};
    assert_int_equal(would(limits, &second), DU_WOULD_GRANT);
    release(&first);
}

static void it_tells_who_would_queue(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    get_lease(limits, whole(limits, &first, 1, 9));
    whole(limits, &second, 1, 9)->acquire.wait = true;
    assert_int_equal(would(limits, &second), DU_WOULD_QUEUE);
    second.acquire.limits.concurrency = 0;
    assert_int_equal(would(limits, &second), DU_WOULD_DENY_SLOT);
    release(&first);
}

static void it_tells_a_piece_that_is_covered(void **state) {
    struct limits *limits = *state;
    struct request first, second;
    assert_int_equal(would(limits, piece(limits, &second, "blob", 1, 1)), DU_WOULD_GRANT);
    get_lease(limits, piece(limits, &first, "blob", 1, 1));
    assert_int_equal(would(limits, &second), DU_WOULD_SHARE);
    assert_int_equal(would(limits, piece(limits, &second, "other", 2, 1)), DU_WOULD_DENY_DAY);
    release(&first);
    assert_int_equal(would(limits, piece(limits, &second, "blob", 1, 1)), DU_WOULD_SHARE);
    du_clock_advance(&limits->base.clock, COVER_MS);
    assert_int_equal(would(limits, piece(limits, &second, "blob", 1, 1)), DU_WOULD_DENY_DAY);
    whole(limits, &first, 1, 9); /* sweeps what covers nothing any more */
    get_lease(limits, &first);
    release(&first);
}

static void it_tells_it_for_the_day_that_is_named(void **state) {
    struct limits *limits = *state;
    struct request request;
    int64_t now_running, now_counted;
    get_lease(limits, whole(limits, &request, 1, 1));
    release(&request);
    whole(limits, &request, 1, 1)->acquire.wall_ms = NOON + 2 * HALF_DAY_MS;
    assert_int_equal(
        du_limiter_would(limits->limiter, &request.acquire, &now_running, &now_counted),
        DU_WOULD_GRANT);
    assert_int_equal(now_counted, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LIMITS_CASE(it_tells_a_grant_and_each_denial),
        LIMITS_CASE(it_tells_who_would_queue),
        LIMITS_CASE(it_tells_a_piece_that_is_covered),
        LIMITS_CASE(it_tells_it_for_the_day_that_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
