#include "indexing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

static void a_blob_is_found_by_its_digest_and_read(void **state) {
    struct store store = {0};
    open_store(&store, *state, false);
    struct du_digest digest = digest_of("layer");
    assert_null(du_index_find(store.index, &digest));
    put(&store, "layer", NULL, NULL);
    struct du_blob *blob = du_index_find(store.index, &digest);
    assert_non_null(blob);
    assert_int_equal(du_blob_size(blob), 5);
    assert_true(du_digest_equal(du_blob_digest(blob), &digest));
    assert_reads(blob, "layer");
    struct du_blob *second = du_blob_ref(blob);
    du_blob_unref(&blob);
    assert_reads(second, "layer");
    du_blob_unref(&second);
    assert_int_equal(du_index_count(store.index), 1);
    assert_int_equal(du_index_bytes(store.index), 5);
    close_store(&store);
}

static void a_name_is_found_under_its_version_only(void **state) {
    struct store store = {0};
    open_store(&store, *state, false);
    put(&store, "asset", "tool 1.0 a.tgz", "row 7");
    assert_true(has_name(&store, "tool 1.0 a.tgz", "row 7"));
    assert_true(has_name(&store, "tool 1.0 a.tgz", NULL));
    assert_false(has_name(&store, "tool 1.0 a.tgz", "row 8"));
    assert_false(has_name(&store, "tool 1.0 b.tgz", NULL));
    close_store(&store);
}

static void a_replaced_name_drops_the_file_that_nothing_else_refers_to(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "old", "a", "1");
    put(&store, "shared", "b", "1");
    put(&store, "shared", "c", "1");
    put(&store, "new", "a", "2");
    put(&store, "new", "b", "2");
    assert_false(on_disk(&store, "old"));
    assert_false(has(&store, "old"));
    assert_true(on_disk(&store, "shared"));
    assert_true(has_name(&store, "c", "1"));
    assert_true(has_name(&store, "a", "2"));
    assert_int_equal(du_index_count(store.index), 2);
    assert_int_equal(du_index_bytes(store.index), 9);
    close_store(&store);
}

static void a_forgotten_name_takes_its_file_along_unless_stored_by_digest(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "asset", "a", NULL);
    put(&store, "layer", "b", NULL);
    put(&store, "layer", NULL, NULL);
    assert_true(du_index_forget(store.index, "a"));
    assert_true(du_index_forget(store.index, "b"));
    assert_false(du_index_forget(store.index, "b"));
    assert_false(on_disk(&store, "asset"));
    assert_true(on_disk(&store, "layer"));
    assert_true(has(&store, "layer"));
    close_store(&store);
}

static void a_pinned_blob_stays_readable_until_its_last_pin_is_gone(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "asset", "a", NULL);
    struct du_blob *blob = du_index_find_name(store.index, "a", NULL);
    assert_true(du_index_forget(store.index, "a"));
    assert_false(has(&store, "asset"));
    assert_true(on_disk(&store, "asset"));
    assert_reads(blob, "asset");
    du_blob_unref(&blob);
    assert_false(on_disk(&store, "asset"));
    close_store(&store);
}

static void a_dropped_blob_is_gone_with_all_its_names(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "wrong", NULL, NULL);
    put(&store, "wrong", "a", NULL);
    put(&store, "wrong", "b", NULL);
    put(&store, "right", "c", NULL);
    struct du_digest digest = digest_of("wrong");
    du_index_drop(store.index, &digest);
    du_index_drop(store.index, &digest);
    assert_false(has(&store, "wrong") || has_name(&store, "a", NULL) ||
                 has_name(&store, "b", NULL));
    assert_true(has_name(&store, "c", NULL));
    assert_false(on_disk(&store, "wrong"));
    assert_int_equal(du_index_count(store.index), 1);
    close_store(&store);
}

static void what_is_stored_again_while_it_leaves_is_read_but_not_kept(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "asset", "a", NULL);
    struct du_blob *leaving = du_index_find_name(store.index, "a", NULL);
    assert_true(du_index_forget(store.index, "a"));
    struct du_blob *again = add(&store, "asset", "a", NULL);
    assert_reads(leaving, "asset");
    assert_reads(again, "asset");
    assert_false(has_name(&store, "a", NULL));
    du_blob_unref(&leaving);
    assert_false(on_disk(&store, "asset"));
    assert_reads(again, "asset");
    du_blob_unref(&again);
    put(&store, "asset", "a", NULL);
    assert_true(has_name(&store, "a", NULL) && on_disk(&store, "asset"));
    close_store(&store);
}

static void a_file_removed_under_its_writer_is_not_listed(void **state) {
    struct store store = {0};
    struct du_digest digest;
    struct du_blob *blob;
    open_store(&store, *state, true);
    int fd = publish(&store, "asset", &digest);
    assert_int_equal(du_blobs_remove(store.blobs, &digest, NULL), DU_OK);
    assert_int_equal(du_index_add(store.index, &digest, 5, fd, NULL, NULL, &blob), DU_OK);
    assert_reads(blob, "asset");
    assert_false(has(&store, "asset"));
    du_blob_unref(&blob);
    close_store(&store);
}

static void a_restart_finds_what_was_stored(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "layer", NULL, NULL);
    put(&store, "asset", "a", "1");
    put(&store, "gone", "b", "1");
    assert_true(du_index_forget(store.index, "b"));
    reopen(&store);
    assert_int_equal(du_index_count(store.index), 2);
    assert_true(has(&store, "layer"));
    assert_true(has_name(&store, "a", "1"));
    assert_false(has_name(&store, "b", NULL));
    /* Not stored by digest: it still goes with its name. */
    assert_true(du_index_forget(store.index, "a"));
    assert_false(on_disk(&store, "asset"));
    close_store(&store);
}

static void a_restart_drops_rows_without_files_and_takes_in_files_without_rows(void **state) {
    struct store store = {0};
    struct du_digest digest;
    open_store(&store, *state, true);
    put(&store, "row", "a", NULL);
    int fd = publish(&store, "file", &digest);
    close(fd);
    digest = digest_of("row");
    assert_int_equal(du_blobs_remove(store.blobs, &digest, NULL), DU_OK);
    for (int i = 0; i < 2; i++) {
        reopen(&store);
        assert_true(has(&store, "file"));
        assert_false(has(&store, "row") || has_name(&store, "a", NULL));
        assert_int_equal(du_index_count(store.index), 1);
        assert_int_equal(du_index_bytes(store.index), 4);
    }
    close_store(&store);
}

static void a_restart_drops_a_file_of_another_length_than_its_row(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "whole", NULL, NULL);
    struct du_blob *blob = add(&store, "whole", NULL, NULL);
    assert_int_equal(ftruncate(du_blob_open(blob, NULL), 3), 0);
    du_blob_unref(&blob);
    reopen(&store);
    assert_false(has(&store, "whole"));
    assert_false(on_disk(&store, "whole"));
    close_store(&store);
}

static void a_blob_that_cannot_be_opened_says_why(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    struct du_error error;
    struct du_digest digest = digest_of("layer");
    open_store(&store, fixture, false);
    put(&store, "layer", NULL, NULL);
    struct du_blob *blob = du_index_find(store.index, &digest);
    du_faults_arm(&fixture->base.faults, DU_FAULT_BLOB_READ, EIO, 0, 1);
    assert_int_equal(du_blob_open(blob, &error), -1);
    assert_int_equal(error.kind, DU_IO);
    assert_reads(blob, "layer");
    du_blob_unref(&blob);
    close_store(&store);
}

static void a_failing_journal_never_fails_the_index(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    open_store(&store, fixture, true);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    put(&store, "asset", "a", NULL);
    assert_true(has_name(&store, "a", NULL));
    assert_true(du_index_forget(store.index, "a"));
    du_ledger_flush(store.journal);
    assert_false(has(&store, "asset"));
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    close_store(&store);
}

static void no_memory_at_any_point_leaves_the_index_whole(void **state) {
    struct store store = {0};
    open_store(&store, *state, false);
    bool stored = false;
    for (int64_t i = 0; !stored; i++) {
        struct du_digest digest;
        struct du_blob *blob;
        int fd = publish(&store, "asset", &digest);
        du_mem_fail_after(i);
        enum du_error_kind kind = du_index_add(store.index, &digest, 5, fd, "a", "version", &blob);
        du_mem_fail_after(-1);
        stored = kind == DU_OK;
        assert_int_equal(blob != NULL, stored);
        assert_int_equal(du_index_count(store.index), stored ? 1 : 0);
        assert_int_equal(has_name(&store, "a", NULL), stored);
        du_blob_unref(&blob);
    }
    close_store(&store);
}

/* Threads that store, find, read, forget and drop the same few blobs: for the sanitizers, and every
 * read must give the right bytes. */
enum { ROUNDS = 150, THREADS = 4 };
static const char *const texts[] = {"one", "two", "three"};

static void *churn(void *user) {
    struct store *store = user;
    for (int i = 0; i < ROUNDS; i++) {
        const char *text = texts[i % 3];
        struct du_blob *blob = du_index_find_name(store->index, text, NULL);
        if (blob == NULL)
            blob = add(store, text, text, NULL);
        assert_reads(blob, text);
        if (i % 7 == 0)
            du_index_forget(store->index, text);
        if (i % 31 == 0)
            du_index_drop(store->index, du_blob_digest(blob));
        du_blob_unref(&blob);
    }
    return NULL;
}

static void threads_share_an_index(void **state) {
    struct store store = {0};
    pthread_t threads[THREADS];
    open_store(&store, *state, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &store), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_blob_is_found_by_its_digest_and_read),
        FIXTURE_TEST(a_name_is_found_under_its_version_only),
        FIXTURE_TEST(a_replaced_name_drops_the_file_that_nothing_else_refers_to),
        FIXTURE_TEST(a_forgotten_name_takes_its_file_along_unless_stored_by_digest),
        FIXTURE_TEST(a_pinned_blob_stays_readable_until_its_last_pin_is_gone),
        FIXTURE_TEST(a_dropped_blob_is_gone_with_all_its_names),
        FIXTURE_TEST(what_is_stored_again_while_it_leaves_is_read_but_not_kept),
        FIXTURE_TEST(a_file_removed_under_its_writer_is_not_listed),
        FIXTURE_TEST(a_restart_finds_what_was_stored),
        FIXTURE_TEST(a_restart_drops_rows_without_files_and_takes_in_files_without_rows),
        FIXTURE_TEST(a_restart_drops_a_file_of_another_length_than_its_row),
        FIXTURE_TEST(a_blob_that_cannot_be_opened_says_why),
        FIXTURE_TEST(a_failing_journal_never_fails_the_index),
        FIXTURE_TEST(no_memory_at_any_point_leaves_the_index_whole),
        FIXTURE_TEST(threads_share_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
