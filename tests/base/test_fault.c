/* Faults: unarmed they do nothing; armed they skip, fail as often as told, and are done. */

#include "fault.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void an_unarmed_fault_never_fails(void **state) {
    (void)state;
    struct du_faults faults;
    du_faults_init(&faults);
    for (int i = 0; i < DU_FAULT_COUNT; i++)
        assert_int_equal(du_fault(&faults, (enum du_fault)i), 0);
    assert_int_equal(du_fault(NULL, DU_FAULT_BLOB_WRITE), 0);
}

static void an_armed_fault_skips_then_fails_as_often_as_told(void **state) {
    (void)state;
    struct du_faults faults;
    du_faults_init(&faults);
    du_faults_arm(&faults, DU_FAULT_BLOB_WRITE, ENOSPC, 2, 3);
    static const int expected[] = {0, 0, ENOSPC, ENOSPC, ENOSPC, 0, 0};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(du_fault(&faults, DU_FAULT_BLOB_WRITE), expected[i]);
}

static void a_negative_number_of_times_is_for_ever_until_disarmed(void **state) {
    (void)state;
    struct du_faults faults;
    du_faults_init(&faults);
    du_faults_arm(&faults, DU_FAULT_BLOB_SYNC, EIO, 0, -1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(du_fault(&faults, DU_FAULT_BLOB_SYNC), EIO);
    du_faults_disarm(&faults, DU_FAULT_BLOB_SYNC);
    assert_int_equal(du_fault(&faults, DU_FAULT_BLOB_SYNC), 0);
}

static void arming_one_fault_leaves_the_others_alone(void **state) {
    (void)state;
    struct du_faults faults, others;
    du_faults_init(&faults);
    du_faults_init(&others);
    du_faults_arm(&faults, DU_FAULT_BLOB_WRITE, EIO, 0, -1);
    assert_int_equal(du_fault(&faults, DU_FAULT_BLOB_SYNC), 0);
    assert_int_equal(du_fault(&others, DU_FAULT_BLOB_WRITE), 0);
}

static void every_fault_is_found_by_its_name(void **state) {
    (void)state;
    enum du_fault fault;
    for (int i = 0; i < DU_FAULT_COUNT; i++) {
        assert_true(du_faults_find(du_faults_name((enum du_fault)i), &fault));
        assert_int_equal(fault, i);
    }
    assert_false(du_faults_find("coffee.machine", &fault));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unarmed_fault_never_fails),
        cmocka_unit_test(an_armed_fault_skips_then_fails_as_often_as_told),
        cmocka_unit_test(a_negative_number_of_times_is_for_ever_until_disarmed),
        cmocka_unit_test(arming_one_fault_leaves_the_others_alone),
        cmocka_unit_test(every_fault_is_found_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
