#include "indexing.h"
#include "stock.h"

#include <errno.h>
#include <fcntl.h>

static size_t list_all(struct store *store, size_t most, char *seen) {
    struct du_stock_place place = {0};
    size_t total = 0;
    *seen = '\0';
    do {
        struct du_stock_row *rows;
        size_t count;
        assert_int_equal(du_stock_list(store->index, &place, most, &rows, &count), DU_OK);
        assert_true(count <= most);
        for (size_t i = 0; i < count; i++)
            strcat(strcat(seen, rows[i].names), ";");
        total += count;
        du_stock_free_rows(&rows, count);
    } while (place.number != 0);
    return total;
}

static void a_listing_in_pages_has_each_blob_once(void **state) {
    struct store store = {0};
    char seen[128];
    open_store(&store, *state, true);
    assert_int_equal(list_all(&store, 2, seen), 0);
    put(&store, "1", "one", NULL);
    put(&store, "2", NULL, NULL);
    put(&store, "3", "three", NULL);
    put(&store, "4", "four", NULL);
    put(&store, "5", "five", NULL);
    for (size_t most = 1; most < 7; most++) {
        assert_int_equal(list_all(&store, most, seen), 5);
        assert_string_equal(seen, "one;;three;four;five;");
    }
    close_store(&store);
}

static void a_listing_goes_on_where_its_place_has_gone(void **state) {
    struct store store = {0};
    struct du_stock_place place = {0};
    struct du_stock_row *rows;
    size_t count;
    open_store(&store, *state, true);
    put(&store, "1", "one", NULL);
    put(&store, "2", "two", NULL);
    put(&store, "3", "three", NULL);
    assert_int_equal(du_stock_list(store.index, &place, 2, &rows, &count), DU_OK);
    du_stock_free_rows(&rows, count);
    assert_true(du_index_forget(store.index, "two"));
    assert_false(on_disk(&store, "2"));
    put(&store, "2", "two", NULL); /* again, so behind three */
    assert_int_equal(du_stock_list(store.index, &place, 2, &rows, &count), DU_OK);
    assert_int_equal(count, 2);
    assert_string_equal(rows[0].names, "three");
    assert_string_equal(rows[1].names, "two");
    assert_int_equal(place.number, 0);
    du_stock_free_rows(&rows, count);
    close_store(&store);
}

static enum du_stock_verdict verify(struct store *store, const char *text, char *place,
                                    struct du_error *error) {
    struct du_digest digest = digest_of(text);
    struct du_stock_check *check;
    assert_int_equal(du_stock_check_new(&check, store->index, &digest, error), DU_OK);
    *error = du_error_of(DU_OK);
    while (du_stock_check_verdict(check) == DU_STOCK_OPEN)
        if (du_stock_check_go(check, 3, error) != DU_OK)
            break;
    enum du_stock_verdict verdict = du_stock_check_verdict(check);
    strcpy(place, du_stock_check_place(check));
    du_stock_check_free(&check);
    return verdict;
}

static void overwrite(struct store *store, const char *text, const char *with) {
    char path[FIXTURE_PATH], digest[DU_DIGEST_TEXT];
    struct du_digest of = digest_of(text);
    du_digest_format(&of, digest);
    fixture_path(store->fixture, "blobs/sha256/", path);
    snprintf(path + strlen(path), sizeof path - strlen(path), "%.2s/%s", digest + 7, digest + 7);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, with, strlen(with)), strlen(with));
    close(fd);
}

static void what_does_not_verify_is_kept_apart_and_cuts_its_readers_off(void **state) {
    struct store store = {0};
    char place[512];
    struct du_error error;
    open_store(&store, *state, true);
    put(&store, "a layer", "a", "1");
    assert_int_equal(verify(&store, "a layer", place, &error), DU_STOCK_SOUND);
    struct du_blob *blob = du_index_find_name(store.index, "a", NULL);
    assert_int_equal(du_blob_check(blob, NULL), DU_OK);
    overwrite(&store, "a layer", "a liar!");
    assert_int_equal(verify(&store, "a layer", place, &error), DU_STOCK_WRONG);
    assert_int_equal(error.kind, DU_INTEGRITY);
    assert_int_equal(access(place, F_OK), 0);
    assert_non_null(strstr(place, "/quarantine/"));
    assert_int_equal(du_blob_check(blob, &error), DU_IO);
    du_blob_unref(&blob);
    assert_false(has_name(&store, "a", NULL));
    assert_false(on_disk(&store, "a layer"));
    put(&store, "a layer", "a", "1");
    assert_int_equal(verify(&store, "a layer", place, &error), DU_STOCK_SOUND);
    overwrite(&store, "a layer", "short");
    assert_int_equal(verify(&store, "a layer", place, &error), DU_STOCK_WRONG);
    reopen(&store);
    assert_int_equal(du_index_count(store.index), 0);
    close_store(&store);
}

static void what_cannot_be_read_is_wrong_and_what_is_not_there_is_gone(void **state) {
    struct store store = {0};
    char place[512];
    struct du_error error;
    open_store(&store, *state, true);
    struct du_faults *faults = &store.fixture->base.faults;
    put(&store, "bad", "a", NULL);
    put(&store, "gone", "b", NULL);
    put(&store, "busy", "c", NULL);
    du_faults_arm(faults, DU_FAULT_BLOB_BYTES, EIO, 0, 1);
    assert_int_equal(verify(&store, "bad", place, &error), DU_STOCK_WRONG);
    du_faults_arm(faults, DU_FAULT_BLOB_READ, ENOENT, 0, 1);
    assert_int_equal(verify(&store, "gone", place, &error), DU_STOCK_GONE);
    du_faults_arm(faults, DU_FAULT_BLOB_READ, EMFILE, 0, 1);
    assert_int_equal(verify(&store, "busy", place, &error), DU_STOCK_OPEN);
    assert_int_equal(error.kind, DU_IO);
    assert_true(has(&store, "busy"));
    assert_int_equal(du_index_count(store.index), 1);
    struct du_stock_check *check;
    struct du_digest digest = digest_of("bad");
    assert_int_equal(du_stock_check_new(&check, store.index, &digest, &error), DU_NOT_FOUND);
    assert_null(check);
    close_store(&store);
}

static void evicting_takes_the_oldest_but_never_what_is_read(void **state) {
    struct store store = {0};
    struct du_stock_change change;
    open_store(&store, *state, true);
    put(&store, "1111", "a", NULL);
    struct du_blob *read = du_index_find_name(store.index, "a", NULL);
    put(&store, "2222", "b", NULL);
    put(&store, "3333", "c", NULL);
    du_stock_evict(store.index, 8, &change);
    assert_int_equal(change.blobs, 1);
    assert_int_equal(change.bytes, 4);
    assert_false(on_disk(&store, "2222"));
    du_stock_evict(store.index, 0, &change);
    assert_int_equal(change.blobs, 1);
    assert_int_equal(du_index_count(store.index), 1);
    du_blob_unref(&read);
    du_stock_evict(store.index, 0, &change);
    assert_int_equal(du_index_count(store.index), 0);
    close_store(&store);
}

static void one_is_removed_by_its_digest_which_its_beginning_finds(void **state) {
    struct store store = {0};
    struct du_stock_change change;
    struct du_digest found[2], digest = digest_of("1");
    char text[DU_DIGEST_TEXT];
    open_store(&store, *state, true);
    put(&store, "1", "a", NULL);
    put(&store, "2", "b", NULL);
    du_digest_format(&digest, text);
    assert_int_equal(du_stock_find(store.index, "", found, 1), 2);
    assert_int_equal(du_stock_find(store.index, text + 7, found, 2), 1);
    assert_true(du_digest_equal(&found[0], &digest));
    text[7 + 8] = '\0';
    assert_int_equal(du_stock_find(store.index, text + 7, found, 2), 1);
    struct du_blob *read = du_index_find(store.index, &digest);
    du_stock_remove(store.index, &digest, &change);
    assert_int_equal(change.blobs, 1);
    assert_int_equal(change.held, 1);
    du_blob_unref(&read);
    assert_false(on_disk(&store, "1"));
    du_stock_remove(store.index, &digest, &change);
    assert_int_equal(change.blobs, 0);
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_listing_in_pages_has_each_blob_once),
        FIXTURE_TEST(a_listing_goes_on_where_its_place_has_gone),
        FIXTURE_TEST(what_does_not_verify_is_kept_apart_and_cuts_its_readers_off),
        FIXTURE_TEST(what_cannot_be_read_is_wrong_and_what_is_not_there_is_gone),
        FIXTURE_TEST(evicting_takes_the_oldest_but_never_what_is_read),
        FIXTURE_TEST(one_is_removed_by_its_digest_which_its_beginning_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
