/* Values: the last holder frees, through the type. */

#include "value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct du_value *freed;

static void note_free(struct du_value *value) {
    freed = value;
}

static const struct du_value_type type = {"test", note_free};

static void the_last_unref_frees(void **state) {
    (void)state;
    struct du_value value;
    freed = NULL;
    du_value_init(&value, &type);
    struct du_value *first = &value, *second = du_value_ref(first);
    assert_ptr_equal(second, first);
    du_value_unref(&first);
    assert_null(first);
    assert_null(freed);
    du_value_unref(&second);
    assert_ptr_equal(freed, &value);
}

static void null_is_no_value_and_stays_none(void **state) {
    (void)state;
    struct du_value *none = NULL;
    assert_null(du_value_ref(NULL));
    du_value_unref(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_unref_frees),
        cmocka_unit_test(null_is_no_value_and_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
