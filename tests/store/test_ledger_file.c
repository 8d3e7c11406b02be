/* A ledger whose file is moved away, replaced, emptied, spoilt or held while it is open. */

#include "counting.h"
#include "sql.h"

#include <fcntl.h>
#include <sys/stat.h>

static void put_away(struct fixture *fixture, const char *name) {
    char from[FIXTURE_PATH], to[FIXTURE_PATH], kept[64];
    snprintf(kept, sizeof kept, "away-%s", name);
    assert_int_equal(rename(fixture_path(fixture, name, from), fixture_path(fixture, kept, to)), 0);
}

static void put_all_away(struct fixture *fixture) {
    put_away(fixture, "counts.db");
    put_away(fixture, "counts.db-wal");
    put_away(fixture, "counts.db-shm");
}

static off_t size_of(struct fixture *fixture, const char *name) {
    char path[FIXTURE_PATH];
    FILE *file = fopen(fixture_path(fixture, name, path), "r");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    off_t size = ftello(file);
    fclose(file);
    return size;
}

/* What a start after a kill -9 would find. */
static int64_t found_after_a_crash(struct fixture *fixture, const char *subject) {
    struct du_ledger *second = fixture_ledger(fixture, "counts.db", DU_COUNTS_SCHEMA, true);
    struct du_counter *counter;
    assert_int_equal(du_counts_new(&counter, &fixture->base, second, NULL), DU_OK);
    int64_t count = count_of(counter, subject);
    du_counter_free(&counter);
    du_ledger_close(&second);
    return count;
}

/* The last of three, and no fourth, whatever was done to the files; now and after a crash. */
static void assert_nothing_is_lost(struct fixture *fixture, struct store *store) {
    assert_true(grant(store->counter, "ada", 3));
    assert_false(grant(store->counter, "ada", 3));
    assert_int_equal(found_after_a_crash(fixture, "ada"), 3);
    assert_int_equal(found_after_a_crash(fixture, "bob"), 1);
    close_store(store);
    *store = open_store(fixture);
    assert_false(grant(store->counter, "ada", 3));
    assert_int_equal(count_of(store->counter, "bob"), 1);
    close_store(store);
}

static struct store granted_two(struct fixture *fixture) {
    struct store store = open_store(fixture);
    assert_true(grant(store.counter, "bob", 3));
    assert_true(grant(store.counter, "ada", 3));
    assert_true(grant(store.counter, "ada", 3));
    return store;
}

static void counts_that_are_removed_are_written_again_and_nothing_is_lost(void **state) {
    struct store store = granted_two(*state);
    put_all_away(*state);
    assert_nothing_is_lost(*state, &store);
}

enum { MANY = 200 };
static char names[MANY][32];

/* Returns how many wait for the ledger. */
static int ask_for_many(struct store *store, struct add *adds) {
    int waiting = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "member number %d", i * 7919 % MANY);
        add_init(&adds[i], names[i], TODAY, 3);
        waiting += start(store->counter, &adds[i]) == DU_STEP_PENDING;
    }
    return waiting;
}

static void wait_for_many(struct add *adds) {
    for (int i = 0; i < MANY; i++) {
        wait_for(&adds[i]);
        sem_destroy(&adds[i].over);
    }
}

static void run(struct fixture *fixture, const char *sql) {
    char path[FIXTURE_PATH];
    sqlite3 *other;
    assert_int_equal(sqlite3_open(fixture_path(fixture, "counts.db", path), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
}

/* The log that stays behind must not be taken for the new file's, whose pages are others. */
static void nor_when_only_the_file_is_removed(void **state) {
    static struct add adds[MANY];
    struct store store = granted_two(*state);
    run(*state, "CREATE TABLE room (x)");
    assert_int_equal(ask_for_many(&store, adds), MANY);
    wait_for_many(adds);
    run(*state, "DROP TABLE room; PRAGMA wal_checkpoint(TRUNCATE)");
    assert_true(grant(store.counter, "eve", 3));
    put_away(*state, "counts.db");
    assert_nothing_is_lost(*state, &store);
    store = open_store(*state);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(count_of(store.counter, names[i]), 1);
    close_store(&store);
}

/* A reader stands by, so that closing the file does not fold the log. */
static void nor_when_only_its_log_is_removed(void **state) {
    char path[FIXTURE_PATH];
    struct store store = granted_two(*state);
    sqlite3 *reader;
    assert_int_equal(sqlite3_open(fixture_path(*state, "counts.db", path), &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "SELECT * FROM ceilings", NULL, NULL, NULL), SQLITE_OK);
    put_away(*state, "counts.db-wal");
    assert_true(grant(store.counter, "eve", 3));
    sqlite3_close(reader);
    assert_nothing_is_lost(*state, &store);
}

static void nor_when_nothing_is_counted_before_the_clean_end(void **state) {
    struct store store = granted_two(*state);
    put_all_away(*state);
    close_store(&store);
    store = open_store(*state);
    assert_nothing_is_lost(*state, &store);
}

static void fail_to_count(struct store *store, const char *subject, const char *why);

/* SQLite needs its -shm for the file that was written again, and cannot have it. */
static void what_was_written_again_but_not_opened_is_opened_by_the_next_try(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct store store = granted_two(fixture);
    put_all_away(fixture);
    assert_int_equal(mkdir(fixture_path(fixture, "counts.db-shm", path), 0700), 0);
    fail_to_count(&store, "ada", "counts.db");
    assert_int_equal(rmdir(path), 0);
    assert_nothing_is_lost(fixture, &store);
}

static void fail_to_count(struct store *store, const char *subject, const char *why) {
    struct add add;
    int64_t before = count_of(store->counter, subject);
    add_init(&add, subject, TODAY, 3);
    assert_int_equal(start(store->counter, &add), DU_STEP_PENDING);
    wait_for(&add);
    assert_false(add.count.granted);
    assert_int_equal(add.count.error.kind, DU_STORE);
    if (strstr(add.count.error.message, why) == NULL)
        fail_msg("%s", add.count.error.message);
    assert_int_equal(count_of(store->counter, subject), before);
    sem_destroy(&add.over);
}

static void a_replaced_ledger_is_not_written_to_and_grants_nothing(void **state) {
    struct fixture *fixture = *state;
    struct store store = granted_two(fixture);
    char path[FIXTURE_PATH];
    put_all_away(fixture);
    FILE *other = fopen(fixture_path(fixture, "counts.db", path), "w");
    fputs("somebody else's", other);
    fclose(other);
    fail_to_count(&store, "ada", "counts.db was replaced while it was in use");
    assert_true(grant(store.counter, "bob", 1) == false); /* a denial needs no ledger */
    assert_int_equal(size_of(fixture, "counts.db"), strlen("somebody else's"));
    assert_int_equal(unlink(path), 0);
    assert_nothing_is_lost(fixture, &store);
}

static void a_folder_that_is_gone_grants_nothing_until_it_is_back(void **state) {
    struct fixture *fixture = *state;
    char away[80];
    struct store store = granted_two(fixture);
    snprintf(away, sizeof away, "%s-away", fixture->folder);
    assert_int_equal(rename(fixture->folder, away), 0);
    fail_to_count(&store, "ada", "counts.db");
    assert_int_equal(rename(away, fixture->folder), 0);
    assert_nothing_is_lost(fixture, &store);
}

/* `> counts.db` */
static void an_emptied_ledger_grants_nothing_or_loses_nothing(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct store store = granted_two(fixture);
    struct du_ledger *ledger;
    struct du_error error;
    assert_int_equal(truncate(fixture_path(fixture, "counts.db", path), 0), 0);
    assert_int_equal(du_ledger_open(&ledger, &fixture->base, path, DU_COUNTS_SCHEMA, true, &error),
                     DU_STORE);
    assert_non_null(strstr(error.message, "counts.db-wal belongs to it"));
    assert_nothing_is_lost(fixture, &store);
}

static void spoil(struct fixture *fixture, const char *name) {
    char path[FIXTURE_PATH], junk[512];
    off_t size = size_of(fixture, name);
    memset(junk, 0xa5, sizeof junk);
    int fd = open(fixture_path(fixture, name, path), O_WRONLY);
    for (off_t at = 0; at < size; at += sizeof junk)
        assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
    close(fd);
}

/* Whether it goes on counting is up to what it still has in memory; what it says is kept. */
static void a_spoilt_ledger_refuses_the_next_start_or_knows_what_was_granted(void **state) {
    struct fixture *fixture = *state;
    struct store store = granted_two(fixture);
    struct du_ledger *ledger;
    struct du_error error;
    struct add add;
    char path[FIXTURE_PATH];
    spoil(fixture, "counts.db");
    add_init(&add, "ada", TODAY, 3);
    if (start(store.counter, &add) == DU_STEP_PENDING)
        wait_for(&add);
    assert_true(add.count.granted || add.count.error.kind == DU_STORE);
    sem_destroy(&add.over);
    int64_t granted = count_of(store.counter, "ada");
    enum du_error_kind kind =
        du_ledger_open(&ledger, &fixture->base, fixture_path(fixture, "counts.db", path),
                       DU_COUNTS_SCHEMA, true, &error);
    if (kind == DU_OK) {
        struct du_counter *counter;
        kind = du_counts_new(&counter, &fixture->base, ledger, &error);
        if (kind == DU_OK)
            assert_int_equal(count_of(counter, "ada"), granted);
        if (counter != NULL)
            du_counter_free(&counter);
    }
    assert_true(kind == DU_OK || kind == DU_STORE);
    du_ledger_close(&ledger);
    close_store(&store);
}

/* More than could wait for the lock one after the other. */
enum { PATIENCE_S = 100 };

static void a_lock_of_somebody_else_fails_all_that_wait_at_once(void **state) {
    struct fixture *fixture = *state;
    struct store store = granted_two(fixture);
    static struct add adds[MANY];
    char path[FIXTURE_PATH];
    sqlite3 *other;
    assert_int_equal(sqlite3_open(fixture_path(fixture, "counts.db", path), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    alarm(PATIENCE_S);
    assert_int_equal(ask_for_many(&store, adds), MANY);
    wait_for_many(adds);
    alarm(0);
    for (int i = 0; i < MANY; i++) {
        assert_false(adds[i].count.granted);
        assert_int_equal(adds[i].count.error.kind, DU_STORE);
        assert_non_null(strstr(adds[i].count.error.message, "locked"));
    }
    sqlite3_close(other);
    assert_true(grant(store.counter, names[7], 1));
    assert_nothing_is_lost(fixture, &store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(counts_that_are_removed_are_written_again_and_nothing_is_lost),
        FIXTURE_TEST(nor_when_only_the_file_is_removed),
        FIXTURE_TEST(nor_when_only_its_log_is_removed),
        FIXTURE_TEST(nor_when_nothing_is_counted_before_the_clean_end),
        FIXTURE_TEST(what_was_written_again_but_not_opened_is_opened_by_the_next_try),
        FIXTURE_TEST(a_replaced_ledger_is_not_written_to_and_grants_nothing),
        FIXTURE_TEST(a_folder_that_is_gone_grants_nothing_until_it_is_back),
        FIXTURE_TEST(an_emptied_ledger_grants_nothing_or_loses_nothing),
        FIXTURE_TEST(a_spoilt_ledger_refuses_the_next_start_or_knows_what_was_granted),
        FIXTURE_TEST(a_lock_of_somebody_else_fails_all_that_wait_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
