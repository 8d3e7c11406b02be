/* An index that is asked before it has read a row, and what loading then makes of it. */

#include "indexing.h"
#include "stock.h"

#include <pthread.h>

/* Opens the store of the life before anew; nothing is read until load_store. */
static void reopen_unread(struct store *store) {
    close_store(store);
    open_unread_store(store, store->fixture, true);
}

/* What is loaded now, and at the next start, too. */
static void assert_whole(struct store *store, size_t count, int64_t bytes) {
    assert_int_equal(du_index_count(store->index), count);
    assert_int_equal(du_index_bytes(store->index), bytes);
    reopen(store);
    assert_int_equal(du_index_count(store->index), count);
    assert_int_equal(du_index_bytes(store->index), bytes);
}

static void what_is_not_read_yet_is_found(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "layer", NULL, NULL);
    put(&store, "asset", "a", "1");
    reopen_unread(&store);
    assert_true(has(&store, "layer"));
    assert_false(has_name(&store, "a", "2"));
    struct du_blob *blob = du_index_find_name(store.index, "a", "1");
    assert_reads(blob, "asset");
    du_blob_unref(&blob);
    assert_false(has(&store, "nothing") || has_name(&store, "b", NULL));
    load_store(&store);
    assert_whole(&store, 2, 10);
    assert_true(has_name(&store, "a", "1"));
    close_store(&store);
}

static void a_name_that_was_forgotten_before_it_was_read_stays_forgotten(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "asset", "a", "1");
    put(&store, "both", "b", "1");
    put(&store, "both", "c", "1");
    reopen_unread(&store);
    assert_true(du_index_forget(store.index, "a"));
    assert_false(du_index_forget(store.index, "a"));
    assert_true(du_index_forget(store.index, "b"));
    assert_false(has_name(&store, "a", NULL) || has_name(&store, "b", NULL));
    assert_true(has_name(&store, "c", NULL));
    load_store(&store);
    assert_false(has_name(&store, "a", NULL) || has_name(&store, "b", NULL));
    assert_true(has_name(&store, "c", NULL));
    assert_false(on_disk(&store, "asset")); /* nothing refers to it */
    assert_true(on_disk(&store, "both"));
    reopen(&store);
    assert_int_equal(du_index_count(store.index), 1);
    close_store(&store);
}

static void a_name_that_was_replaced_before_it_was_read_is_the_new_one(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "old", "a", "1");
    reopen_unread(&store);
    put(&store, "newer", "a", "2");
    assert_false(has_name(&store, "a", "1"));
    assert_true(has_name(&store, "a", "2"));
    load_store(&store);
    assert_true(has_name(&store, "a", "2"));
    assert_false(has(&store, "old"));
    assert_false(on_disk(&store, "old"));
    assert_whole(&store, 1, 5);
    close_store(&store);
}

static void what_is_stored_again_before_it_was_read_keeps_how_it_was_known(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "layer", NULL, NULL);
    reopen_unread(&store);
    put(&store, "layer", "a", "1");
    load_store(&store);
    assert_true(du_index_forget(store.index, "a"));
    assert_true(has(&store, "layer")); /* still by its digest */
    assert_whole(&store, 1, 5);
    close_store(&store);
}

static void what_left_before_it_was_read_is_not_back_for_long(void **state) {
    struct store store = {0};
    struct du_digest digest = digest_of("bad");
    open_store(&store, *state, true);
    put(&store, "bad", "a", "1");
    put(&store, "good", "b", "1");
    reopen_unread(&store);
    assert_true(has(&store, "bad"));
    du_index_drop(store.index, &digest);
    assert_false(has(&store, "bad"));
    assert_false(on_disk(&store, "bad"));
    load_store(&store);
    assert_false(has(&store, "bad") || has_name(&store, "a", NULL));
    assert_whole(&store, 1, 4);
    close_store(&store);
}

static void what_was_made_visible_in_this_life_is_not_taken_for_a_leftover(void **state) {
    struct store store = {0};
    struct du_digest digest;
    struct du_blob *blob;
    open_store(&store, *state, true);
    reopen_unread(&store);
    int fd = publish(&store, "asset", &digest); /* not in the index yet */
    load_store(&store);
    assert_int_equal(du_index_count(store.index), 0);
    assert_int_equal(du_index_add(store.index, &digest, 5, fd, "a", NULL, &blob), DU_OK);
    du_blob_unref(&blob);
    assert_true(du_index_forget(store.index, "a"));
    assert_false(on_disk(&store, "asset")); /* it was not kept by its digest */
    close_store(&store);
}

static void use(struct store *store, const char *text) {
    du_clock_advance(&store->fixture->base.clock, 120000);
    assert_true(has(store, text));
}

/* A room that only the two oldest can make; who they are is known once all is read. */
static void *reserve_four(void *user) {
    struct store *store = user;
    struct du_reservation reservation = {0};
    assert_int_equal(du_index_reserve(store->index, &reservation, 4, NULL), DU_OK);
    du_index_release(&reservation);
    return NULL;
}

static void room_is_made_of_the_oldest_also_while_it_loads(void **state) {
    struct store store = {0};
    pthread_t thread;
    open_store(&store, *state, true);
    put(&store, "11", NULL, NULL);
    put(&store, "22", NULL, NULL);
    put(&store, "33", NULL, NULL);
    put(&store, "44", NULL, NULL);
    use(&store, "11");
    use(&store, "33");
    use(&store, "22");
    use(&store, "44");
    reopen_unread(&store);
    du_index_limit(store.index, 8, 0);
    use(&store, "11");
    assert_int_equal(pthread_create(&thread, NULL, reserve_four, &store), 0);
    load_store(&store);
    pthread_join(thread, NULL);
    assert_false(has(&store, "33") || has(&store, "22"));
    assert_true(has(&store, "44") && has(&store, "11"));
    close_store(&store);
}

static void a_limit_holds_as_soon_as_all_is_read(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, "11", NULL, NULL);
    use(&store, "11");
    put(&store, "22", NULL, NULL);
    use(&store, "22");
    reopen_unread(&store);
    du_index_limit(store.index, 2, 0);
    load_store(&store);
    assert_false(has(&store, "11"));
    assert_true(has(&store, "22"));
    close_store(&store);
}

static void it_ends_in_the_middle_of_loading(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "blob %d", i);
        put(&store, text, i % 2 == 0 ? text : NULL, NULL);
    }
    for (int i = 0; i < 20; i++) {
        reopen_unread(&store);
        assert_int_equal(du_index_load(store.index, NULL), DU_OK);
    }
    reopen_unread(&store);
    reopen(&store);
    assert_int_equal(du_index_count(store.index), 300);
    close_store(&store);
}

/* What was not read is not for that reason unwanted. */
static void rows_that_cannot_be_read_take_no_file_along(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    open_store(&store, fixture, true);
    put(&store, "one", "name", "1");
    put(&store, "two", NULL, NULL);
    for (int skip = 2; skip > 0; skip--) { /* counting goes well; names fail, or blobs */
        reopen_unread(&store);
        du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_OPEN, SQLITE_IOERR, skip, 1);
        load_store(&store);
        du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_OPEN);
        assert_true(has(&store, "one") && has(&store, "two"));
    }
    reopen(&store);
    assert_true(has_name(&store, "name", "1"));
    assert_whole(&store, 2, 6);
    close_store(&store);
}

/* Threads that use what another thread loads. */
static void *look(void *user) {
    struct store *store = user;
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "blob %d", i);
        assert_true(has(store, text));
        if (i % 5 == 0)
            assert_true(du_index_forget(store->index, text));
        else
            assert_true(has_name(store, text, "1"));
    }
    return NULL;
}

static void it_is_used_while_it_loads(void **state) {
    struct store store = {0};
    pthread_t thread;
    open_store(&store, *state, true);
    for (int i = 0; i < 300; i++) {
        char text[16];
        snprintf(text, sizeof text, "blob %d", i);
        put(&store, text, text, "1");
    }
    reopen_unread(&store);
    assert_int_equal(pthread_create(&thread, NULL, look, &store), 0);
    load_store(&store);
    pthread_join(thread, NULL);
    du_ledger_flush(store.journal);
    assert_int_equal(du_index_count(store.index), 240);
    reopen(&store);
    assert_int_equal(du_index_count(store.index), 240);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_is_not_read_yet_is_found),
        FIXTURE_TEST(a_name_that_was_forgotten_before_it_was_read_stays_forgotten),
        FIXTURE_TEST(a_name_that_was_replaced_before_it_was_read_is_the_new_one),
        FIXTURE_TEST(what_is_stored_again_before_it_was_read_keeps_how_it_was_known),
        FIXTURE_TEST(what_left_before_it_was_read_is_not_back_for_long),
        FIXTURE_TEST(what_was_made_visible_in_this_life_is_not_taken_for_a_leftover),
        FIXTURE_TEST(room_is_made_of_the_oldest_also_while_it_loads),
        FIXTURE_TEST(a_limit_holds_as_soon_as_all_is_read),
        FIXTURE_TEST(it_ends_in_the_middle_of_loading),
        FIXTURE_TEST(rows_that_cannot_be_read_take_no_file_along),
        FIXTURE_TEST(it_is_used_while_it_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
