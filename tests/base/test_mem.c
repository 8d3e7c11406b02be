/* The door to the heap: it counts what is alive and closes on demand, for one thread only. */

#include "mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int tear_down(void **state) {
    (void)state;
    du_mem_fail_after(-1);
    return 0;
}

static void allocations_fail_after_as_many_as_were_allowed(void **state) {
    (void)state;
    du_mem_fail_after(2);
    void *first = du_malloc(1), *second = du_calloc(1, 1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(du_malloc(1));
    assert_null(du_calloc(1, 1));
    assert_null(du_realloc(NULL, 1));
    assert_null(du_strdup("x"));
    assert_null(du_memdup("x", 1));
    assert_int_equal(du_mem_asked(), 7);
    du_mem_fail_after(-1);
    du_free(first);
    du_free(second);
}

static void a_realloc_that_fails_leaves_the_old_block(void **state) {
    (void)state;
    char *block = du_strdup("kept");
    du_mem_fail_after(0);
    assert_null(du_realloc(block, 1000));
    assert_string_equal(block, "kept");
    du_mem_fail_after(-1);
    block = du_realloc(block, 1000);
    assert_string_equal(block, "kept");
    du_free(block);
}

static void live_blocks_are_counted(void **state) {
    (void)state;
    int64_t before = du_mem_live();
    char *text = du_strdup("one");
    void *nothing = du_malloc(0);
    assert_non_null(nothing);
    text = du_realloc(text, 100);
    assert_int_equal(du_mem_live(), before + 2);
    du_mem_fail_after(0);
    assert_null(du_malloc(1));
    du_mem_fail_after(-1);
    assert_int_equal(du_mem_live(), before + 2);
    du_free(text);
    du_free(nothing);
    du_free(NULL);
    assert_int_equal(du_mem_live(), before);
}

static void *allocate(void *unused) {
    (void)unused;
    void *block = du_malloc(1);
    du_free(block);
    return block != NULL ? (void *)1 : NULL;
}

static void failing_on_demand_spares_other_threads(void **state) {
    (void)state;
    pthread_t thread;
    void *went_well = NULL;
    assert_int_equal(pthread_create(&thread, NULL, allocate, NULL), 0);
    pthread_join(thread, &went_well);
    du_mem_fail_after(0);
    assert_null(du_malloc(1));
    assert_int_equal(pthread_create(&thread, NULL, allocate, NULL), 0);
    pthread_join(thread, &went_well);
    assert_non_null(went_well);
}

static void copies_are_nul_terminated(void **state) {
    (void)state;
    char *copy = du_memdup("a\0b", 3), *empty = du_memdup(NULL, 0);
    assert_memory_equal(copy, "a\0b\0", 4);
    assert_string_equal(empty, "");
    du_free(copy);
    du_free(empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(allocations_fail_after_as_many_as_were_allowed, tear_down),
        cmocka_unit_test_teardown(a_realloc_that_fails_leaves_the_old_block, tear_down),
        cmocka_unit_test_teardown(live_blocks_are_counted, tear_down),
        cmocka_unit_test_teardown(failing_on_demand_spares_other_threads, tear_down),
        cmocka_unit_test_teardown(copies_are_nul_terminated, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
