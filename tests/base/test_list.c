/* The intrusive list: order, removing twice, and moving a list before its members are called. */

#include "list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct member {
    int number;
    struct du_list node;
};

static void fill(struct du_list *head, struct member *members, int count) {
    du_list_init(head);
    for (int i = 0; i < count; i++) {
        members[i].number = i;
        du_list_append(head, &members[i].node);
    }
}

static int number_of(struct du_list *node) {
    return du_container_of(node, struct member, node)->number;
}

static void a_list_keeps_its_order(void **state) {
    (void)state;
    struct du_list head;
    struct member members[3];
    fill(&head, members, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(number_of(du_list_take(&head)), i);
    assert_true(du_list_empty(&head));
    assert_null(du_list_take(&head));
}

static void a_node_may_be_removed_twice(void **state) {
    (void)state;
    struct du_list head;
    struct member members[2];
    fill(&head, members, 2);
    du_list_remove(&members[0].node);
    du_list_remove(&members[0].node);
    assert_int_equal(number_of(du_list_take(&head)), 1);
    assert_true(du_list_empty(&head));
}

static void members_may_go_while_the_list_is_walked(void **state) {
    (void)state;
    struct du_list head;
    struct member members[4];
    int seen = 0;
    fill(&head, members, 4);
    du_list_each(node, &head) {
        seen++;
        if (number_of(node) % 2 == 0)
            du_list_remove(node);
    }
    assert_int_equal(seen, 4);
    assert_int_equal(number_of(head.next), 1);
    assert_int_equal(number_of(head.prev), 3);
}

static void moving_appends_and_empties(void **state) {
    (void)state;
    struct du_list from, to;
    struct member first[2], second[2];
    fill(&to, first, 2);
    fill(&from, second, 2);
    second[0].number = 2;
    second[1].number = 3;
    du_list_move(&to, &from);
    assert_true(du_list_empty(&from));
    du_list_move(&to, &from);
    for (int i = 0; i < 4; i++)
        assert_int_equal(number_of(du_list_take(&to)), i);
}

static void a_member_may_leave_a_list_that_was_moved(void **state) {
    (void)state;
    struct du_list head, own;
    struct member members[3];
    fill(&head, members, 3);
    du_list_init(&own);
    du_list_move(&own, &head);
    assert_int_equal(number_of(du_list_take(&own)), 0);
    du_list_remove(&members[1].node);
    du_list_append(&head, &members[1].node);
    assert_int_equal(number_of(du_list_take(&own)), 2);
    assert_null(du_list_take(&own));
    assert_int_equal(number_of(du_list_take(&head)), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_its_order),
        cmocka_unit_test(a_node_may_be_removed_twice),
        cmocka_unit_test(members_may_go_while_the_list_is_walked),
        cmocka_unit_test(moving_appends_and_empties),
        cmocka_unit_test(a_member_may_leave_a_list_that_was_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
