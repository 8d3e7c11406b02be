/* The map: out of memory is an outcome, and the hash spreads keys that look alike. */

#include "map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 2000 };

struct item {
    UT_hash_handle hh;
    int key;
};

static struct item items[MANY];

static bool add(struct item **map, struct item *item, int key) {
    item->key = key;
    HASH_ADD_INT(*map, key, item);
    return !du_map_failed(item);
}

static struct item *find(struct item *map, int key) {
    struct item *found;
    HASH_FIND_INT(map, &key, found);
    return found;
}

static void what_was_added_is_found_until_it_is_deleted(void **state) {
    (void)state;
    struct item *map = NULL;
    int64_t live = du_mem_live();
    for (int i = 0; i < MANY; i++)
        assert_true(add(&map, &items[i], i));
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(find(map, i), &items[i]);
    assert_null(find(map, MANY));
    for (int i = 0; i < MANY; i++) {
        HASH_DELETE(hh, map, &items[i]);
        assert_null(find(map, i));
    }
    assert_null(map);
    assert_int_equal(du_mem_live(), live);
}

static void out_of_memory_is_an_outcome_and_the_map_stays_whole(void **state) {
    (void)state;
    struct item *map = NULL;
    int64_t live = du_mem_live();
    int failures = 0;
    for (int i = 0; i < MANY; i++) {
        du_mem_fail_after(0);
        if (!add(&map, &items[i], i)) {
            failures++;
            assert_null(find(map, i));
            du_mem_fail_after(-1);
            assert_true(add(&map, &items[i], i));
        }
        du_mem_fail_after(-1);
    }
    assert_true(failures > 1); /* the first one, and where the table grows */
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(find(map, i), &items[i]);
    HASH_CLEAR(hh, map);
    assert_int_equal(du_mem_live(), live);
}

static void a_hash_is_the_same_for_the_same_key(void **state) {
    (void)state;
    static const char key[] = "sha256:0123456789abcdef";
    for (size_t length = 0; length < sizeof key; length++)
        assert_int_equal(du_map_hash(key, length), du_map_hash(key, length));
    assert_int_equal(du_map_hash(NULL, 0), du_map_hash("", 0));
}

/* With 2,000 of 2^32 hashes two agree by chance once in 2,000 runs; ten never do. */
static void keys_that_differ_a_little_spread(void **state) {
    (void)state;
    struct item *map = NULL;
    int met = 0;
    for (int i = 0; i < MANY; i++) {
        int hash = (int)du_map_hash(&i, sizeof i);
        met += find(map, hash) != NULL;
        assert_true(add(&map, &items[i], hash));
    }
    assert_in_range(met, 0, 9);
    HASH_CLEAR(hh, map);
}

static void keys_of_zero_bytes_differ_by_their_length(void **state) {
    (void)state;
    static const char zeros[24];
    for (size_t length = 1; length < sizeof zeros; length++)
        assert_int_not_equal(du_map_hash(zeros, length), du_map_hash(zeros, length - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_deleted),
        cmocka_unit_test(out_of_memory_is_an_outcome_and_the_map_stays_whole),
        cmocka_unit_test(a_hash_is_the_same_for_the_same_key),
        cmocka_unit_test(keys_that_differ_a_little_spread),
        cmocka_unit_test(keys_of_zero_bytes_differ_by_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
