#include "lua_memory.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

struct fixture {
    struct du_lua_memory memory;
    int64_t live;
};

static int set_up(void **state) {
    static struct fixture fixture;
    du_lua_memory_init(&fixture.memory, 0);
    fixture.live = du_mem_live();
    *state = &fixture;
    return 0;
}

/* Fails the test that left a block behind, or a figure. */
static int tear_down(void **state) {
    struct fixture *fixture = *state;
    du_mem_fail_after(-1);
    return du_mem_live() == fixture->live && fixture->memory.used == 0 ? 0 : -1;
}

static char *filled(struct fixture *fixture, size_t size, char letter) {
    char *block = du_lua_memory_allocate(&fixture->memory, NULL, 0, size);
    assert_non_null(block);
    assert_int_equal((uintptr_t)block % 16, 0);
    return memset(block, letter, size);
}

static void assert_filled(const char *block, size_t size, char letter) {
    for (size_t i = 0; i < size; i++)
        assert_int_equal(block[i], letter);
}

static void drop(struct fixture *fixture, void *block, size_t size) {
    assert_null(du_lua_memory_allocate(&fixture->memory, block, size, 0));
}

static void blocks_of_all_sizes_keep_apart(void **state) {
    enum { BLOCKS = 600 };
    struct fixture *fixture = *state;
    char *blocks[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        blocks[i] = filled(fixture, (size_t)i + 1, (char)i);
    assert_int_equal(fixture->memory.used, BLOCKS * (BLOCKS + 1) / 2);
    for (int i = 0; i < BLOCKS; i++) {
        assert_filled(blocks[i], (size_t)i + 1, (char)i);
        drop(fixture, blocks[i], (size_t)i + 1);
    }
}

static void a_block_keeps_its_bytes_through_every_size(void **state) {
    static const size_t sizes[] = {1, 16, 17, 240, 241, 5000, 300, 240, 100, 15, 400, 20};
    struct fixture *fixture = *state;
    char *block = filled(fixture, 1, 'x');
    for (size_t i = 1; i < sizeof sizes / sizeof *sizes; i++) {
        size_t kept = sizes[i] < sizes[i - 1] ? sizes[i] : sizes[i - 1];
        block = du_lua_memory_allocate(&fixture->memory, block, sizes[i - 1], sizes[i]);
        assert_non_null(block);
        assert_filled(block, kept, 'x');
        memset(block, 'x', sizes[i]);
        assert_int_equal(fixture->memory.used, sizes[i]);
    }
    drop(fixture, block, 20);
}

static void a_small_block_that_was_dropped_is_used_again(void **state) {
    struct fixture *fixture = *state;
    char *other = filled(fixture, 40, 'o'), *block = filled(fixture, 40, 'b');
    drop(fixture, block, 40);
    assert_ptr_equal(filled(fixture, 33, 'c'), block);
    drop(fixture, block, 33);
    drop(fixture, other, 40);
}

static void without_memory_growing_fails_and_shrinking_does_not(void **state) {
    struct fixture *fixture = *state;
    char *large = filled(fixture, 241, 'l'), *small = filled(fixture, 200, 's');
    du_mem_fail_after(0);
    assert_null(du_lua_memory_allocate(&fixture->memory, small, 200, 300));
    assert_null(du_lua_memory_allocate(&fixture->memory, large, 241, 3000));
    assert_int_equal(fixture->memory.used, 441);
    assert_ptr_equal(du_lua_memory_allocate(&fixture->memory, large, 241, 240), large);
    assert_ptr_equal(du_lua_memory_allocate(&fixture->memory, small, 200, 20), small);
    assert_int_equal(fixture->memory.used, 260);
    assert_filled(large, 240, 'l');
    assert_filled(small, 20, 's');
    du_mem_fail_after(-1);
    /* It is a small one from now on. */
    drop(fixture, large, 240);
    assert_ptr_equal(filled(fixture, 240, 'm'), large);
    drop(fixture, large, 240);
    drop(fixture, small, 20);
}

static void beyond_the_limit_growing_is_refused(void **state) {
    struct fixture *fixture = *state;
    fixture->memory.limit = 1000;
    char *block = filled(fixture, 900, 'x');
    assert_null(du_lua_memory_allocate(&fixture->memory, NULL, 5, 101));
    assert_null(du_lua_memory_allocate(&fixture->memory, block, 900, 1001));
    block = du_lua_memory_allocate(&fixture->memory, block, 900, 1000);
    assert_non_null(block);
    assert_int_equal(fixture->memory.peak, 1000);
    drop(fixture, block, 1000);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(blocks_of_all_sizes_keep_apart),
        CASE(a_block_keeps_its_bytes_through_every_size),
        CASE(a_small_block_that_was_dropped_is_used_again),
        CASE(without_memory_growing_fails_and_shrinking_does_not),
        CASE(beyond_the_limit_growing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
