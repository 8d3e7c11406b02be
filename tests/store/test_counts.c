#include "counting.h"
#include "sql.h"

#include <pthread.h>

static bool read_number(void *user, sqlite3_stmt *statement) {
    *(int64_t *)user = sqlite3_column_int64(statement, 0);
    return true;
}

/* What the next start would read. */
static int64_t ceiling(struct store *store, const char *subject) {
    char sql[128];
    int64_t number = -1;
    /* The second one waits for what the first one's neighbours queued. */
    du_ledger_flush(store->ledger);
    du_ledger_flush(store->ledger);
    snprintf(sql, sizeof sql, "SELECT ceiling FROM ceilings WHERE subject = '%s' AND day = %d",
             subject, (int)TODAY);
    assert_int_equal(du_ledger_read(store->ledger, sql, read_number, &number, NULL), DU_OK);
    return number;
}

static int64_t ledger_days(struct store *store) {
    int64_t number = -1;
    du_ledger_flush(store->ledger);
    assert_int_equal(du_ledger_read(store->ledger, "SELECT count(DISTINCT day) FROM ceilings",
                                    read_number, &number, NULL),
                     DU_OK);
    return number;
}

static void the_cap_is_granted_to_the_last_and_not_passed(void **state) {
    struct store store = open_store(*state);
    for (int i = 0; i < 5; i++)
        assert_true(grant(store.counter, "ada", 5));
    assert_false(grant(store.counter, "ada", 5));
    assert_int_equal(count_of(store.counter, "ada"), 5);
    assert_true(grant(store.counter, "bob", 5));
    assert_false(grant(store.counter, "eve", 0));
    close_store(&store);
}

static void a_changed_cap_applies_at_once(void **state) {
    struct store store = open_store(*state);
    for (int i = 0; i < 3; i++)
        assert_true(grant(store.counter, "ada", 1000));
    assert_false(grant(store.counter, "ada", 3));
    assert_false(grant(store.counter, "ada", 2));
    assert_true(grant(store.counter, "ada", 4));
    assert_true(grant(store.counter, "ada", DU_UNLIMITED));
    close_store(&store);
}

static void a_grant_below_the_ceiling_waits_for_nothing(void **state) {
    struct store store = open_store(*state);
    struct add add;
    add_init(&add, "ada", TODAY, 640);
    assert_int_equal(start(store.counter, &add), DU_STEP_PENDING);
    wait_for(&add);
    assert_true(add.count.granted);
    assert_int_equal(ceiling(&store, "ada"), 10);
    for (int i = 0; i < 9; i++) {
        add_init(&add, "ada", TODAY, 640);
        assert_int_equal(start(store.counter, &add), DU_STEP_DONE);
        assert_true(add.count.granted);
    }
    add_init(&add, "ada", TODAY, 640);
    assert_int_equal(start(store.counter, &add), DU_STEP_PENDING);
    wait_for(&add);
    assert_int_equal(ceiling(&store, "ada"), 20);
    close_store(&store);
}

static void ceilings_rise_by_a_block_and_never_above_the_cap(void **state) {
    struct store store = open_store(*state);
    assert_true(grant(store.counter, "small", 127));
    assert_int_equal(ceiling(&store, "small"), 1);
    assert_true(grant(store.counter, "unlimited", DU_UNLIMITED));
    assert_int_equal(ceiling(&store, "unlimited"), 1024);
    for (int i = 0; i < 130; i++)
        assert_true(grant(store.counter, "odd", 130));
    assert_int_equal(ceiling(&store, "odd"), 130);
    for (int i = 0; i < 129; i++)
        assert_true(grant(store.counter, "edge", 129));
    assert_int_equal(ceiling(&store, "edge"), 129);
    close_store(&store);
}

static void several_adds_share_one_raise(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    struct add adds[6];
    int pending = 0, granted = 0;
    for (int i = 0; i < 6; i++) {
        add_init(&adds[i], "ada", TODAY, 4);
        pending += start(store.counter, &adds[i]) == DU_STEP_PENDING;
    }
    assert_true(pending >= 1);
    for (int i = 0; i < pending; i++)
        wait_for(&adds[i]);
    for (int i = 0; i < 6; i++)
        granted += adds[i].count.granted;
    assert_int_equal(granted, 4);
    assert_int_equal(count_of(store.counter, "ada"), 4);
    close_store(&store);
}

static void a_clean_end_keeps_the_exact_count(void **state) {
    struct store store = open_store(*state);
    for (int i = 0; i < 3; i++)
        assert_true(grant(store.counter, "ada", DU_UNLIMITED));
    assert_int_equal(ceiling(&store, "ada"), 1024);
    close_store(&store);
    store = open_store(*state);
    assert_int_equal(count_of(store.counter, "ada"), 3);
    close_store(&store);
}

static void an_unclean_end_takes_the_ceiling_as_the_count(void **state) {
    struct store store = open_store(*state), second = {0};
    assert_true(grant(store.counter, "ada", 640));
    /* A second reader of the same ledger sees what a start after a crash would. */
    assert_int_equal(
        du_counts_new(&second.counter, &((struct fixture *)*state)->base, store.ledger, NULL),
        DU_OK);
    assert_int_equal(count_of(second.counter, "ada"), 10);
    du_counter_free(&second.counter);
    close_store(&store);
}

static void a_refund_is_counted_again_and_lowers_the_ceiling(void **state) {
    struct store store = open_store(*state);
    assert_true(grant(store.counter, "ada", 2));
    assert_true(grant(store.counter, "ada", 2));
    assert_false(grant(store.counter, "ada", 2));
    give_back(store.counter, "ada");
    assert_int_equal(count_of(store.counter, "ada"), 1);
    assert_int_equal(ceiling(&store, "ada"), 1);
    assert_true(grant(store.counter, "ada", 2));
    assert_false(grant(store.counter, "ada", 2));
    for (int i = 0; i < 5; i++)
        give_back(store.counter, "ada");
    assert_int_equal(count_of(store.counter, "ada"), 0);
    give_back(store.counter, "nobody");
    assert_int_equal(count_of(store.counter, "nobody"), 0);
    close_store(&store);
}

static void refunds_never_widen_what_a_crash_costs(void **state) {
    struct store store = open_store(*state);
    for (int i = 0; i < 30; i++)
        assert_true(grant(store.counter, "ada", 640));
    for (int i = 0; i < 25; i++)
        give_back(store.counter, "ada");
    assert_int_equal(count_of(store.counter, "ada"), 5);
    assert_in_range(ceiling(&store, "ada"), 5, 15);
    close_store(&store);
}

/* Holds the ledger's writer until told to go on. */
struct gate {
    struct du_entry entry;
    sem_t entered, go;
};

static int pass_gate(struct du_entry *entry, sqlite3 *database) {
    struct gate *gate = (struct gate *)entry;
    (void)database;
    sem_post(&gate->entered);
    while (sem_wait(&gate->go) != 0)
        continue;
    return SQLITE_OK;
}

static void refunds_during_a_raise_do_not_widen_it_either(void **state) {
    struct store store = open_store(*state);
    struct gate gate = {.entry = {.apply = pass_gate}};
    struct add add;
    for (int i = 0; i < 10; i++)
        assert_true(grant(store.counter, "ada", 640));
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.go, 0, 0);
    du_ledger_post(store.ledger, &gate.entry);
    while (sem_wait(&gate.entered) != 0)
        continue;
    add_init(&add, "ada", TODAY, 640);
    assert_int_equal(start(store.counter, &add), DU_STEP_PENDING);
    for (int i = 0; i < 10; i++)
        give_back(store.counter, "ada");
    sem_post(&gate.go);
    wait_for(&add);
    assert_true(add.count.granted);
    assert_int_equal(count_of(store.counter, "ada"), 1);
    assert_int_equal(ceiling(&store, "ada"), 11);
    close_store(&store);
}

static void a_failing_ledger_fails_the_waiting_adds_and_changes_no_count(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    assert_true(grant(store.counter, "ada", 5));
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    struct add add;
    add_init(&add, "ada", TODAY, 5);
    assert_int_equal(start(store.counter, &add), DU_STEP_PENDING);
    wait_for(&add);
    assert_false(add.count.granted);
    assert_int_equal(add.count.error.kind, DU_STORE);
    assert_int_equal(count_of(store.counter, "ada"), 1);
    /* Nothing was raised in memory either: the next one waits for the ledger again. */
    add_init(&add, "ada", TODAY, 5);
    assert_int_equal(start(store.counter, &add), DU_STEP_PENDING);
    wait_for(&add);
    assert_false(add.count.granted);
    give_back(store.counter, "ada");
    du_ledger_flush(store.ledger);
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    assert_true(grant(store.counter, "ada", 5));
    assert_int_equal(count_of(store.counter, "ada"), 1);
    close_store(&store);
    store = open_store(fixture);
    assert_int_equal(count_of(store.counter, "ada"), 1);
    close_store(&store);
}

static void named_faults_fail_counting_and_giving_back(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    struct du_error error;
    struct add add;
    du_faults_arm(&fixture->base.faults, DU_FAULT_COUNTER_ADD, 1, 0, 1);
    add_init(&add, "ada", TODAY, 5);
    assert_int_equal(start(store.counter, &add), DU_STEP_FAILED);
    assert_int_equal(add.count.error.kind, DU_STORE);
    assert_true(grant(store.counter, "ada", 5));
    du_faults_arm(&fixture->base.faults, DU_FAULT_COUNTER_GIVE_BACK, 1, 0, 1);
    assert_int_equal(
        store.counter->type->give_back(store.counter, "downloads", "ada", TODAY, &error), DU_STORE);
    assert_int_equal(count_of(store.counter, "ada"), 1);
    close_store(&store);
}

static void a_clock_that_goes_back_finds_that_days_row(void **state) {
    struct store store = open_store(*state);
    assert_true(grant_day(store.counter, "ada", TODAY, 1));
    assert_true(grant_day(store.counter, "ada", TODAY + 1000, 1));
    assert_false(grant_day(store.counter, "ada", TODAY, 1));
    close_store(&store);
    store = open_store(*state);
    assert_false(grant_day(store.counter, "ada", TODAY, 1));
    assert_false(grant_day(store.counter, "ada", TODAY + 1000, 1));
    close_store(&store);
}

static void old_days_are_purged_and_the_day_in_use_is_not(void **state) {
    struct store store = open_store(*state);
    for (int day = -6; day <= 0; day++)
        assert_true(grant_day(store.counter, "ada", TODAY + day, 1));
    assert_int_equal(ledger_days(&store), 4);
    for (int day = -3; day <= 0; day++)
        assert_false(grant_day(store.counter, "ada", TODAY + day, 1));
    /* Far back: the oldest of all, but in use. */
    assert_true(grant_day(store.counter, "ada", TODAY - 100, 1));
    assert_false(grant_day(store.counter, "ada", TODAY - 100, 1));
    assert_int_equal(ledger_days(&store), 4);
    close_store(&store);
}

static int insert_days(struct du_entry *entry, sqlite3 *database) {
    (void)entry;
    int code = SQLITE_OK;
    for (int day = 0; day < 9 && code == SQLITE_OK; day++)
        code = DU_SQL(database, "INSERT INTO ceilings VALUES (?, 'downloads', 'ada', 7)",
                      du_sql_integer(TODAY + day * 10));
    return code;
}

static void a_start_keeps_today_among_stray_later_days(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "counts.db", DU_COUNTS_SCHEMA, true);
    struct du_entry entry = {.apply = insert_days};
    du_ledger_post(ledger, &entry);
    du_ledger_close(&ledger);
    struct store store = open_store(*state);
    assert_int_equal(count_of(store.counter, "ada"), 7);
    assert_int_equal(ledger_days(&store), 4);
    close_store(&store);
}

static void a_name_that_is_too_long_is_an_error(void **state) {
    struct store store = open_store(*state);
    char subject[2000];
    struct add add;
    memset(subject, 'a', sizeof subject);
    subject[sizeof subject - 1] = '\0';
    add_init(&add, subject, TODAY, 5);
    assert_int_equal(start(store.counter, &add), DU_STEP_FAILED);
    assert_int_equal(add.count.error.kind, DU_STORE);
    assert_int_equal(count_of(store.counter, subject), 0);
    close_store(&store);
}

static void no_memory_for_a_row_is_an_error(void **state) {
    struct store store = open_store(*state);
    struct add add;
    for (int64_t i = 0; i < 2; i++) {
        add_init(&add, "ada", TODAY, 5);
        du_mem_fail_after(i);
        enum du_step step = start(store.counter, &add);
        du_mem_fail_after(-1);
        assert_int_equal(step, DU_STEP_FAILED);
        assert_int_equal(add.count.error.kind, DU_MEMORY);
    }
    assert_true(grant(store.counter, "ada", 5));
    close_store(&store);
}

/* Threads that grant and refund over a few subjects. */
enum { THREADS = 4, ROUNDS = 100, CAP = 90 };

struct worker {
    struct du_counter *counter;
    int granted;
};

static void *churn(void *user) {
    struct worker *worker = user;
    for (int i = 0; i < ROUNDS; i++) {
        if (grant(worker->counter, "shared", CAP))
            worker->granted++;
        if (grant(worker->counter, "refunded", 1000))
            give_back(worker->counter, "refunded");
    }
    return NULL;
}

static void threads_together_get_exactly_the_cap(void **state) {
    struct store store = open_store(*state);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    int granted = 0;
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.counter = store.counter};
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        granted += workers[i].granted;
    }
    assert_int_equal(granted, CAP);
    assert_int_equal(count_of(store.counter, "shared"), CAP);
    assert_int_equal(count_of(store.counter, "refunded"), 0);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_cap_is_granted_to_the_last_and_not_passed),
        FIXTURE_TEST(a_changed_cap_applies_at_once),
        FIXTURE_TEST(a_grant_below_the_ceiling_waits_for_nothing),
        FIXTURE_TEST(ceilings_rise_by_a_block_and_never_above_the_cap),
        FIXTURE_TEST(several_adds_share_one_raise),
        FIXTURE_TEST(a_clean_end_keeps_the_exact_count),
        FIXTURE_TEST(an_unclean_end_takes_the_ceiling_as_the_count),
        FIXTURE_TEST(a_refund_is_counted_again_and_lowers_the_ceiling),
        FIXTURE_TEST(refunds_never_widen_what_a_crash_costs),
        FIXTURE_TEST(refunds_during_a_raise_do_not_widen_it_either),
        FIXTURE_TEST(a_failing_ledger_fails_the_waiting_adds_and_changes_no_count),
        FIXTURE_TEST(named_faults_fail_counting_and_giving_back),
        FIXTURE_TEST(a_clock_that_goes_back_finds_that_days_row),
        FIXTURE_TEST(old_days_are_purged_and_the_day_in_use_is_not),
        FIXTURE_TEST(a_start_keeps_today_among_stray_later_days),
        FIXTURE_TEST(a_name_that_is_too_long_is_an_error),
        FIXTURE_TEST(no_memory_for_a_row_is_an_error),
        FIXTURE_TEST(threads_together_get_exactly_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
