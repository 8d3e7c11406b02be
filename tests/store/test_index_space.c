/* The index's limit: who goes for whom, and what is never exceeded. All texts are 10 bytes. */

#include "indexing.h"

#include <fcntl.h>
#include <pthread.h>

enum { SIZE = 10, MINUTE = 60000 };

static const char *const texts[] = {"blob one  ", "blob two  ", "blob three", "blob four "};

static void use(struct store *store, const char *text) {
    assert_true(has(store, text));
}

static struct du_blob *find(struct store *store, const char *text) {
    struct du_digest digest = digest_of(text);
    return du_index_find(store->index, &digest);
}

/* Room for one more of ours, given back. */
static enum du_error_kind make_room(struct store *store, int64_t bytes) {
    struct du_reservation reservation = {0};
    enum du_error_kind kind = du_index_reserve(store->index, &reservation, bytes, NULL);
    du_index_release(&reservation);
    return kind;
}

/* Three blobs in an index that may hold three. */
static void fill_up(struct store *store, struct fixture *fixture) {
    open_store(store, fixture, true);
    du_index_limit(store->index, 3 * SIZE, 0);
    for (int i = 0; i < 3; i++)
        put(store, texts[i], NULL, NULL);
}

static void the_least_recently_used_blob_goes_for_a_reservation(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    use(&store, texts[0]);
    assert_int_equal(make_room(&store, 1), DU_OK);
    assert_true(has(&store, texts[0]) && !has(&store, texts[1]) && has(&store, texts[2]));
    assert_false(on_disk(&store, texts[1]));
    assert_int_equal(du_index_evictions(store.index), 1);
    assert_int_equal(du_index_bytes(store.index), 2 * SIZE);
    close_store(&store);
}

static void to_peek_is_no_use_of_a_blob(void **state) {
    struct store store = {0};
    int64_t size = 0;
    fill_up(&store, *state);
    put(&store, texts[0], "asset", "1");
    use(&store, texts[1]);
    use(&store, texts[2]);
    struct du_digest there = digest_of(texts[0]), missing = digest_of(texts[3]);
    assert_true(du_index_peek(store.index, &there, NULL, NULL, &size));
    assert_int_equal(size, SIZE);
    assert_true(du_index_peek(store.index, NULL, "asset", "1", &size));
    assert_false(du_index_peek(store.index, NULL, "asset", "2", &size));
    assert_false(du_index_peek(store.index, &missing, NULL, NULL, &size));
    assert_int_equal(make_room(&store, 1), DU_OK);
    assert_true(!has(&store, texts[0]) && has(&store, texts[1]) && has(&store, texts[2]));
    close_store(&store);
}

static void what_fits_evicts_nothing(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    du_index_limit(store.index, 4 * SIZE, 0);
    assert_int_equal(make_room(&store, SIZE), DU_OK);
    assert_int_equal(du_index_count(store.index), 3);
    du_index_limit(store.index, -1, 0);
    assert_int_equal(make_room(&store, INT64_C(1) << 50), DU_OK);
    assert_int_equal(du_index_evictions(store.index), 0);
    close_store(&store);
}

static void a_pinned_blob_is_passed_over_and_counts_as_used_when_it_is_let_go(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    struct du_blob *blob = find(&store, texts[0]);
    use(&store, texts[1]);
    assert_int_equal(make_room(&store, SIZE), DU_OK);
    assert_true(has(&store, texts[0]) && has(&store, texts[1]) && !has(&store, texts[2]));
    assert_reads(blob, texts[0]);
    du_blob_unref(&blob);
    assert_int_equal(make_room(&store, 2 * SIZE), DU_OK);
    assert_true(has(&store, texts[0]) && !has(&store, texts[1]));
    close_store(&store);
}

static void what_would_not_fit_even_alone_evicts_nobody(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    assert_int_equal(make_room(&store, 3 * SIZE + 1), DU_OVERLOADED);
    struct du_blob *blob = find(&store, texts[0]);
    assert_int_equal(make_room(&store, 2 * SIZE + 1), DU_OVERLOADED);
    assert_int_equal(du_index_count(store.index), 3);
    assert_int_equal(make_room(&store, 2 * SIZE), DU_OK);
    assert_int_equal(du_index_count(store.index), 1);
    du_blob_unref(&blob);
    close_store(&store);
}

static void reservations_count_until_they_are_released(void **state) {
    struct store store = {0};
    struct du_reservation one = {0}, two = {0};
    fill_up(&store, *state);
    assert_int_equal(du_index_reserve(store.index, &one, SIZE, NULL), DU_OK);
    assert_int_equal(du_index_reserve(store.index, &one, SIZE, NULL), DU_OK);
    assert_int_equal(du_index_count(store.index), 2);
    assert_int_equal(du_index_reserve(store.index, &one, 2 * SIZE, NULL), DU_OK);
    assert_int_equal(du_index_reserve(store.index, &two, SIZE, NULL), DU_OK);
    assert_int_equal(du_index_count(store.index), 0);
    assert_int_equal(du_index_reserve(store.index, &two, SIZE + 1, NULL), DU_OVERLOADED);
    assert_int_equal(two.bytes, SIZE);
    du_index_release(&one);
    du_index_release(&one);
    assert_int_equal(du_index_reserve(store.index, &two, 3 * SIZE, NULL), DU_OK);
    du_index_release(&two);
    close_store(&store);
}

/* Upstream may promise any length. */
static void no_length_is_too_large_to_be_refused(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    assert_int_equal(make_room(&store, INT64_MAX), DU_OVERLOADED);
    assert_int_equal(du_index_count(store.index), 3);
    du_index_limit(store.index, -1, 1);
    assert_int_equal(make_room(&store, INT64_MAX), DU_OVERLOADED);
    assert_int_equal(make_room(&store, INT64_C(1) << 61), DU_IO);
    assert_int_equal(du_index_count(store.index), 3);
    close_store(&store);
}

static void a_blob_that_left_counts_until_its_last_reader_ends(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    du_index_limit(store.index, 3 * SIZE, 0);
    put(&store, texts[0], "a", NULL);
    struct du_blob *blob = find(&store, texts[0]);
    assert_true(du_index_forget(store.index, "a"));
    assert_int_equal(du_index_bytes(store.index), 0);
    assert_int_equal(make_room(&store, 2 * SIZE + 1), DU_OVERLOADED);
    /* Stored again meanwhile, and with readers of its own. */
    struct du_blob *again = add(&store, texts[0], "a", NULL);
    assert_int_equal(make_room(&store, SIZE + 1), DU_OVERLOADED);
    du_blob_unref(&again);
    assert_int_equal(make_room(&store, 2 * SIZE), DU_OK);
    du_blob_unref(&blob);
    assert_int_equal(make_room(&store, 3 * SIZE), DU_OK);
    close_store(&store);
}

static void an_evicted_blob_takes_its_names_along(void **state) {
    struct store store = {0};
    open_store(&store, *state, true);
    put(&store, texts[0], "a", "1");
    put(&store, texts[0], "b", "1");
    put(&store, texts[1], "c", "1");
    du_index_limit(store.index, SIZE, 0);
    assert_false(has_name(&store, "a", NULL) || has_name(&store, "b", NULL));
    assert_true(has_name(&store, "c", "1"));
    reopen(&store);
    assert_false(has_name(&store, "a", NULL) || has_name(&store, "b", NULL));
    assert_true(has_name(&store, "c", "1"));
    assert_int_equal(du_index_count(store.index), 1);
    close_store(&store);
}

static void a_lower_limit_evicts_at_once(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    du_index_limit(store.index, 2 * SIZE - 1, 0);
    assert_int_equal(du_index_count(store.index), 1);
    assert_true(has(&store, texts[2]));
    close_store(&store);
}

static void the_order_of_use_survives_a_restart(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    fill_up(&store, fixture);
    du_clock_advance(&fixture->base.clock, MINUTE);
    use(&store, texts[1]);
    du_clock_advance(&fixture->base.clock, MINUTE);
    use(&store, texts[0]);
    reopen(&store);
    du_index_limit(store.index, 2 * SIZE, 0);
    assert_false(has(&store, texts[2]));
    du_index_limit(store.index, SIZE, 0);
    assert_true(has(&store, texts[0]) && !has(&store, texts[1]));
    close_store(&store);
}

static void a_file_that_lost_its_row_is_new(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    struct du_digest digest;
    fill_up(&store, fixture);
    close(publish(&store, texts[3], &digest));
    reopen(&store);
    du_index_limit(store.index, SIZE, 0);
    assert_true(has(&store, texts[3]));
    close_store(&store);
}

/* The disk says that so much is free, a few times from now; then what is true. */
static void say_free(struct fixture *fixture, int kib, int times) {
    du_faults_arm(&fixture->base.faults, DU_FAULT_BLOB_SPACE, kib, 0, times);
}

static void a_disk_short_of_space_evicts_what_is_missing(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    use(&store, texts[0]);
    du_index_limit(store.index, -1, 1 << 20);
    say_free(*state, 1024, 2); /* again after what is on its way out */
    assert_int_equal(make_room(&store, SIZE + 1), DU_OK);
    assert_int_equal(du_index_evictions(store.index), 2);
    assert_true(has(&store, texts[0]));
    say_free(*state, 1024, 1);
    assert_int_equal(make_room(&store, SIZE), DU_OK);
    assert_true(has(&store, texts[0]));
    close_store(&store);
}

static void a_disk_that_stays_short_is_io_and_nothing_is_reserved(void **state) {
    struct store store = {0};
    struct du_error error;
    struct du_reservation reservation = {0};
    fill_up(&store, *state);
    du_index_limit(store.index, 3 * SIZE, 1 << 20);
    say_free(*state, 1023, -1);
    assert_int_equal(du_index_reserve(store.index, &reservation, 1, &error), DU_IO);
    assert_int_equal(error.kind, DU_IO);
    assert_int_equal(reservation.bytes, 0);
    assert_int_equal(du_index_count(store.index), 2); /* for the limit, none for the disk */
    say_free(*state, 1025, -1);
    assert_int_equal(du_index_reserve(store.index, &reservation, SIZE, NULL), DU_OK);
    assert_int_equal(du_index_count(store.index), 2);
    du_index_release(&reservation);
    close_store(&store);
}

static void space_that_does_not_come_free_is_not_waited_for(void **state) {
    struct store store = {0};
    fill_up(&store, *state);
    du_index_limit(store.index, -1, 1 << 20);
    say_free(*state, 1024, -1);
    assert_int_equal(make_room(&store, 1), DU_IO);
    assert_int_equal(du_index_count(store.index), 1);
    close_store(&store);
}

static void what_stays_free_is_a_hundredth_of_a_small_disk(void **state) {
    struct store store = {0};
    int64_t free, size;
    fill_up(&store, *state);
    assert_true(du_blobs_space(store.blobs, &free, &size));
    assert_true(free > 0 && free <= size);
    int64_t kept = size / 100 < 256 << 20 ? size / 100 : 256 << 20;
    du_index_limit(store.index, -1, -1);
    say_free(*state, (int)(kept >> 10) - 1, -1);
    assert_int_equal(make_room(&store, 1), DU_IO);
    say_free(*state, (int)(kept >> 10) + 2, -1);
    assert_int_equal(make_room(&store, 1), DU_OK);
    close_store(&store);
}

static uint64_t entries(struct store *store) {
    uint64_t count, commits;
    bool failing;
    du_ledger_flush(store->journal);
    du_ledger_figures(store->journal, &count, &commits, &failing);
    return count;
}

static void a_use_is_noted_at_most_once_a_minute(void **state) {
    struct fixture *fixture = *state;
    struct store store = {0};
    fill_up(&store, fixture);
    uint64_t before = entries(&store);
    for (int i = 0; i < 100; i++)
        use(&store, texts[0]);
    assert_int_equal(entries(&store) - before, 1); /* the flush itself */
    du_clock_advance(&fixture->base.clock, MINUTE);
    before = entries(&store);
    for (int i = 0; i < 100; i++)
        use(&store, texts[0]);
    assert_int_equal(entries(&store) - before, 2);
    close_store(&store);
}

/* Threads that reserve, store, read and release under a limit of three: it is never exceeded, and
 * what is read is right. */
enum { ROUNDS = 200, THREADS = 4 };

static void store_or_read(struct store *store, const char *text) {
    struct du_reservation reservation = {0};
    struct du_blob *blob = find(store, text);
    if (blob == NULL) {
        if (du_index_reserve(store->index, &reservation, SIZE, NULL) != DU_OK)
            return;
        blob = add(store, text, NULL, NULL);
        du_index_release(&reservation);
    }
    assert_true(du_index_bytes(store->index) <= 3 * SIZE);
    assert_reads(blob, text);
    du_blob_unref(&blob);
}

static void *churn(void *user) {
    for (int i = 0; i < ROUNDS; i++)
        store_or_read(user, texts[i % 4]);
    return NULL;
}

static void threads_never_exceed_the_limit(void **state) {
    struct store store = {0};
    pthread_t threads[THREADS];
    open_store(&store, *state, true);
    du_index_limit(store.index, 3 * SIZE, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &store), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_true(du_index_evictions(store.index) > 0);
    assert_int_equal(make_room(&store, 3 * SIZE), DU_OK);
    assert_int_equal(du_index_bytes(store.index), 0);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_least_recently_used_blob_goes_for_a_reservation),
        FIXTURE_TEST(to_peek_is_no_use_of_a_blob),
        FIXTURE_TEST(what_fits_evicts_nothing),
        FIXTURE_TEST(a_pinned_blob_is_passed_over_and_counts_as_used_when_it_is_let_go),
        FIXTURE_TEST(what_would_not_fit_even_alone_evicts_nobody),
        FIXTURE_TEST(reservations_count_until_they_are_released),
        FIXTURE_TEST(no_length_is_too_large_to_be_refused),
        FIXTURE_TEST(a_blob_that_left_counts_until_its_last_reader_ends),
        FIXTURE_TEST(an_evicted_blob_takes_its_names_along),
        FIXTURE_TEST(a_lower_limit_evicts_at_once),
        FIXTURE_TEST(the_order_of_use_survives_a_restart),
        FIXTURE_TEST(a_file_that_lost_its_row_is_new),
        FIXTURE_TEST(a_disk_short_of_space_evicts_what_is_missing),
        FIXTURE_TEST(a_disk_that_stays_short_is_io_and_nothing_is_reserved),
        FIXTURE_TEST(space_that_does_not_come_free_is_not_waited_for),
        FIXTURE_TEST(what_stays_free_is_a_hundredth_of_a_small_disk),
        FIXTURE_TEST(a_use_is_noted_at_most_once_a_minute),
        FIXTURE_TEST(threads_never_exceed_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
