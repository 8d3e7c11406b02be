#include "datadir.h"
#include "fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

static enum du_error_kind open_folder(struct fixture *fixture, const char *name,
                                      struct du_datadir **datadir, struct du_error *error) {
    char path[FIXTURE_PATH];
    return du_datadir_open(datadir, &fixture->base, fixture_path(fixture, name, path), error);
}

static void a_new_folder_is_made_for_its_owner_only(void **state) {
    char path[FIXTURE_PATH];
    struct stat facts;
    struct du_datadir *datadir;
    assert_int_equal(open_folder(*state, "data", &datadir, NULL), DU_OK);
    assert_int_equal(stat(fixture_path(*state, "data", path), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    du_datadir_close(&datadir);
    assert_int_equal(open_folder(*state, "data", &datadir, NULL), DU_OK);
    du_datadir_close(&datadir);
}

static void a_second_holder_is_refused_and_told_who_the_first_is(void **state) {
    char pid[32];
    struct du_datadir *first, *second;
    struct du_error error;
    assert_int_equal(open_folder(*state, "data", &first, NULL), DU_OK);
    assert_int_equal(open_folder(*state, "data", &second, &error), DU_STORE);
    assert_null(second);
    snprintf(pid, sizeof pid, "(%d)", (int)getpid());
    assert_non_null(strstr(error.message, "in use"));
    assert_non_null(strstr(error.message, pid));
    du_datadir_close(&first);
    assert_int_equal(open_folder(*state, "data", &second, NULL), DU_OK);
    du_datadir_close(&second);
}

static void a_dead_process_holds_nothing(void **state) {
    struct du_datadir *datadir;
    pid_t child = fork();
    if (child == 0)
        _exit(open_folder(*state, "data", &datadir, NULL) == DU_OK ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(open_folder(*state, "data", &datadir, NULL), DU_OK);
    du_datadir_close(&datadir);
}

static void what_cannot_be_made_or_written_says_so(void **state) {
    char path[FIXTURE_PATH];
    struct du_datadir *datadir;
    struct du_error error;
    assert_int_equal(open_folder(*state, "no/such/parent", &datadir, &error), DU_IO);
    assert_non_null(strstr(error.message, "no/such/parent: No such file"));
    FILE *file = fopen(fixture_path(*state, "file", path), "w");
    fclose(file);
    assert_int_equal(open_folder(*state, "file", &datadir, &error), DU_IO);
    assert_non_null(strstr(error.message, "Not a directory"));
    /* A folder where nobody, root included, can make a file. */
    assert_int_equal(
        du_datadir_open(&datadir, &((struct fixture *)*state)->base, "/proc/self/task", &error),
        DU_IO);
    assert_non_null(strstr(error.message, "/proc/self/task"));
}

static void no_memory_is_an_error_and_holds_nothing(void **state) {
    struct du_datadir *datadir;
    du_mem_fail_after(0);
    assert_int_equal(open_folder(*state, "data", &datadir, NULL), DU_MEMORY);
    du_mem_fail_after(-1);
    assert_int_equal(open_folder(*state, "data", &datadir, NULL), DU_OK);
    du_datadir_close(&datadir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_new_folder_is_made_for_its_owner_only),
        FIXTURE_TEST(a_second_holder_is_refused_and_told_who_the_first_is),
        FIXTURE_TEST(a_dead_process_holds_nothing),
        FIXTURE_TEST(what_cannot_be_made_or_written_says_so),
        FIXTURE_TEST(no_memory_is_an_error_and_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
