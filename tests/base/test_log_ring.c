/* The ring of a log's lines: nobody waits for it, and what it drops it tells. */

#include "logging.h"

#include <sched.h>

enum { AFTER_TIME = sizeof "2026-01-31T23:59:50Z " - 1 };

static const char *next_line(const char *line) {
    return strchr(line, '\n') + 1;
}

/* How many lines go on like that after their time. */
static uint64_t times_found(const char *text, const char *what) {
    uint64_t found = 0;
    for (const char *line = text; *line != '\0'; line = next_line(line))
        found += strncmp(line + AFTER_TIME, what, strlen(what)) == 0;
    return found;
}

/* The writer may have yet to note that what it has written makes room. */
static void write_until_kept(struct du_log *log, const char *text) {
    uint64_t dropped;
    do {
        dropped = du_log_dropped(log);
        du_log_format(log, DU_LOG_INFO, "%s", text);
    } while (du_log_dropped(log) != dropped && sched_yield() == 0);
}

/* A FIFO that nobody reads holds the writer; the caller goes on, and lines drop. */
static void a_full_ring_drops_lines_and_tells(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    int fd = open(fixture->path, O_RDONLY | O_NONBLOCK);
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    uint64_t lines = 0;
    while (du_log_dropped(log) < 10) {
        du_log_format(log, DU_LOG_INFO, "line %08llu", (unsigned long long)lines++);
        assert_true(lines < 1000000);
    }
    fcntl(fd, F_SETFL, 0);
    struct du_bytes text;
    du_bytes_init(&text);
    char part[65536];
    /* What is left then, of lines 40 bytes long, fits into the pipe. */
    while (text.size < (lines - 10) * 40) {
        ssize_t got = read(fd, part, sizeof part);
        assert_true(got > 0);
        du_bytes_add(&text, part, (size_t)got);
    }
    write_until_kept(log, "the end");
    char told[64];
    snprintf(told, sizeof told, "WARN log lines were dropped total=%llu\n",
             (unsigned long long)du_log_dropped(log));
    du_log_free(&log);
    du_bytes_text(&text, drain(fixture, fd));
    assert_int_equal(times_found(text.data, "INFO line "), lines - 10);
    assert_int_equal(times_found(text.data, told), 1);
    assert_int_equal(times_found(text.data, "INFO the end\n"), 1);
    du_bytes_deinit(&text);
}

static bool starts(const char *line, const char *what) {
    return strncmp(line + AFTER_TIME, what, strlen(what)) == 0;
}

/* The FIFO is read a little at each drop, so lines drop all the time, also while the writer is at
 * the ring's end; the first line alone sees to it that what it writes then goes on at the start. */
static void what_the_writer_tells_comes_between_lines(void **state) {
    enum { ENOUGH = 4 << 20, LINE = 40 };
    struct fixture *fixture = *state;
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    int fd = open(fixture->path, O_RDONLY | O_NONBLOCK);
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    struct du_bytes text;
    du_bytes_init(&text);
    char part[4096];
    du_log_format(log, DU_LOG_INFO, "line %08d", 0);
    fcntl(fd, F_SETFL, 0);
    assert_int_equal(read(fd, part, sizeof part), LINE);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (uint64_t dropped = 0; text.size < ENOUGH; dropped = du_log_dropped(log)) {
        du_log_format(log, DU_LOG_INFO, "line %08d", 0);
        ssize_t got = du_log_dropped(log) == dropped ? 0 : read(fd, part, sizeof part);
        du_bytes_add(&text, part, got > 0 ? (size_t)got : 0);
    }
    close(fd);
    du_log_free(&log);
    *strrchr(text.data, '\n') = '\0';
    uint64_t told = 0;
    for (char *rest = text.data, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (starts(line, "INFO line 00000000"))
            assert_int_equal(strlen(line), LINE - 1);
        else
            assert_true(starts(line, "WARN log lines were dropped total=") && ++told > 0);
    }
    assert_true(told > 0);
    du_bytes_deinit(&text);
}

/* Gathering is real time, and ends by itself. */
static void a_line_is_written_although_nothing_else_comes(void **state) {
    struct fixture *fixture = *state;
    static const char line[] = "2026-01-31T23:59:50Z INFO alone\n";
    char text[sizeof line] = "";
    assert_int_equal(mkfifo(fixture->path, 0600), 0);
    int fd = open(fixture->path, O_RDONLY | O_NONBLOCK);
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    fcntl(fd, F_SETFL, 0);
    du_log_format(log, DU_LOG_INFO, "alone");
    assert_int_equal(read(fd, text, sizeof line - 1), sizeof line - 1);
    assert_string_equal(text, line);
    du_log_free(&log);
    close(fd);
}

static void many_times_the_ring_comes_through_in_order(void **state) {
    struct fixture *fixture = *state;
    enum { LINES = 20000 };
    struct du_log *log = open_log(fixture, DU_LOG_TEXT, DU_LOG_DEBUG);
    uint64_t kept = 0;
    for (int i = 0; i < LINES; i++) {
        uint64_t dropped = du_log_dropped(log);
        du_log_format(log, DU_LOG_INFO, "n%07d", i);
        kept += du_log_dropped(log) == dropped;
    }
    du_log_free(&log);
    int last = -1;
    uint64_t found = 0;
    for (const char *line = written(fixture, fixture->path); *line != '\0';
         line = next_line(line)) {
        int number = atoi(line + AFTER_TIME + 6);
        if (strncmp(line + AFTER_TIME, "INFO n", 6) != 0)
            continue;
        assert_true(number > last);
        last = number;
        found++;
    }
    assert_int_equal(found, kept);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_full_ring_drops_lines_and_tells),
        CASE(what_the_writer_tells_comes_between_lines),
        CASE(a_line_is_written_although_nothing_else_comes),
        CASE(many_times_the_ring_comes_through_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
