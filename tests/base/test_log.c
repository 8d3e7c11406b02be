/* The log: one line is one line, whatever is in it, and goes where it should. */

#include "logging.h"

#include <dirent.h>
#include <signal.h>

static const struct du_log_field all_types[] = {
    {"member", DU_LOG_STRING, .as.string = "ada"},
    {"missing", DU_LOG_STRING, .as.string = NULL},
    {"bytes", DU_LOG_INTEGER, .as.integer = INT64_MIN},
    {"seconds", DU_LOG_NUMBER, .as.number = 0.25},
    {"nothing", DU_LOG_NUMBER, .as.number = 0.0 / 0.0},
    {"hit", DU_LOG_BOOLEAN, .as.boolean = true},
};

enum { ALL_TYPES = sizeof all_types / sizeof *all_types };

static void text_lines_look_as_they_should(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    du_log_write(log, DU_LOG_INFO, "r-1", "served", all_types, ALL_TYPES);
    du_log_write(log, DU_LOG_WARN, NULL, "bare", NULL, 0);
    du_log_format(log, DU_LOG_ERROR, "%d of %s", 3, "four");
    du_log_free(&log);
    assert_null(log);
    assert_string_equal(written(fixture, fixture->path),
                        "2026-01-31T23:59:50Z INFO served request=r-1 member=ada "
                        "bytes=-9223372036854775808 seconds=0.25 nothing=null hit=true\n"
                        "2026-01-31T23:59:50Z WARN bare\n"
                        "2026-01-31T23:59:50Z ERROR 3 of four\n");
}

static void numbers_are_written_as_printf_does(void **state) {
    static const double numbers[] = {0,          0.001, 0.01,    0.5,    1.0,          1.005,
                                     2.5,        1e-5,  12.25,   4.0005, 1e9,          1e300,
                                     123456.789, -0.5,  1.0 / 3, 10,     999999999.999};
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    char wanted[2048] = "", one[64];
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        du_log_write(log, DU_LOG_INFO, NULL, "x",
                     &(struct du_log_field){"n", DU_LOG_NUMBER, .as.number = numbers[i]}, 1);
        snprintf(one, sizeof one, "2026-01-31T23:59:50Z INFO x n=%.15g\n", numbers[i]);
        strcat(wanted, one);
    }
    du_log_free(&log);
    assert_string_equal(written(fixture, fixture->path), wanted);
}

static void json_lines_look_as_they_should(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_JSON, DU_LOG_DEBUG);
    du_log_write(log, DU_LOG_INFO, "r-1", "served", all_types, ALL_TYPES);
    du_log_format(log, DU_LOG_DEBUG, "bare");
    du_log_free(&log);
    assert_string_equal(
        written(fixture, fixture->path),
        "{\"time\":\"2026-01-31T23:59:50Z\",\"level\":\"INFO\",\"message\":\"served\","
        "\"request_id\":\"r-1\",\"member\":\"ada\",\"bytes\":-9223372036854775808,"
        "\"seconds\":0.25,\"nothing\":null,\"hit\":true}\n"
        "{\"time\":\"2026-01-31T23:59:50Z\",\"level\":\"DEBUG\",\"message\":\"bare\"}\n");
}

static void a_line_stays_one_line_whatever_a_stranger_puts_into_it(void **state) {
    struct fixture *fixture = *state;
    static const char nasty[] = "a b\n2026-01-31T23:59:50Z INFO forged\x1b[2J\r\"\xFF";
    for (int format = DU_LOG_TEXT; format <= DU_LOG_JSON; format++) {
        struct du_log *log = open_log(fixture, (enum du_log_format)format, DU_LOG_DEBUG);
        const struct du_log_field field = {nasty, DU_LOG_STRING, .as.string = nasty};
        du_log_write(log, DU_LOG_INFO, nasty, nasty, &field, 1);
        du_log_free(&log);
        const char *text = written(fixture, fixture->path);
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        for (const char *at = text; at[1] != '\0'; at++)
            assert_true((unsigned char)*at >= ' ');
        unlink(fixture->path);
    }
}

static void a_value_cannot_pass_for_another_field(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    const struct du_log_field fields[] = {
        {"path", DU_LOG_STRING, .as.string = "/x member=root"},
        {"empty", DU_LOG_STRING, .as.string = ""},
    };
    du_log_write(log, DU_LOG_INFO, NULL, "m", fields, 2);
    du_log_free(&log);
    assert_string_equal(written(fixture, fixture->path),
                        "2026-01-31T23:59:50Z INFO m path=\"/x member=root\" empty=\"\"\n");
}

static void levels_below_the_least_are_left_out(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_WARN);
    du_log_format(log, DU_LOG_INFO, "no");
    du_log_write(log, DU_LOG_DEBUG, NULL, "no", NULL, 0);
    du_log_format(log, DU_LOG_WARN, "yes");
    du_log_free(&log);
    assert_string_equal(written(fixture, fixture->path), "2026-01-31T23:59:50Z WARN yes\n");
}

static void a_null_log_drops_everything(void **state) {
    (void)state;
    struct du_log *log = NULL;
    du_log_format(log, DU_LOG_ERROR, "x");
    du_log_write(log, DU_LOG_ERROR, NULL, "x", NULL, 0);
    du_log_set_sink(log, NULL, NULL);
    du_log_reopen(log);
    assert_int_equal(du_log_dropped(log), 0);
    du_log_free(&log);
}

static void keep(void *user, enum du_log_level level, const char *line, size_t size) {
    struct du_bytes *kept = user;
    assert_int_equal(level, DU_LOG_INFO);
    assert_int_equal(strlen(line), size);
    du_bytes_add(kept, line, size);
    du_bytes_text(kept, "|");
}

static void a_sink_gets_each_line_on_the_callers_thread(void **state) {
    struct fixture *fixture = *state;
    struct du_bytes kept;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    du_bytes_init(&kept);
    du_log_set_sink(log, keep, &kept);
    du_log_format(log, DU_LOG_INFO, "one");
    du_log_format(log, DU_LOG_INFO, "two");
    assert_string_equal(kept.data, "2026-01-31T23:59:50Z INFO one|2026-01-31T23:59:50Z INFO two|");
    du_log_set_sink(log, NULL, NULL);
    du_log_format(log, DU_LOG_INFO, "three");
    assert_null(strstr(kept.data, "three"));
    du_log_free(&log);
    du_bytes_deinit(&kept);
}

static void after_a_reopen_lines_go_to_the_new_file(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    du_log_format(log, DU_LOG_INFO, "before");
    assert_int_equal(rename(fixture->path, fixture->moved), 0);
    du_log_reopen(log);
    du_log_format(log, DU_LOG_INFO, "after");
    du_log_free(&log);
    assert_non_null(strstr(written(fixture, fixture->path), "INFO after\n"));
    assert_null(strstr(written(fixture, fixture->moved), "after"));
}

static void a_reopen_that_fails_goes_on_with_the_old_file_and_says_so(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    assert_int_equal(rename(fixture->path, fixture->moved), 0);
    assert_int_equal(mkdir(fixture->path, 0700), 0);
    du_log_reopen(log);
    du_log_format(log, DU_LOG_INFO, "after");
    du_log_free(&log);
    rmdir(fixture->path);
    const char *text = written(fixture, fixture->moved);
    assert_non_null(strstr(text, "ERROR the log cannot be opened anew"));
    assert_non_null(strstr(text, "INFO after\n"));
}

static void a_log_that_cannot_be_opened_is_an_error_with_its_path(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log;
    struct du_error error;
    assert_int_equal(
        du_log_new(&log, &fixture->clock, DU_LOG_TEXT, DU_LOG_DEBUG, "/nowhere/at/all/log", &error),
        DU_IO);
    assert_null(log);
    assert_non_null(strstr(error.message, "/nowhere/at/all/log"));
}

static void each_failing_allocation_of_new_is_an_error_and_leaks_nothing(void **state) {
    struct fixture *fixture = *state;
    int64_t live = du_mem_live();
    struct du_log *log = NULL;
    for (int allowed = 0; log == NULL; allowed++) {
        du_mem_fail_after(allowed);
        enum du_error_kind kind =
            du_log_new(&log, &fixture->clock, DU_LOG_TEXT, DU_LOG_DEBUG, fixture->path, NULL);
        du_mem_fail_after(-1);
        assert_int_equal(kind, log == NULL ? DU_MEMORY : DU_OK);
        if (log == NULL)
            assert_int_equal(du_mem_live(), live);
        assert_in_range(allowed, 0, 10);
    }
    du_log_free(&log);
    assert_int_equal(du_mem_live(), live);
}

/* The threads of this process that would take a SIGTERM, as the kernel lists them. */
static int takers_of_sigterm(void) {
    int takers = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300], line[256];
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (file == NULL)
            continue;
        while (fgets(line, sizeof line, file) != NULL)
            if (strncmp(line, "SigBlk:", 7) == 0)
                takers += (strtoull(line + 7, NULL, 16) >> (SIGTERM - 1) & 1) == 0;
        fclose(file);
    }
    closedir(tasks);
    return takers;
}

static void the_writer_leaves_signals_to_other_threads(void **state) {
    struct fixture *fixture = *state;
    int before = takers_of_sigterm();
    char part[64];
    assert_true(before > 0);
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    int fd = open(fixture->path, O_RDONLY | O_NONBLOCK);
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    fcntl(fd, F_SETFL, 0);
    du_log_format(log, DU_LOG_INFO, "up");
    assert_true(read(fd, part, sizeof part) > 0); /* so the writer runs */
    assert_int_equal(takers_of_sigterm(), before);
    du_log_free(&log);
    close(fd);
}

static void a_line_without_memory_is_dropped_and_told(void **state) {
    struct fixture *fixture = *state;
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    du_mem_fail_after(0);
    du_log_format(log, DU_LOG_INFO, "lost");
    du_mem_fail_after(-1);
    assert_int_equal(du_log_dropped(log), 1);
    du_log_free(&log);
    assert_string_equal(written(fixture, fixture->path),
                        "2026-01-31T23:59:50Z WARN log lines were dropped total=1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(text_lines_look_as_they_should),
        CASE(numbers_are_written_as_printf_does),
        CASE(json_lines_look_as_they_should),
        CASE(a_line_stays_one_line_whatever_a_stranger_puts_into_it),
        CASE(a_value_cannot_pass_for_another_field),
        CASE(levels_below_the_least_are_left_out),
        CASE(a_null_log_drops_everything),
        CASE(a_sink_gets_each_line_on_the_callers_thread),
        CASE(after_a_reopen_lines_go_to_the_new_file),
        CASE(a_reopen_that_fails_goes_on_with_the_old_file_and_says_so),
        CASE(a_log_that_cannot_be_opened_is_an_error_with_its_path),
        CASE(each_failing_allocation_of_new_is_an_error_and_leaks_nothing),
        CASE(the_writer_leaves_signals_to_other_threads),
        CASE(a_line_without_memory_is_dropped_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
