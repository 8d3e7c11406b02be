#include "fixture.h"
#include "sql.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>

#define SCHEMA "CREATE TABLE IF NOT EXISTS words (n INTEGER PRIMARY KEY, word TEXT NOT NULL);"

struct word {
    struct du_entry entry;
    const char *text; /* NULL breaks a constraint */
    enum du_error_kind result;
    char message[96];
    int calls;
    sem_t *entered, *go; /* done reports and waits here, unless NULL */
};

static int apply_word(struct du_entry *entry, sqlite3 *database) {
    struct word *word = (struct word *)entry;
    return DU_SQL(database, "INSERT INTO words (word) VALUES (?)", du_sql_text(word->text));
}

static void word_done(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct word *word = (struct word *)entry;
    word->result = result;
    word->calls++;
    snprintf(word->message, sizeof word->message, "%s", message);
    if (word->entered != NULL) {
        sem_post(word->entered);
        sem_wait(word->go);
    }
}

static struct word word_of(const char *text) {
    return (struct word){.entry = {.apply = apply_word, .done = word_done}, .text = text};
}

static bool add_row(void *user, sqlite3_stmt *statement) {
    strcat(user, (const char *)sqlite3_column_text(statement, 0));
    strcat(user, " ");
    return true;
}

static void assert_words(struct du_ledger *ledger, const char *expected) {
    char words[512] = "";
    assert_int_equal(
        du_ledger_read(ledger, "SELECT word FROM words ORDER BY n", add_row, words, NULL), DU_OK);
    assert_string_equal(words, expected);
}

static uint64_t commits(struct du_ledger *ledger) {
    uint64_t entries, count;
    bool failing;
    du_ledger_figures(ledger, &entries, &count, &failing);
    return count;
}

static bool is_failing(struct du_ledger *ledger) {
    uint64_t entries, count;
    bool failing;
    du_ledger_figures(ledger, &entries, &count, &failing);
    return failing;
}

static void entries_are_applied_in_order_and_done_once(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    struct word words[] = {word_of("a"), word_of("b"), word_of("c")};
    for (int i = 0; i < 3; i++)
        du_ledger_post(ledger, &words[i].entry);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(words[i].result, DU_OK);
        assert_int_equal(words[i].calls, 1);
    }
    assert_words(ledger, "a b c ");
    du_ledger_close(&ledger);
}

/* Holds the writer in the first entry's done while more are posted. */
static void post_together(struct du_ledger *ledger, struct word *words, int count) {
    sem_t entered, go;
    struct word first = word_of("first");
    sem_init(&entered, 0, 0);
    sem_init(&go, 0, 0);
    first.entered = &entered;
    first.go = &go;
    du_ledger_post(ledger, &first.entry);
    sem_wait(&entered);
    for (int i = 0; i < count; i++)
        du_ledger_post(ledger, &words[i].entry);
    sem_post(&go);
    du_ledger_flush(ledger);
    sem_destroy(&entered);
    sem_destroy(&go);
}

static void what_waits_together_commits_together(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, true);
    struct word words[8];
    for (int i = 0; i < 8; i++)
        words[i] = word_of("w");
    post_together(ledger, words, 8);
    assert_words(ledger, "first w w w w w w w w ");
    /* The first, the eight (with or without the flush), the flush. */
    assert_in_range(commits(ledger), 2, 3);
    du_ledger_close(&ledger);
}

static void one_bad_entry_does_not_take_its_neighbours_down(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    struct word words[] = {word_of("a"), word_of(NULL), word_of("c")};
    post_together(ledger, words, 3);
    assert_int_equal(words[0].result, DU_OK);
    assert_int_equal(words[1].result, DU_STORE);
    assert_non_null(strstr(words[1].message, "NOT NULL"));
    assert_int_equal(words[2].result, DU_OK);
    assert_words(ledger, "first a c ");
    assert_false(is_failing(ledger));
    du_ledger_close(&ledger);
}

static void a_failing_commit_is_reported_and_over_when_it_is_over(void **state) {
    struct fixture *fixture = *state;
    struct du_ledger *ledger = fixture_ledger(fixture, "l.db", SCHEMA, true);
    struct word lost = word_of("lost"), kept = word_of("kept");
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    du_ledger_post(ledger, &lost.entry);
    assert_int_equal(du_ledger_flush(ledger), DU_STORE);
    assert_int_equal(lost.result, DU_STORE);
    assert_true(lost.message[0] != '\0');
    assert_true(is_failing(ledger));
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    du_ledger_post(ledger, &kept.entry);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_false(is_failing(ledger));
    assert_words(ledger, "kept ");
    du_ledger_close(&ledger);
}

static void closing_commits_what_was_posted(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    struct word words[] = {word_of("a"), word_of("b")};
    for (int i = 0; i < 2; i++)
        du_ledger_post(ledger, &words[i].entry);
    du_ledger_close(&ledger);
    assert_int_equal(words[1].result, DU_OK);
    ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    assert_words(ledger, "a b ");
    du_ledger_close(&ledger);
}

static void a_full_disk_costs_the_reserve_before_it_costs_an_entry(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct du_ledger *ledger = fixture_ledger(fixture, "l.db", SCHEMA, true);
    struct word first = word_of("first"), second = word_of("second");
    assert_int_equal(access(fixture_path(fixture, "l.db.reserve", path), F_OK), 0);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_FULL, 0, 1);
    du_ledger_post(ledger, &first.entry);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_int_equal(first.result, DU_OK);
    assert_int_equal(access(path, F_OK), -1);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_FULL, 0, -1);
    du_ledger_post(ledger, &second.entry);
    assert_int_equal(du_ledger_flush(ledger), DU_STORE);
    assert_int_equal(second.result, DU_STORE);
    du_ledger_close(&ledger);
}

static void the_reserve_is_set_aside_again_when_there_is_space(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct du_ledger *ledger = fixture_ledger(fixture, "l.db", SCHEMA, true);
    fixture_path(fixture, "l.db.reserve", path);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_FULL, 0, 1);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_int_equal(access(path, F_OK), -1);
    du_clock_advance(&fixture->base.clock, 60000);
    /* The first is done before the reserve is looked at, the second after. */
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    assert_int_equal(access(path, F_OK), 0);
    du_ledger_close(&ledger);
}

static enum du_error_kind open_ledger(struct fixture *fixture, const char *name,
                                      struct du_error *error) {
    char path[FIXTURE_PATH];
    struct du_ledger *ledger;
    enum du_error_kind kind = du_ledger_open(
        &ledger, &fixture->base, fixture_path(fixture, name, path), SCHEMA, false, error);
    du_ledger_close(&ledger);
    return kind;
}

static void what_is_no_ledger_says_so(void **state) {
    char path[FIXTURE_PATH];
    struct du_error error;
    FILE *file = fopen(fixture_path(*state, "text.db", path), "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(open_ledger(*state, "text.db", &error), DU_STORE);
    assert_non_null(strstr(error.message, "not a database"));
    assert_non_null(strstr(error.message, path));
    assert_int_equal(open_ledger(*state, "no/such/folder.db", &error), DU_STORE);
    assert_non_null(strstr(error.message, "unable to open"));
    du_faults_arm(&((struct fixture *)*state)->base.faults, DU_FAULT_LEDGER_OPEN, SQLITE_CANTOPEN,
                  0, 1);
    assert_int_equal(open_ledger(*state, "l.db", &error), DU_STORE);
    assert_int_equal(open_ledger(*state, "l.db", &error), DU_OK);
}

static void a_corrupt_ledger_says_so(void **state) {
    char path[FIXTURE_PATH], junk[4096];
    struct du_error error;
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    struct word word = word_of("a");
    du_ledger_post(ledger, &word.entry);
    du_ledger_close(&ledger);
    int fd = open(fixture_path(*state, "l.db", path), O_WRONLY);
    memset(junk, 0xa5, sizeof junk);
    assert_int_equal(pwrite(fd, junk, 3000, 100), 3000);
    close(fd);
    assert_int_equal(open_ledger(*state, "l.db", &error), DU_STORE);
    assert_non_null(strstr(error.message, "malformed"));
}

static void a_ledger_that_somebody_else_holds_says_so(void **state) {
    char path[FIXTURE_PATH];
    struct du_error error;
    sqlite3 *other;
    assert_int_equal(open_ledger(*state, "l.db", &error), DU_OK);
    assert_int_equal(sqlite3_open(fixture_path(*state, "l.db", path), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(open_ledger(*state, "l.db", &error), DU_STORE);
    assert_non_null(strstr(error.message, "locked"));
    sqlite3_close(other);
}

static void a_wrong_query_is_an_error(void **state) {
    struct du_error error;
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    assert_int_equal(du_ledger_read(ledger, "SELECT x FROM nothing", add_row, NULL, &error),
                     DU_STORE);
    assert_non_null(strstr(error.message, "nothing"));
    du_ledger_close(&ledger);
}

static void no_memory_at_open_is_an_error(void **state) {
    struct fixture *fixture = *state;
    enum du_error_kind kind = DU_MEMORY;
    int64_t refused = 0;
    for (; kind == DU_MEMORY; refused++) {
        du_mem_fail_after(refused);
        kind = open_ledger(fixture, "l.db", NULL);
        du_mem_fail_after(-1);
    }
    assert_int_equal(kind, DU_OK);
    assert_true(refused > 3);
}

enum { THREADS = 4, WORDS = 200 };

static void *post_words(void *user) {
    static _Thread_local struct word words[WORDS];
    for (int i = 0; i < WORDS; i++) {
        words[i] = word_of("w");
        du_ledger_post(user, &words[i].entry);
    }
    enum du_error_kind kind = du_ledger_flush(user);
    int good = kind == DU_OK;
    for (int i = 0; i < WORDS; i++)
        good = good && words[i].result == DU_OK && words[i].calls == 1;
    return good ? user : NULL;
}

static bool count_row(void *user, sqlite3_stmt *statement) {
    *(int *)user = sqlite3_column_int(statement, 0);
    return true;
}

static void threads_post_to_one_ledger(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    pthread_t threads[THREADS];
    int count = 0;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_words, ledger), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_ptr_equal(result, ledger);
    }
    assert_int_equal(du_ledger_read(ledger, "SELECT count(*) FROM words", count_row, &count, NULL),
                     DU_OK);
    assert_int_equal(count, THREADS * WORDS);
    du_ledger_close(&ledger);
}

/* Patience is real time, and ends by itself. */
static void a_patient_entry_is_written_although_nothing_else_comes(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    sem_t written, go;
    sem_init(&written, 0, 0);
    sem_init(&go, 0, 1);
    struct word word = word_of("a");
    word.entry.patient = true;
    word.entered = &written;
    word.go = &go;
    du_ledger_post(ledger, &word.entry);
    sem_wait(&written);
    assert_int_equal(word.result, DU_OK);
    du_ledger_close(&ledger);
    sem_destroy(&written);
    sem_destroy(&go);
}

static void patient_entries_go_with_the_next_that_is_not_and_in_order(void **state) {
    struct du_ledger *ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    struct word words[] = {word_of("a"), word_of("b"), word_of("c"), word_of("d")};
    words[0].entry.patient = words[1].entry.patient = words[3].entry.patient = true;
    for (int i = 0; i < 4; i++)
        du_ledger_post(ledger, &words[i].entry);
    du_ledger_close(&ledger);
    for (int i = 0; i < 4; i++)
        assert_int_equal(words[i].calls, 1);
    ledger = fixture_ledger(*state, "l.db", SCHEMA, false);
    assert_words(ledger, "a b c d ");
    du_ledger_close(&ledger);
}

static void its_files_are_their_owners_only(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct stat status;
    struct word word = word_of("x");
    struct du_ledger *ledger = fixture_ledger(fixture, "words.db", SCHEMA, false);
    du_ledger_post(ledger, &word.entry);
    assert_int_equal(du_ledger_flush(ledger), DU_OK);
    for (const char *const *name = (const char *const[]){"words.db", "words.db-wal", NULL};
         *name != NULL; name++) {
        assert_int_equal(stat(fixture_path(fixture, *name, path), &status), 0);
        assert_int_equal(status.st_mode & 077, 0);
    }
    du_ledger_close(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(its_files_are_their_owners_only),
        FIXTURE_TEST(entries_are_applied_in_order_and_done_once),
        FIXTURE_TEST(what_waits_together_commits_together),
        FIXTURE_TEST(one_bad_entry_does_not_take_its_neighbours_down),
        FIXTURE_TEST(a_failing_commit_is_reported_and_over_when_it_is_over),
        FIXTURE_TEST(a_patient_entry_is_written_although_nothing_else_comes),
        FIXTURE_TEST(patient_entries_go_with_the_next_that_is_not_and_in_order),
        FIXTURE_TEST(closing_commits_what_was_posted),
        FIXTURE_TEST(a_full_disk_costs_the_reserve_before_it_costs_an_entry),
        FIXTURE_TEST(the_reserve_is_set_aside_again_when_there_is_space),
        FIXTURE_TEST(what_is_no_ledger_says_so),
        FIXTURE_TEST(a_corrupt_ledger_says_so),
        FIXTURE_TEST(a_ledger_that_somebody_else_holds_says_so),
        FIXTURE_TEST(a_wrong_query_is_an_error),
        FIXTURE_TEST(no_memory_at_open_is_an_error),
        FIXTURE_TEST(threads_post_to_one_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
