#ifndef DU_TEST_STORE_FIXTURE_H
#define DU_TEST_STORE_FIXTURE_H

/* A base with a clock that stands still, and a folder of the test's own that goes with it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base.h"
#include "ledger.h"
#include "mem.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIXTURE_PATH = 192 };

struct fixture {
    struct du_base base;
    char folder[64];
    int64_t live; /* heap blocks before the test */
    void *extra;  /* the test's own */
};

/* 2026-01-31T23:59:50Z */
enum { FIXTURE_WALL_S = 1769903990 };

static inline int fixture_set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    du_clock_init_manual(&fixture->base.clock, (int64_t)FIXTURE_WALL_S * 1000);
    du_faults_init(&fixture->base.faults);
    strcpy(fixture->folder, "/tmp/dunite-store-XXXXXX");
    fixture->live = du_mem_live();
    *state = fixture;
    return mkdtemp(fixture->folder) == NULL ? -1 : 0;
}

static inline int fixture_remove(const char *path, const struct stat *file, int flag,
                                 struct FTW *walk) {
    (void)file, (void)flag, (void)walk;
    return remove(path);
}

/* Fails the test that left a block behind. */
static inline int fixture_tear_down(void **state) {
    struct fixture *fixture = *state;
    int64_t left = du_mem_live() - fixture->live;
    nftw(fixture->folder, fixture_remove, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return left == 0 ? 0 : -1;
}

/* A path in the folder; text has room for FIXTURE_PATH. */
static inline const char *fixture_path(const struct fixture *fixture, const char *name,
                                       char *text) {
    snprintf(text, FIXTURE_PATH, "%s/%s", fixture->folder, name);
    return text;
}

static inline struct du_ledger *fixture_ledger(struct fixture *fixture, const char *name,
                                               const char *schema, bool full_sync) {
    char path[FIXTURE_PATH];
    struct du_error error;
    struct du_ledger *ledger = NULL;
    if (du_ledger_open(&ledger, &fixture->base, fixture_path(fixture, name, path), schema,
                       full_sync, &error) != DU_OK)
        fail_msg("%s", error.message);
    return ledger;
}

#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)

#endif
