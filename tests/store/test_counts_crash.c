/* Counts that survive kill -9: what was reported is counted, and a crash costs a block at most. */

#include "counting.h"

#include <signal.h>
#include <sys/wait.h>

/* The child grants and reports each grant through the pipe, until it is killed or denied.
 */
static void grant_until_the_end(struct fixture *fixture, int64_t cap, int report) {
    struct store store = open_store(fixture);
    while (grant(store.counter, "ada", cap))
        if (write(report, "g", 1) != 1)
            break;
    /* As a crash does: no close. */
    _exit(0);
}

/* Kills a child once it reported `most` grants (or ended). What it reported in all. */
static int64_t crash_after(struct fixture *fixture, int64_t cap, int64_t most) {
    int ends[2];
    char byte;
    int64_t reported = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        grant_until_the_end(fixture, cap, ends[1]);
    }
    close(ends[1]);
    while (reported < most && read(ends[0], &byte, 1) == 1)
        reported++;
    kill(child, SIGKILL);
    while (read(ends[0], &byte, 1) == 1)
        reported++;
    close(ends[0]);
    waitpid(child, NULL, 0);
    return reported;
}

static int64_t recovered(struct fixture *fixture) {
    struct store store = open_store(fixture);
    int64_t count = count_of(store.counter, "ada");
    close_store(&store);
    return count;
}

static void crash_until_denied(struct fixture *fixture, int64_t cap, int64_t block, int rounds) {
    int64_t before = 0, granted = 0;
    unsigned random = (unsigned)getpid();
    for (int i = 0; i < rounds; i++) {
        random = random * 1103515245 + 12345;
        int64_t reported = crash_after(fixture, cap, (random >> 16) % 25);
        int64_t now = recovered(fixture);
        granted += reported;
        assert_true(now >= before + reported);
        assert_true(now <= before + reported + block);
        assert_true(cap < 0 || granted <= cap);
        before = now;
    }
}

static void a_crash_never_exceeds_a_small_cap(void **state) {
    crash_until_denied(*state, 100, 1, 12);
}

static void a_crash_costs_at_most_one_block_of_a_large_cap(void **state) {
    crash_until_denied(*state, 640, 10, 12);
}

static void a_crash_costs_at_most_one_block_without_a_cap(void **state) {
    crash_until_denied(*state, DU_UNLIMITED, 1024, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_crash_never_exceeds_a_small_cap),
        FIXTURE_TEST(a_crash_costs_at_most_one_block_of_a_large_cap),
        FIXTURE_TEST(a_crash_costs_at_most_one_block_without_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
