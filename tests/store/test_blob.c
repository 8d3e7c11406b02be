#include "blob.h"
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static struct du_blobs *open_blobs(struct fixture *fixture, char mark[33]) {
    char path[FIXTURE_PATH];
    struct du_blobs *blobs;
    struct du_error error;
    const char *known = mark[0] != '\0' ? mark : NULL;
    if (du_blobs_open(&blobs, &fixture->base, fixture_path(fixture, "blobs", path), known, false,
                      mark, &error) != DU_OK)
        fail_msg("%s", error.message);
    return blobs;
}

static struct du_partial *partial_of(struct du_blobs *blobs, const char *text) {
    struct du_partial *partial;
    assert_int_equal(du_partial_new(blobs, (int64_t)strlen(text), &partial, NULL), DU_OK);
    assert_int_equal(du_partial_write(partial, text, strlen(text), NULL), DU_OK);
    return partial;
}

static struct du_digest store(struct du_blobs *blobs, const char *text) {
    struct du_digest digest;
    struct du_partial *partial = partial_of(blobs, text);
    assert_int_equal(du_partial_verify(partial, NULL, -1, &digest, NULL), DU_OK);
    assert_int_equal(du_partial_publish(partial, NULL), DU_OK);
    du_partial_free(&partial);
    return digest;
}

static void assert_reads(int fd, const char *text) {
    char bytes[64] = "";
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, bytes, sizeof bytes - 1, 0), strlen(text));
    assert_string_equal(bytes, text);
}

static bool count_one(void *user, const struct du_digest *digest, int64_t size, bool fresh) {
    (void)fresh;
    (void)digest, (void)size;
    ++*(int *)user;
    return true;
}

static int visible(struct du_blobs *blobs) {
    int count = 0;
    assert_int_equal(du_blobs_each(blobs, count_one, &count, NULL), DU_OK);
    return count;
}

static int partials(struct fixture *fixture) {
    char path[FIXTURE_PATH];
    int count = 0;
    DIR *folder = opendir(fixture_path(fixture, "blobs/partial", path));
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void a_blob_is_visible_only_after_publish(void **state) {
    char mark[33] = "";
    struct du_digest digest;
    struct du_blobs *blobs = open_blobs(*state, mark);
    struct du_partial *partial = partial_of(blobs, "hello");
    assert_int_equal(du_partial_size(partial), 5);
    assert_int_equal(du_partial_verify(partial, NULL, 5, &digest, NULL), DU_OK);
    assert_int_equal(visible(blobs), 0);
    assert_int_equal(du_blobs_read(blobs, &digest, NULL), -1);
    assert_int_equal(du_partial_publish(partial, NULL), DU_OK);
    int fd = du_blobs_read(blobs, &digest, NULL);
    assert_reads(fd, "hello");
    close(fd);
    du_partial_free(&partial);
    assert_int_equal(visible(blobs), 1);
    du_blobs_close(&blobs);
}

static void the_descriptor_outlives_the_partial(void **state) {
    char mark[33] = "";
    struct du_digest digest;
    struct du_blobs *blobs = open_blobs(*state, mark);
    struct du_partial *partial = partial_of(blobs, "hello");
    assert_int_equal(du_partial_verify(partial, NULL, -1, &digest, NULL), DU_OK);
    assert_int_equal(du_partial_publish(partial, NULL), DU_OK);
    int fd = du_partial_take_fd(partial);
    du_partial_free(&partial);
    assert_int_equal(du_blobs_remove(blobs, &digest, NULL), DU_OK);
    assert_int_equal(visible(blobs), 0);
    assert_reads(fd, "hello");
    close(fd);
    du_blobs_close(&blobs);
}

static void what_comes_again_is_compared_with_what_was_written(void **state) {
    enum { SIZE = 200000, PIECE = 70000 }; /* more than is read back at once */
    static char bytes[SIZE];
    char mark[33] = "";
    struct du_partial *partial;
    struct du_error error;
    struct du_blobs *blobs = open_blobs(*state, mark);
    for (int i = 0; i < SIZE; i++)
        bytes[i] = (char)(i % 251);
    assert_int_equal(du_partial_new(blobs, -1, &partial, NULL), DU_OK);
    assert_int_equal(du_partial_write(partial, bytes, SIZE, NULL), DU_OK);
    assert_int_equal(du_partial_compare(partial, 0, bytes, SIZE, NULL), DU_OK);
    assert_int_equal(du_partial_compare(partial, PIECE, bytes + PIECE, PIECE, NULL), DU_OK);
    assert_int_equal(du_partial_compare(partial, SIZE, "", 0, NULL), DU_OK);
    assert_int_equal(du_partial_compare(partial, 1, bytes, PIECE, NULL), DU_INTEGRITY);
    bytes[SIZE - 1]++;
    assert_int_equal(du_partial_compare(partial, 0, bytes, SIZE, &error), DU_INTEGRITY);
    assert_int_equal(error.kind, DU_INTEGRITY);
    /* A file that somebody cut is the disk's fault. */
    assert_int_equal(ftruncate(du_partial_fd(partial), PIECE), 0);
    assert_int_equal(du_partial_compare(partial, 0, bytes, SIZE, NULL), DU_IO);
    du_partial_free(&partial);
    du_blobs_close(&blobs);
}

static void a_wrong_digest_or_size_is_named_with_both_sides(void **state) {
    char mark[33] = "", text[DU_DIGEST_TEXT];
    struct du_digest digest, other;
    struct du_error error;
    struct du_blobs *blobs = open_blobs(*state, mark);
    assert_int_equal(du_digest_of("other", 5, &other), DU_OK);
    struct du_partial *partial = partial_of(blobs, "hello");
    assert_int_equal(du_partial_verify(partial, &other, 5, &digest, &error), DU_INTEGRITY);
    assert_string_equal(error.expected, du_digest_format(&other, text));
    assert_int_equal(du_digest_of("hello", 5, &other), DU_OK);
    assert_string_equal(error.actual, du_digest_format(&other, text));
    du_partial_free(&partial);
    partial = partial_of(blobs, "hello");
    assert_int_equal(du_partial_verify(partial, NULL, 6, &digest, &error), DU_INTEGRITY);
    assert_string_equal(error.expected, "6");
    assert_string_equal(error.actual, "5");
    du_partial_free(&partial);
    assert_int_equal(visible(blobs), 0);
    assert_int_equal(partials(*state), 0);
    du_blobs_close(&blobs);
}

static void a_partial_reads_while_it_is_written(void **state) {
    char mark[33] = "";
    struct du_blobs *blobs = open_blobs(*state, mark);
    struct du_partial *partial = partial_of(blobs, "hel");
    assert_reads(du_partial_fd(partial), "hel");
    assert_int_equal(du_partial_write(partial, "lo", 2, NULL), DU_OK);
    assert_reads(du_partial_fd(partial), "hello");
    du_partial_free(&partial);
    du_blobs_close(&blobs);
}

static void short_writes_are_continued(void **state) {
    struct fixture *fixture = *state;
    char mark[33] = "";
    struct du_digest digest, expected;
    struct du_blobs *blobs = open_blobs(fixture, mark);
    du_faults_arm(&fixture->base.faults, DU_FAULT_BLOB_SHORT_WRITE, 2, 0, -1);
    struct du_partial *partial = partial_of(blobs, "in many pieces");
    assert_int_equal(du_digest_of("in many pieces", 14, &expected), DU_OK);
    assert_int_equal(du_partial_verify(partial, &expected, 14, &digest, NULL), DU_OK);
    assert_reads(du_partial_fd(partial), "in many pieces");
    du_partial_free(&partial);
    du_blobs_close(&blobs);
}

/* One whole life of a partial; what failed, if anything did. */
static enum du_error_kind live(struct du_blobs *blobs, struct du_error *error) {
    struct du_partial *partial;
    struct du_digest digest;
    enum du_error_kind kind = du_partial_new(blobs, 5, &partial, error);
    if (kind != DU_OK)
        return kind;
    kind = du_partial_write(partial, "hello", 5, error);
    if (kind == DU_OK)
        kind = du_partial_verify(partial, NULL, 5, &digest, error);
    if (kind == DU_OK)
        kind = du_partial_publish(partial, error);
    du_partial_free(&partial);
    return kind;
}

static void whatever_fails_leaves_nothing_behind(void **state) {
    struct fixture *fixture = *state;
    static const enum du_fault places[] = {DU_FAULT_BLOB_OPEN, DU_FAULT_BLOB_RESERVE,
                                           DU_FAULT_BLOB_WRITE, DU_FAULT_BLOB_SYNC,
                                           DU_FAULT_BLOB_RENAME};
    char mark[33] = "";
    struct du_blobs *blobs = open_blobs(fixture, mark);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct du_error error;
        du_faults_arm(&fixture->base.faults, places[i], ENOSPC, 0, 1);
        assert_int_equal(live(blobs, &error), DU_IO);
        assert_non_null(strstr(error.message, "No space left"));
        assert_int_equal(visible(blobs), 0);
        assert_int_equal(partials(fixture), 0);
    }
    assert_int_equal(live(blobs, NULL), DU_OK);
    assert_int_equal(visible(blobs), 1);
    du_blobs_close(&blobs);
}

static void no_memory_at_any_point_is_an_error_and_leaves_nothing(void **state) {
    char mark[33] = "";
    struct du_blobs *blobs = open_blobs(*state, mark);
    du_mem_fail_after(-1);
    assert_int_equal(live(blobs, NULL), DU_OK);
    int64_t asked = du_mem_asked();
    assert_true(asked > 0);
    for (int64_t i = 0; i < asked; i++) {
        du_mem_fail_after(i);
        assert_int_equal(live(blobs, NULL), DU_MEMORY);
        assert_int_equal(partials(*state), 0);
    }
    du_mem_fail_after(-1);
    du_blobs_close(&blobs);
}

static void a_start_removes_leftover_partials_and_keeps_blobs(void **state) {
    char mark[33] = "", path[FIXTURE_PATH];
    struct du_blobs *blobs = open_blobs(*state, mark);
    struct du_digest digest = store(blobs, "kept");
    du_blobs_close(&blobs);
    int left = open(fixture_path(*state, "blobs/partial/17", path), O_CREAT | O_WRONLY, 0600);
    assert_true(left >= 0);
    close(left);
    blobs = open_blobs(*state, mark);
    assert_int_equal(partials(*state), 0);
    int fd = du_blobs_read(blobs, &digest, NULL);
    assert_reads(fd, "kept");
    close(fd);
    du_blobs_close(&blobs);
}

static enum du_error_kind reopen(struct fixture *fixture, const char *mark, bool accept_empty,
                                 struct du_error *error) {
    char path[FIXTURE_PATH], now[33];
    struct du_blobs *blobs;
    enum du_error_kind kind =
        du_blobs_open(&blobs, &fixture->base, fixture_path(fixture, "blobs", path), mark,
                      accept_empty, now, error);
    du_blobs_close(&blobs);
    return kind;
}

static void a_known_cache_without_its_mark_is_refused_and_the_way_out_named(void **state) {
    char path[FIXTURE_PATH];
    struct du_error error;
    const char *mark = "0123456789abcdef0123456789abcdef";
    /* The volume is not mounted: an empty folder. */
    assert_int_equal(mkdir(fixture_path(*state, "blobs", path), 0700), 0);
    assert_int_equal(reopen(*state, mark, false, &error), DU_STORE);
    assert_non_null(strstr(error.message, "--accept-empty-cache"));
    assert_non_null(strstr(error.message, path));
    assert_int_equal(reopen(*state, mark, true, &error), DU_OK);
}

static void a_folder_that_the_ledger_does_not_know_is_never_created_over(void **state) {
    char mark[33] = "", path[FIXTURE_PATH];
    struct du_error error;
    struct du_blobs *blobs = open_blobs(*state, mark);
    store(blobs, "somebody's");
    du_blobs_close(&blobs);
    assert_int_equal(reopen(*state, NULL, false, &error), DU_STORE);
    assert_int_equal(reopen(*state, "0123456789abcdef0123456789abcdef", false, &error), DU_STORE);
    assert_int_equal(reopen(*state, mark, false, &error), DU_OK);
    char other[FIXTURE_PATH];
    assert_int_equal(mkdir(fixture_path(*state, "home", path), 0700), 0);
    assert_int_equal(mkdir(fixture_path(*state, "home/letters", other), 0700), 0);
    assert_int_equal(
        du_blobs_open(&blobs, &((struct fixture *)*state)->base, path, NULL, false, mark, &error),
        DU_STORE);
}

static void a_first_start_that_was_cut_short_is_no_obstacle(void **state) {
    char mark[33] = "";
    struct du_error error;
    struct du_blobs *blobs = open_blobs(*state, mark);
    du_blobs_close(&blobs);
    /* The ledger never learnt the mark, and the folder holds nothing. */
    assert_int_equal(reopen(*state, NULL, false, &error), DU_OK);
}

static void each_visits_blobs_and_nothing_else(void **state) {
    char mark[33] = "", path[FIXTURE_PATH];
    struct du_blobs *blobs = open_blobs(*state, mark);
    store(blobs, "one");
    store(blobs, "two");
    store(blobs, "two");
    mkdir(fixture_path(*state, "blobs/sha256/00", path), 0700);
    int left = open(fixture_path(*state, "blobs/sha256/00/junk", path), O_CREAT | O_WRONLY, 0600);
    close(left);
    assert_int_equal(visible(blobs), 2);
    du_blobs_close(&blobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_blob_is_visible_only_after_publish),
        FIXTURE_TEST(the_descriptor_outlives_the_partial),
        FIXTURE_TEST(what_comes_again_is_compared_with_what_was_written),
        FIXTURE_TEST(a_wrong_digest_or_size_is_named_with_both_sides),
        FIXTURE_TEST(a_partial_reads_while_it_is_written),
        FIXTURE_TEST(short_writes_are_continued),
        FIXTURE_TEST(whatever_fails_leaves_nothing_behind),
        FIXTURE_TEST(no_memory_at_any_point_is_an_error_and_leaves_nothing),
        FIXTURE_TEST(a_start_removes_leftover_partials_and_keeps_blobs),
        FIXTURE_TEST(a_known_cache_without_its_mark_is_refused_and_the_way_out_named),
        FIXTURE_TEST(a_folder_that_the_ledger_does_not_know_is_never_created_over),
        FIXTURE_TEST(a_first_start_that_was_cut_short_is_no_obstacle),
        FIXTURE_TEST(each_visits_blobs_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
