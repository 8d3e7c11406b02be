#include "audit.h"
#include "fixture.h"

#include <pthread.h>

struct store {
    struct du_ledger *journal;
    struct du_audit *audit;
};

static struct store open_store(struct fixture *fixture) {
    struct store store = {.journal = fixture_ledger(fixture, "journal.db", DU_AUDIT_SCHEMA, false)};
    assert_int_equal(du_audit_new(&store.audit, &fixture->base, store.journal, NULL), DU_OK);
    return store;
}

static void close_store(struct store *store) {
    du_ledger_close(&store->journal);
    du_audit_free(&store->audit);
}

static const struct du_audit_request pull = {.kind = "pull",
                                             .member = "ada",
                                             .credential = "password",
                                             .application = "tool",
                                             .version = "1.0",
                                             .address = "192.0.2.1",
                                             .request = "r-1"};

static void end(struct store *store, uint64_t number, enum du_audit_outcome outcome,
                const char *reason, int64_t bytes) {
    struct du_audit_end how = {.outcome = outcome, .reason = reason, .bytes = bytes};
    du_audit_end(store->audit, number, &how);
}

static bool add_event(void *user, const struct du_audit_row *row) {
    strcat(user, row->event);
    strcat(user, " ");
    return true;
}

/* The events that match, parted by spaces. */
static const char *events(struct store *store, struct du_audit_filter filter) {
    static char text[1024];
    text[0] = '\0';
    du_ledger_flush(store->journal);
    assert_int_equal(du_audit_read(store->journal, &filter, add_event, text, NULL), DU_OK);
    return text;
}

static const char *all(struct store *store) {
    return events(store, (struct du_audit_filter){0});
}

static bool keep_last(void *user, const struct du_audit_row *row) {
    int size = snprintf(user, 512, "%lld %lld %s|%s|%s|%s|%s|%s|%s|%s|%s|%s|%s",
                        (long long)row->at_ms, (long long)row->bytes, row->event, row->kind,
                        row->member, row->credential, row->application, row->version, row->digest,
                        row->asset, row->address, row->request, row->reason);
    return size > 0;
}

static void a_request_ends_with_all_that_it_was(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    char last[512];
    uint64_t number = du_audit_begin(store.audit, &pull);
    du_clock_advance(&fixture->base.clock, 1500);
    struct du_audit_end how = {.outcome = DU_AUDIT_COMPLETED, .digest = "sha256:ab", .bytes = 77};
    du_audit_end(store.audit, number, &how);
    du_ledger_flush(store.journal);
    assert_int_equal(
        du_audit_read(store.journal, &(struct du_audit_filter){0}, keep_last, last, NULL), DU_OK);
    char expected[512];
    snprintf(expected, sizeof expected,
             "%lld 77 completed|pull|ada|password|tool|1.0|sha256:ab||192.0.2.1|r-1|",
             FIXTURE_WALL_S * 1000LL + 1500);
    assert_string_equal(last, expected);
    assert_string_equal(all(&store), "requested completed ");
    close_store(&store);
}

struct tally {
    int requested, completed, others;
};

static bool count_row(void *user, const struct du_audit_row *row) {
    struct tally *tally = user;
    bool requested = strcmp(row->event, "requested") == 0;
    bool completed = strcmp(row->event, "completed") == 0;
    tally->requested += requested;
    tally->completed += completed;
    tally->others += !requested && !completed;
    return true;
}

static void of_several_ends_the_first_counts(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    uint64_t first = du_audit_begin(store.audit, &pull),
             second = du_audit_begin(store.audit, &pull);
    assert_int_not_equal(first, second);
    du_clock_advance(&fixture->base.clock, 1);
    end(&store, first, DU_AUDIT_DENIED, "DailyCap", 0);
    end(&store, first, DU_AUDIT_COMPLETED, NULL, 5);
    end(&store, 99, DU_AUDIT_COMPLETED, NULL, 5);
    end(&store, second, DU_AUDIT_ABORTED, NULL, 3);
    assert_string_equal(all(&store), "requested requested denied aborted ");
    close_store(&store);
}

/* Keeps the journal's writer busy while it is locked. */
struct gate {
    struct du_entry entry;
    pthread_mutex_t closed;
};

static int pass(struct du_entry *entry, sqlite3 *database) {
    struct gate *gate = (struct gate *)entry;
    (void)database;
    pthread_mutex_lock(&gate->closed);
    pthread_mutex_unlock(&gate->closed);
    return SQLITE_OK;
}

/* What the journal has written so far. */
static uint64_t entries(struct store *store) {
    uint64_t count, commits;
    bool failing;
    du_ledger_flush(store->journal);
    du_ledger_figures(store->journal, &count, &commits, &failing);
    return count;
}

static void a_request_that_ends_before_it_is_written_is_written_with_its_end(void **state) {
    /* More than there are places for, of which the one that never ends has one. */
    enum { REQUESTS = 2000, TOGETHER = 1024 - 1, OTHERS = REQUESTS - TOGETHER };
    struct store store = open_store(*state);
    struct gate gate = {.entry.apply = pass, .closed = PTHREAD_MUTEX_INITIALIZER};
    uint64_t before = entries(&store);
    pthread_mutex_lock(&gate.closed);
    du_ledger_post(store.journal, &gate.entry);
    du_audit_begin(store.audit, &pull); /* never ends */
    for (int i = 0; i < REQUESTS; i++) {
        uint64_t number = du_audit_begin(store.audit, &pull);
        end(&store, number, DU_AUDIT_COMPLETED, NULL, i);
        end(&store, number, DU_AUDIT_ABORTED, NULL, i);
    }
    pthread_mutex_unlock(&gate.closed);
    uint64_t gate_open_flush = 3;
    assert_int_equal(entries(&store) - before, gate_open_flush + TOGETHER + 3 * OTHERS);
    struct tally tally = {0};
    assert_int_equal(
        du_audit_read(store.journal, &(struct du_audit_filter){0}, count_row, &tally, NULL), DU_OK);
    assert_int_equal(tally.requested, REQUESTS + 1);
    assert_int_equal(tally.completed, REQUESTS);
    assert_int_equal(tally.others, 0);
    close_store(&store);
    store = open_store(*state); /* only the one was left open */
    assert_int_equal(du_ledger_flush(store.journal), DU_OK);
    tally = (struct tally){0};
    assert_int_equal(
        du_audit_read(store.journal, &(struct du_audit_filter){0}, count_row, &tally, NULL), DU_OK);
    assert_int_equal(tally.others, 1);
    close_store(&store);
}

static void what_a_crash_left_open_is_interrupted_at_the_next_start(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    uint64_t ended = du_audit_begin(store.audit, &pull);
    du_audit_begin(store.audit, &pull);
    du_clock_advance(&fixture->base.clock, 1);
    end(&store, ended, DU_AUDIT_FAILED_UPSTREAM, "Transport", 0);
    close_store(&store);
    for (int i = 0; i < 2; i++) {
        store = open_store(*state);
        assert_string_equal(all(&store), "requested requested failed_upstream interrupted ");
        close_store(&store);
    }
    /* The same number in another process is another request. */
    store = open_store(*state);
    uint64_t number = du_audit_begin(store.audit, &pull);
    assert_int_equal(number, ended);
    end(&store, number, DU_AUDIT_COMPLETED, NULL, 1);
    assert_string_equal(all(&store), "requested requested failed_upstream interrupted "
                                     "requested completed ");
    close_store(&store);
}

static void reading_filters(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    struct du_audit_request other = {
        .kind = "download", .member = "o'bob", .application = "game", .digest = "sha256:cd"};
    du_audit_begin(store.audit, &pull);
    du_clock_advance(&fixture->base.clock, 60000);
    end(&store, du_audit_begin(store.audit, &other), DU_AUDIT_COMPLETED, NULL, 1);
    assert_string_equal(events(&store, (struct du_audit_filter){.member = "o'bob"}),
                        "requested completed ");
    assert_string_equal(events(&store, (struct du_audit_filter){.member = "ada"}), "requested ");
    assert_string_equal(events(&store, (struct du_audit_filter){.application = "tool"}),
                        "requested ");
    assert_string_equal(events(&store, (struct du_audit_filter){.digest = "sha256:cd"}),
                        "completed ");
    assert_string_equal(
        events(&store, (struct du_audit_filter){.since_ms = FIXTURE_WALL_S * 1000LL + 1}),
        "requested completed ");
    assert_string_equal(
        events(&store, (struct du_audit_filter){.member = "ada", .application = "game"}), "");
    close_store(&store);
}

/* One request, of that asset; its digest is told at the end, where it is known. */
static void end_one(struct store *store, const char *asset, const struct du_audit_end *how) {
    struct du_audit_request request = {
        .kind = "download", .member = "ada", .application = "a", .version = "1", .asset = asset};
    du_audit_end(store->audit, du_audit_begin(store->audit, &request), how);
}

static void by_digest_are_those_who_may_have_received_it(void **state) {
    struct store store = open_store(*state);
    static const struct du_audit_end ends[] = {
        {.outcome = DU_AUDIT_COMPLETED, .digest = "sha256:ab"}, /* an empty file */
        {.outcome = DU_AUDIT_ABORTED, .bytes = 1},              /* before it was known */
        {.outcome = DU_AUDIT_INTERRUPTED},
        {.outcome = DU_AUDIT_FAILED, .digest = "sha256:ab", .bytes = 5},
    };
    static const struct du_audit_end others[] = {
        {.outcome = DU_AUDIT_COMPLETED, .digest = "sha256:ab", .reason = "not_modified"},
        {.outcome = DU_AUDIT_DENIED, .digest = "sha256:ab", .reason = "DailyCap"},
        {.outcome = DU_AUDIT_ABORTED},
        {.outcome = DU_AUDIT_FAILED_UPSTREAM, .reason = "Transport"},
        {.outcome = DU_AUDIT_COMPLETED, .digest = "sha256:cd", .bytes = 5},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        end_one(&store, "x", &others[i]);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        end_one(&store, "x", &ends[i]);
    struct du_audit_end unknown = {.outcome = DU_AUDIT_ABORTED, .bytes = 1};
    end_one(&store, "y", &unknown);
    assert_string_equal(events(&store, (struct du_audit_filter){.digest = "sha256:ab"}),
                        "completed aborted interrupted failed ");
    close_store(&store);
}

static void a_files_rows_are_read_while_an_engine_has_it(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    char path[FIXTURE_PATH], last[512];
    fixture_path(fixture, "journal.db", path);
    du_audit_begin(store.audit, &pull);
    du_ledger_flush(store.journal);
    struct du_audit_filter every = {0};
    assert_int_equal(du_audit_read_file(path, &every, keep_last, last, NULL), DU_OK);
    assert_non_null(strstr(last, "requested|pull|ada"));
    struct du_error error;
    assert_int_equal(du_audit_read_file("/nowhere/journal.db", &every, keep_last, last, &error),
                     DU_STORE);
    assert_non_null(strstr(error.message, "/nowhere/journal.db"));
    close_store(&store);
}

static void what_is_older_than_is_kept_goes(void **state) {
    enum { OLD = 1100, DAY_MS = 86400000 }; /* more than go at a time */
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    du_audit_keep(store.audit, 2 * (int64_t)DAY_MS);
    struct du_audit_end done = {.outcome = DU_AUDIT_COMPLETED};
    for (int i = 0; i < OLD / 2; i++)
        end_one(&store, "x", &done);
    du_ledger_flush(store.journal);
    du_clock_advance(&fixture->base.clock, DAY_MS);
    end_one(&store, "y", &done);
    du_ledger_flush(store.journal);
    du_clock_advance(&fixture->base.clock, DAY_MS + 1);
    for (int i = 0; i < 3; i++) { /* each event takes some of them along */
        end_one(&store, "z", &done);
        du_ledger_flush(store.journal);
    }
    assert_string_equal(all(&store), "requested completed requested completed requested completed "
                                     "requested completed ");
    close_store(&store);
}

static void what_cannot_be_written_is_counted_as_lost(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    du_ledger_flush(store.journal);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    uint64_t number = du_audit_begin(store.audit, &pull);
    du_ledger_flush(store.journal);
    assert_int_equal(du_audit_lost(store.audit), 1);
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    end(&store, number, DU_AUDIT_COMPLETED, NULL, 1);
    assert_string_equal(all(&store), "");
    du_mem_fail_after(0);
    number = du_audit_begin(store.audit, &pull);
    end(&store, number, DU_AUDIT_COMPLETED, NULL, 1);
    du_mem_fail_after(-1);
    assert_int_equal(du_audit_lost(store.audit), 3);
    close_store(&store);
}

static void outcomes_have_names_both_ways(void **state) {
    (void)state;
    enum du_audit_outcome outcome;
    assert_true(du_audit_outcome_of("failed_upstream", &outcome));
    assert_int_equal(outcome, DU_AUDIT_FAILED_UPSTREAM);
    assert_string_equal(du_audit_outcome_name(DU_AUDIT_INTERRUPTED), "interrupted");
    assert_false(du_audit_outcome_of("requested", &outcome));
}

enum { THREADS = 4, ROUNDS = 100 };

static void *churn(void *user) {
    struct store *store = user;
    for (int i = 0; i < ROUNDS; i++)
        end(store, du_audit_begin(store->audit, &pull), DU_AUDIT_COMPLETED, NULL, i);
    return NULL;
}

static void threads_share_the_audit(void **state) {
    struct store store = open_store(*state);
    pthread_t threads[THREADS];
    struct tally tally = {0};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &store), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    du_ledger_flush(store.journal);
    assert_int_equal(
        du_audit_read(store.journal, &(struct du_audit_filter){0}, count_row, &tally, NULL), DU_OK);
    assert_int_equal(tally.completed, THREADS * ROUNDS);
    assert_int_equal(tally.requested, THREADS * ROUNDS);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_request_ends_with_all_that_it_was),
        FIXTURE_TEST(of_several_ends_the_first_counts),
        FIXTURE_TEST(a_request_that_ends_before_it_is_written_is_written_with_its_end),
        FIXTURE_TEST(what_a_crash_left_open_is_interrupted_at_the_next_start),
        FIXTURE_TEST(reading_filters),
        FIXTURE_TEST(by_digest_are_those_who_may_have_received_it),
        FIXTURE_TEST(a_files_rows_are_read_while_an_engine_has_it),
        FIXTURE_TEST(what_is_older_than_is_kept_goes),
        FIXTURE_TEST(what_cannot_be_written_is_counted_as_lost),
        FIXTURE_TEST(outcomes_have_names_both_ways),
        FIXTURE_TEST(threads_share_the_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
