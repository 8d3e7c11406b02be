#ifndef DU_TEST_LOGGING_H
#define DU_TEST_LOGGING_H

/* A folder for a log, and what stands in it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bytes.h"
#include "clock.h"
#include "log.h"
#include "mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct du_clock clock;
    struct du_bytes text;
    char folder[64], path[96], moved[96];
};

static inline int set_up(void **state) {
    struct fixture *fixture = du_calloc(1, sizeof *fixture);
    du_clock_init_manual(&fixture->clock, 1769903990000);
    strcpy(fixture->folder, "/tmp/dunite-log-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/log", fixture->folder);
    snprintf(fixture->moved, sizeof fixture->moved, "%s/log.1", fixture->folder);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state) {
    struct fixture *fixture = *state;
    du_mem_fail_after(-1);
    unlink(fixture->path);
    unlink(fixture->moved);
    rmdir(fixture->folder);
    du_bytes_deinit(&fixture->text);
    du_free(fixture);
    return 0;
}

static inline struct du_log *open_log(struct fixture *fixture, enum du_log_format format,
                                      enum du_log_level least) {
    struct du_log *log;
    struct du_error error;
    assert_int_equal(du_log_new(&log, &fixture->clock, format, least, fixture->path, &error),
                     DU_OK);
    return log;
}

/* Reads to the end. */
static inline const char *drain(struct fixture *fixture, int fd) {
    char part[4096];
    du_bytes_clear(&fixture->text);
    for (ssize_t got; (got = read(fd, part, sizeof part)) > 0;)
        du_bytes_add(&fixture->text, part, (size_t)got);
    du_bytes_add(&fixture->text, NULL, 0);
    close(fd);
    return fixture->text.data;
}

static inline const char *written(struct fixture *fixture, const char *path) {
    return drain(fixture, open(path, O_RDONLY));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
