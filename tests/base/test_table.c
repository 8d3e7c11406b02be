/* The table: adding never fails, and what it grew by goes back. */

#include "mem.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MANY = 5000 };

struct item {
    struct du_table_node node; /* first */
    int number;
    bool seen;
};

static struct item items[MANY];

static struct du_table_key key_of(int number) {
    items[number].number = number;
    return du_table_key(&items[number].number, sizeof items[number].number);
}

static void add(struct du_table *table, int number) {
    du_table_add(table, &items[number].node, key_of(number));
}

static struct du_table_node *find(struct du_table *table, int number) {
    struct du_table_key key = du_table_key(&number, sizeof number);
    return du_table_find(table, &key);
}

static void find_all(struct du_table *table, int first, int end) {
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(find(table, i), i >= first && i < end ? &items[i].node : NULL);
    assert_int_equal(table->count, end - first);
}

static void what_was_added_is_found_until_it_is_removed(void **state) {
    (void)state;
    struct du_table table;
    du_table_init(&table);
    for (int i = 0; i < MANY; i++)
        add(&table, i);
    find_all(&table, 0, MANY);
    for (int i = 0; i < MANY - 3; i++)
        du_table_remove(&table, &items[i].node);
    find_all(&table, MANY - 3, MANY);
    for (int i = MANY - 3; i < MANY; i++)
        du_table_remove(&table, &items[i].node);
    find_all(&table, 0, 0);
}

static void a_few_elements_cost_no_memory_and_an_empty_table_owns_none(void **state) {
    (void)state;
    int64_t live = du_mem_live();
    struct du_table table;
    du_table_init(&table);
    for (int i = 0; i < DU_TABLE_FIRST; i++)
        add(&table, i);
    assert_int_equal(du_mem_live(), live);
    for (int i = DU_TABLE_FIRST; i < MANY; i++)
        add(&table, i);
    assert_int_equal(du_mem_live(), live + 1);
    for (int i = 0; i < MANY; i++)
        du_table_remove(&table, &items[i].node);
    assert_int_equal(du_mem_live(), live);
}

static void without_memory_adding_and_removing_go_on(void **state) {
    (void)state;
    int64_t live = du_mem_live();
    struct du_table table;
    du_table_init(&table);
    du_mem_fail_after(0);
    for (int i = 0; i < 500; i++)
        add(&table, i);
    find_all(&table, 0, 500);
    du_mem_fail_after(-1);
    for (int i = 500; i < MANY; i++)
        add(&table, i);
    du_mem_fail_after(0);
    for (int i = 0; i < MANY - 1; i++)
        du_table_remove(&table, &items[i].node);
    find_all(&table, MANY - 1, MANY);
    du_table_remove(&table, &items[MANY - 1].node);
    du_mem_fail_after(-1);
    assert_int_equal(du_mem_live(), live);
}

static void coming_and_going_at_one_size_resizes_nothing(void **state) {
    (void)state;
    struct du_table table;
    du_table_init(&table);
    for (int i = 0; i <= DU_TABLE_FIRST; i++)
        add(&table, i);
    du_mem_fail_after(-1);
    for (int i = 0; i < 100; i++) {
        du_table_remove(&table, &items[DU_TABLE_FIRST].node);
        add(&table, DU_TABLE_FIRST);
    }
    assert_int_equal(du_mem_asked(), 0);
    for (int i = 0; i <= DU_TABLE_FIRST; i++)
        du_table_remove(&table, &items[i].node);
}

static void each_element_is_met_once(void **state) {
    (void)state;
    struct du_table table;
    int met = 0;
    du_table_init(&table);
    assert_null(du_table_next(&table, NULL));
    for (int i = 0; i < MANY; i++) {
        items[i].seen = false;
        add(&table, i);
    }
    for (struct du_table_node *node = NULL; (node = du_table_next(&table, node)) != NULL; met++) {
        assert_false(((struct item *)node)->seen);
        ((struct item *)node)->seen = true;
    }
    assert_int_equal(met, MANY);
    for (int i = 0; i < MANY; i++)
        du_table_remove(&table, &items[i].node);
}

static void keys_are_bytes_compared_whole(void **state) {
    (void)state;
    static struct item whole, part, empty;
    struct du_table table;
    struct du_table_key key = du_table_key("ab\0c", 4), none = du_table_key("", 0);
    du_table_init(&table);
    du_table_add(&table, &whole.node, key);
    du_table_add(&table, &part.node, du_table_key("ab", 2));
    du_table_add(&table, &empty.node, none);
    assert_ptr_equal(du_table_find(&table, &key), &whole.node);
    assert_ptr_equal(du_table_find(&table, &none), &empty.node);
    du_table_remove(&table, &whole.node);
    assert_null(du_table_find(&table, &key));
    du_table_remove(&table, &part.node);
    du_table_remove(&table, &empty.node);
}

static void keys_of_one_hash_are_told_apart(void **state) {
    (void)state;
    static struct item long_one, other;
    struct du_table table;
    struct du_table_key first = {"key one", 7, 7}, second = {"key two", 7, 7},
                        third = {"key six", 7, 7}, part = {"key", 3, 7};
    du_table_init(&table);
    du_table_add(&table, &long_one.node, first);
    du_table_add(&table, &other.node, second);
    assert_ptr_equal(du_table_find(&table, &first), &long_one.node);
    assert_ptr_equal(du_table_find(&table, &second), &other.node);
    assert_null(du_table_find(&table, &third));
    assert_null(du_table_find(&table, &part));
    du_table_remove(&table, &long_one.node);
    assert_null(du_table_find(&table, &first));
    assert_ptr_equal(du_table_find(&table, &second), &other.node);
    du_table_remove(&table, &other.node);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
        cmocka_unit_test(a_few_elements_cost_no_memory_and_an_empty_table_owns_none),
        cmocka_unit_test(without_memory_adding_and_removing_go_on),
        cmocka_unit_test(coming_and_going_at_one_size_resizes_nothing),
        cmocka_unit_test(each_element_is_met_once),
        cmocka_unit_test(keys_are_bytes_compared_whole),
        cmocka_unit_test(keys_of_one_hash_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
