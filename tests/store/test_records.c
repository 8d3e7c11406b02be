#include "fixture.h"
#include "records.h"

#include <pthread.h>

struct store {
    struct du_ledger *journal;
    struct du_records *records;
};

static struct store open_store(struct fixture *fixture) {
    struct store store = {.journal =
                              fixture_ledger(fixture, "journal.db", DU_RECORDS_SCHEMA, false)};
    struct du_error error;
    if (du_records_new(&store.records, &fixture->base, store.journal, &error) != DU_OK)
        fail_msg("%s", error.message);
    return store;
}

static void close_store(struct store *store) {
    du_records_free(&store->records);
    du_ledger_close(&store->journal);
}

static void put(struct store *store, const char *bucket, const char *key, const char *text) {
    assert_int_equal(
        du_records_put(store->records, bucket, key, text, strlen(text), NULL, NULL, NULL), DU_OK);
}

static void forget(struct store *store, const char *bucket, const char *key) {
    assert_int_equal(du_records_delete(store->records, bucket, key, NULL, NULL, NULL), DU_OK);
}

/* text NULL: not there. */
static void assert_record(struct store *store, const char *bucket, const char *key,
                          const char *text) {
    struct du_record *record = du_records_get(store->records, bucket, key);
    if (text == NULL) {
        assert_null(record);
        return;
    }
    assert_non_null(record);
    assert_string_equal(record->data, text);
    assert_int_equal(record->size, strlen(text));
    assert_string_equal(record->bucket, bucket);
    assert_string_equal(record->key, key);
    du_record_unref(&record);
}

static void what_was_put_is_got_at_once_and_after_a_restart(void **state) {
    struct store store = open_store(*state);
    put(&store, "tags", "tool 1.0", "sha256:aa");
    put(&store, "tags", "tool 1.1", "");
    put(&store, "tags", "gone", "x");
    put(&store, "tags", "tool 1.0", "sha256:bb");
    put(&store, "releases", "tool 1.0", "{}");
    forget(&store, "tags", "gone");
    forget(&store, "tags", "never there");
    for (int i = 0; i < 2; i++) {
        assert_record(&store, "tags", "tool 1.0", "sha256:bb");
        assert_record(&store, "tags", "tool 1.1", "");
        assert_record(&store, "releases", "tool 1.0", "{}");
        assert_record(&store, "tags", "gone", NULL);
        assert_record(&store, "tags", "tool 1", NULL);
        assert_int_equal(du_records_count(store.records), 3);
        close_store(&store);
        store = open_store(*state);
    }
    close_store(&store);
}

static void values_are_bytes(void **state) {
    struct store store = open_store(*state);
    static const char bytes[] = {0, 1, (char)0xff, 0};
    assert_int_equal(du_records_put(store.records, "b", "k", bytes, sizeof bytes, NULL, NULL, NULL),
                     DU_OK);
    close_store(&store);
    store = open_store(*state);
    struct du_record *record = du_records_get(store.records, "b", "k");
    assert_int_equal(record->size, sizeof bytes);
    assert_memory_equal(record->data, bytes, sizeof bytes);
    du_record_unref(&record);
    close_store(&store);
}

static void a_bucket_and_a_key_never_run_into_each_other(void **state) {
    struct store store = open_store(*state);
    put(&store, "ab", "c", "1");
    put(&store, "a", "bc", "2");
    assert_record(&store, "ab", "c", "1");
    assert_record(&store, "a", "bc", "2");
    close_store(&store);
}

static void who_holds_a_record_keeps_it(void **state) {
    struct store store = open_store(*state);
    put(&store, "b", "k", "old");
    struct du_record *record = du_records_get(store.records, "b", "k");
    put(&store, "b", "k", "new");
    forget(&store, "b", "k");
    close_store(&store);
    assert_string_equal(record->data, "old");
    du_record_unref(&record);
}

static bool add_key(void *user, const struct du_record *record) {
    strcat(user, record->key);
    strcat(user, " ");
    return strcmp(record->key, "stop") != 0;
}

static void each_visits_a_prefix_of_one_bucket_in_order(void **state) {
    struct store store = open_store(*state);
    char keys[128] = "";
    put(&store, "blobs", "tool/2", "");
    put(&store, "blobs", "tool/1", "");
    put(&store, "blobs", "tool/10", "");
    put(&store, "blobs", "toolbox/1", "");
    put(&store, "other", "tool/3", "");
    assert_int_equal(du_records_each(store.records, "blobs", "tool/", add_key, keys), DU_OK);
    assert_string_equal(keys, "tool/1 tool/10 tool/2 ");
    keys[0] = '\0';
    put(&store, "blobs", "stop", "");
    assert_int_equal(du_records_each(store.records, "blobs", "", add_key, keys), DU_OK);
    assert_string_equal(keys, "stop ");
    close_store(&store);
}

static bool delete_it(void *user, const struct du_record *record) {
    forget(user, record->bucket, record->key);
    return true;
}

static void each_may_change_the_map(void **state) {
    struct store store = open_store(*state);
    put(&store, "blobs", "a", "");
    put(&store, "blobs", "b", "");
    assert_int_equal(du_records_each(store.records, "blobs", "", delete_it, &store), DU_OK);
    assert_int_equal(du_records_count(store.records), 0);
    close_store(&store);
}

static void too_long_or_empty_is_refused(void **state) {
    struct store store = open_store(*state);
    struct du_error error;
    char *text = malloc(DU_RECORDS_VALUE_MOST + 1);
    memset(text, 'a', DU_RECORDS_VALUE_MOST + 1);
    assert_int_equal(du_records_put(store.records, "b", "k", text, DU_RECORDS_VALUE_MOST + 1, NULL,
                                    NULL, &error),
                     DU_STORE);
    assert_int_equal(
        du_records_put(store.records, "b", "k", text, DU_RECORDS_VALUE_MOST, NULL, NULL, NULL),
        DU_OK);
    text[DU_RECORDS_KEY_MOST + 1] = '\0';
    assert_int_equal(du_records_put(store.records, "b", text, "", 0, NULL, NULL, &error), DU_STORE);
    assert_null(du_records_get(store.records, "b", text));
    text[DU_RECORDS_KEY_MOST] = '\0';
    assert_int_equal(du_records_put(store.records, "b", text, "", 0, NULL, NULL, NULL), DU_OK);
    text[DU_RECORDS_BUCKET_MOST + 1] = '\0';
    assert_int_equal(du_records_put(store.records, text, "k", "", 0, NULL, NULL, &error), DU_STORE);
    assert_int_equal(du_records_put(store.records, "b", "", "", 0, NULL, NULL, &error), DU_STORE);
    assert_int_equal(du_records_delete(store.records, "", "k", NULL, NULL, &error), DU_STORE);
    free(text);
    close_store(&store);
}

struct outcome {
    int calls;
    enum du_error_kind result;
};

static void note(void *user, enum du_error_kind result) {
    struct outcome *outcome = user;
    outcome->calls++;
    outcome->result = result;
}

static void done_says_whether_a_change_is_in_the_journal(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    struct outcome good = {0}, bad = {0};
    assert_int_equal(du_records_put(store.records, "b", "k", "1", 1, note, &good, NULL), DU_OK);
    du_ledger_flush(store.journal);
    assert_int_equal(good.calls, 1);
    assert_int_equal(good.result, DU_OK);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    assert_int_equal(du_records_delete(store.records, "b", "k", note, &bad, NULL), DU_OK);
    du_ledger_flush(store.journal);
    assert_int_equal(bad.calls, 1);
    assert_int_equal(bad.result, DU_STORE);
    /* Memory rules until the next start. */
    assert_record(&store, "b", "k", NULL);
    close_store(&store);
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    store = open_store(fixture);
    assert_record(&store, "b", "k", "1");
    close_store(&store);
}

static void without_a_journal_it_is_memory_only(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    struct outcome outcome = {0};
    assert_int_equal(du_records_new(&store.records, &fixture->base, NULL, NULL), DU_OK);
    assert_int_equal(du_records_put(store.records, "b", "k", "1", 1, note, &outcome, NULL), DU_OK);
    assert_int_equal(outcome.calls, 1);
    assert_record(&store, "b", "k", "1");
    assert_int_equal(du_records_delete(store.records, "b", "k", note, &outcome, NULL), DU_OK);
    assert_int_equal(outcome.calls, 2);
    assert_record(&store, "b", "k", NULL);
    close_store(&store);
}

static void no_memory_at_any_point_changes_nothing(void **state) {
    struct store store = open_store(*state);
    bool stored = false;
    put(&store, "b", "first", "x");
    for (int64_t i = 0; !stored; i++) {
        du_mem_fail_after(i);
        stored = du_records_put(store.records, "b", "k", "1", 1, NULL, NULL, NULL) == DU_OK;
        du_mem_fail_after(-1);
        assert_record(&store, "b", "k", stored ? "1" : NULL);
    }
    du_mem_fail_after(0);
    assert_int_equal(du_records_delete(store.records, "b", "k", NULL, NULL, NULL), DU_MEMORY);
    assert_int_equal(du_records_each(store.records, "b", "", add_key, NULL), DU_MEMORY);
    du_mem_fail_after(-1);
    assert_record(&store, "b", "k", "1");
    close_store(&store);
}

enum { THREADS = 4, ROUNDS = 200 };

static void *churn(void *user) {
    struct store *store = user;
    static const char *const keys[] = {"a", "b", "c"};
    for (int i = 0; i < ROUNDS; i++) {
        const char *key = keys[i % 3];
        put(store, "b", key, key);
        struct du_record *record = du_records_get(store->records, "b", key);
        if (record != NULL && strcmp(record->data, key) != 0)
            return NULL;
        if (i % 5 == 0)
            forget(store, "b", key);
        du_record_unref(&record);
    }
    return user;
}

static void threads_share_the_map(void **state) {
    struct store store = open_store(*state);
    pthread_t threads[THREADS];
    char before[64] = "", after[64] = "";
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &store), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    assert_int_equal(du_records_each(store.records, "b", "", add_key, before), DU_OK);
    close_store(&store);
    store = open_store(*state);
    assert_int_equal(du_records_each(store.records, "b", "", add_key, after), DU_OK);
    assert_string_equal(before, after);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_put_is_got_at_once_and_after_a_restart),
        FIXTURE_TEST(values_are_bytes),
        FIXTURE_TEST(a_bucket_and_a_key_never_run_into_each_other),
        FIXTURE_TEST(who_holds_a_record_keeps_it),
        FIXTURE_TEST(each_visits_a_prefix_of_one_bucket_in_order),
        FIXTURE_TEST(each_may_change_the_map),
        FIXTURE_TEST(too_long_or_empty_is_refused),
        FIXTURE_TEST(done_says_whether_a_change_is_in_the_journal),
        FIXTURE_TEST(without_a_journal_it_is_memory_only),
        FIXTURE_TEST(no_memory_at_any_point_changes_nothing),
        FIXTURE_TEST(threads_share_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
