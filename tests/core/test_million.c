/* A million keys through a SingleFlight and a million subjects through a limiter: the process ends
 * where it began, block for block, and its memory within what malloc keeps of a few. */

#include "flights.h"
#include "limits.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

enum { MILLION = 1000000, AT_ONCE = 50000, MOST_GROWTH_KIB = 4096 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { TURNS = MILLION / 10 }; /* and what a sanitizer keeps for itself is not ours */
static int64_t resident_kib(void) {
    return 0;
}
#else
enum { TURNS = MILLION };
static int64_t resident_kib(void) {
    long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    malloc_trim(0);
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &all, &resident), 2);
    fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}
#endif

static void ignore(struct du_waiter *waiter) {
    du_value_unref(&waiter->outcome.value);
}

static struct du_flight *begin(struct flights *flights, struct du_waiter *waiter, int number) {
    char key[32];
    struct du_flight *flight;
    struct du_error error;
    *waiter = (struct du_waiter){.deliver = ignore};
    int size = snprintf(key, sizeof key, "key %d", number);
    assert_int_equal(
        du_single_flight_join(flights->table, key, (size_t)size, waiter, NULL, &flight, &error),
        DU_JOIN_LEADER);
    return flight;
}

static void a_million_keys_one_after_the_other(struct flights *flights) {
    struct du_waiter waiter;
    for (int i = 0; i < TURNS; i++) {
        struct du_flight *flight = begin(flights, &waiter, i);
        du_flight_complete(&flight, i % 3 ? fine(i) : failed(DU_TRANSPORT, "refused"));
    }
}

static void many_keys_at_once(struct flights *flights) {
    struct du_waiter *waiters = calloc(AT_ONCE, sizeof *waiters);
    struct du_flight **up = calloc(AT_ONCE, sizeof *up);
    for (int i = 0; i < AT_ONCE; i++)
        up[i] = begin(flights, &waiters[i], i);
    assert_int_equal(du_single_flight_count(flights->table), AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++)
        du_flight_succeed(&up[i], number(i));
    free(up);
    free(waiters);
}

static void rule_2_a_million_keys_leave_the_process_where_it_began(void **state) {
    struct flights *flights = *state;
    int64_t live = du_mem_live(), before = resident_kib();
    a_million_keys_one_after_the_other(flights);
    many_keys_at_once(flights);
    assert_int_equal(du_single_flight_count(flights->table), 0);
    assert_int_equal(du_mem_live(), live);
    assert_true(resident_kib() - before < MOST_GROWTH_KIB);
}

/* Some get a lease, some are denied, by slots or by the cap. What is counted is remembered for the
 * day, so nothing is. */
static void a_million_subjects_one_after_the_other(struct limits *limits) {
    struct request request;
    char subject[32];
    init_request(limits, &request);
    request.acquire.subject = subject;
    for (int i = 0; i < TURNS; i++) {
        snprintf(subject, sizeof subject, "subject %d", i);
        request.acquire.slot_only = i % 3 != 0;
        request.acquire.limits.concurrency = i % 5 ? 2 : 0;
        request.acquire.limits.daily_cap = 0;
        assert_int_equal(acquire(limits, &request), DU_STEP_DONE);
        du_lease_release(&request.acquire.lease);
    }
}

static void many_subjects_at_once(struct limits *limits) {
    struct request *requests = calloc(AT_ONCE, sizeof *requests);
    char(*subjects)[32] = calloc(AT_ONCE, sizeof *subjects);
    for (int i = 0; i < AT_ONCE; i++) {
        snprintf(subjects[i], sizeof *subjects, "subject %d", i);
        init_request(limits, &requests[i]);
        requests[i].acquire.subject = subjects[i];
        requests[i].acquire.slot_only = true;
        get_lease(limits, &requests[i]);
    }
    assert_int_equal(du_limiter_subjects(limits->limiter), AT_ONCE);
    for (int i = 0; i < AT_ONCE; i++)
        release(&requests[i]);
    free(subjects);
    free(requests);
}

static void rule_6_a_million_subjects_leave_the_process_where_it_began(void **state) {
    struct limits *limits = *state;
    int64_t before = resident_kib();
    a_million_subjects_one_after_the_other(limits);
    many_subjects_at_once(limits);
    assert_int_equal(du_limiter_subjects(limits->limiter), 0);
    assert_int_equal(du_limiter_leases(limits->limiter), 0);
    assert_true(resident_kib() - before < MOST_GROWTH_KIB);
}

static void rule_3_a_key_of_a_mebibyte_is_a_key(void **state) {
    struct flights *flights = *state;
    enum { SIZE = 1 << 20 };
    char *key = du_malloc(SIZE), *other = du_malloc(SIZE);
    memset(key, 'k', SIZE);
    memset(other, 'k', SIZE);
    other[SIZE - 1] = 'x';
    struct du_waiter waiters[3] = {{.deliver = ignore}, {.deliver = ignore}, {.deliver = ignore}};
    struct du_flight *first, *second, *none;
    struct du_error error;
    assert_int_equal(
        du_single_flight_join(flights->table, key, SIZE, &waiters[0], NULL, &first, &error),
        DU_JOIN_LEADER);
    assert_int_equal(
        du_single_flight_join(flights->table, other, SIZE, &waiters[1], NULL, &second, &error),
        DU_JOIN_LEADER);
    memset(key, 'z', SIZE); /* it was copied */
    other[SIZE - 1] = 'k';
    assert_int_equal(
        du_single_flight_join(flights->table, other, SIZE, &waiters[2], NULL, &none, &error),
        DU_JOIN_JOINED);
    du_flight_succeed(&first, NULL);
    du_flight_succeed(&second, NULL);
    assert_int_equal(waiters[2].outcome.error.kind, DU_OK);
    du_free(key);
    du_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rule_2_a_million_keys_leave_the_process_where_it_began,
                                        set_up_flights, tear_down_flights),
        cmocka_unit_test_setup_teardown(rule_3_a_key_of_a_mebibyte_is_a_key, set_up_flights,
                                        tear_down_flights),
        LIMITS_CASE(rule_6_a_million_subjects_leave_the_process_where_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
