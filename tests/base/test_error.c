/* The error table: every kind has the class, the status and the retry advice that the contract
 * gives it. The table stands here a second time, on purpose. */

#include "error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    enum du_error_kind kind;
    const char *name, *class;
    int http;
    bool retryable; /* with no status */
} contract[] = {
    {DU_NOT_FOUND, "NotFound", "NotFound", 404, false},
    {DU_UPSTREAM, "Upstream", "Upstream", 502, false},
    {DU_TRANSPORT, "Transport", "Upstream", 502, true},
    {DU_TIMEOUT, "Timeout", "Upstream", 504, true},
    {DU_INTEGRITY, "Integrity", "Upstream", 502, false},
    {DU_INVALID_URL, "InvalidUrl", "Upstream", 502, false},
    {DU_IO, "Io", "Local", 500, false},
    {DU_STORE, "Store", "Local", 500, false},
    {DU_SCRIPT, "Script", "Local", 500, false},
    {DU_MEMORY, "Memory", "Local", 503, false},
    {DU_OVERLOADED, "Overloaded", "Local", 503, true},
    {DU_WAIT_TIMEOUT, "WaitTimeout", "Local", 504, false},
    {DU_CANCELLED, "Cancelled", "Local", 499, false},
};

enum { ROWS = sizeof contract / sizeof *contract };

static void every_kind_is_in_the_contract_and_the_other_way_round(void **state) {
    (void)state;
    assert_int_equal(ROWS, DU_ERROR_KIND_COUNT);
    bool seen[DU_ERROR_KIND_COUNT + 1] = {true};
    for (size_t i = 0; i < ROWS; i++) {
        assert_false(seen[contract[i].kind]);
        seen[contract[i].kind] = true;
    }
}

static void every_kind_has_its_class_status_and_retry_advice(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        enum du_error_kind kind = contract[i].kind;
        struct du_error error = du_error_of(kind);
        assert_string_equal(du_error_name(kind), contract[i].name);
        assert_string_equal(du_error_class_name(du_error_class(kind)), contract[i].class);
        assert_int_equal(du_error_http(kind), contract[i].http);
        assert_int_equal(du_error_retryable(&error), contract[i].retryable);
        assert_true(strlen(du_error_text(kind)) > 0);
    }
}

static void upstream_may_be_retried_after_429_and_5xx_only(void **state) {
    (void)state;
    static const struct {
        int status;
        bool retryable;
    } cases[] = {{0, false},   {200, false}, {401, false}, {403, false}, {404, false},
                 {428, false}, {429, true},  {430, false}, {499, false}, {500, true},
                 {502, true},  {503, true},  {599, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct du_error error = du_error_of(DU_UPSTREAM);
        error.status = cases[i].status;
        assert_int_equal(du_error_retryable(&error), cases[i].retryable);
    }
}

static void a_kind_is_found_by_its_name_and_only_by_it(void **state) {
    (void)state;
    enum du_error_kind kind;
    for (size_t i = 0; i < ROWS; i++) {
        assert_true(du_error_kind_of(contract[i].name, &kind));
        assert_int_equal(kind, contract[i].kind);
    }
    assert_false(du_error_kind_of("Teapot", &kind));
    assert_false(du_error_kind_of("transport", &kind));
    assert_false(du_error_kind_of("", &kind));
    assert_false(du_error_kind_of("Ok", &kind));
}

static void fine_is_no_error(void **state) {
    (void)state;
    assert_int_equal(DU_OK, 0);
    assert_string_equal(du_error_name(DU_OK), "Ok");
    assert_int_equal(du_error_http(DU_OK), 200);
}

static void an_error_set_has_its_message_and_nothing_of_the_last_one(void **state) {
    (void)state;
    struct du_error error = du_error_of(DU_UPSTREAM);
    error.status = 500;
    strcpy(error.expected, "sha256:…");
    assert_int_equal(du_error_set(&error, DU_IO, "write %s: %d", "a", 7), DU_IO);
    assert_int_equal(error.kind, DU_IO);
    assert_string_equal(error.message, "write a: 7");
    assert_int_equal(error.status, 0);
    assert_int_equal(error.retry_after, -1);
    assert_string_equal(error.expected, "");
}

static void a_caller_who_does_not_care_passes_null(void **state) {
    (void)state;
    assert_int_equal(du_error_set(NULL, DU_STORE, "lost"), DU_STORE);
    assert_int_equal(du_error_errno(NULL, ENOSPC, "write", "x"), DU_IO);
}

static void a_message_too_long_is_cut_and_stays_text(void **state) {
    (void)state;
    struct du_error error;
    char path[1000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    du_error_set(&error, DU_IO, "open %s", path);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
}

static void errno_is_io_but_for_memory(void **state) {
    (void)state;
    struct du_error error;
    static const int numbers[] = {ENOSPC, EROFS, EACCES, EIO, EDQUOT, ENOENT, EMFILE};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(du_error_errno(&error, numbers[i], "write", "/data/x"), DU_IO);
    assert_non_null(strstr(error.message, "write /data/x: "));
    assert_non_null(strstr(error.message, strerror(EMFILE)));
    assert_int_equal(du_error_errno(&error, ENOMEM, "write", "/data/x"), DU_MEMORY);
    assert_int_equal(error.kind, DU_MEMORY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_in_the_contract_and_the_other_way_round),
        cmocka_unit_test(every_kind_has_its_class_status_and_retry_advice),
        cmocka_unit_test(upstream_may_be_retried_after_429_and_5xx_only),
        cmocka_unit_test(a_kind_is_found_by_its_name_and_only_by_it),
        cmocka_unit_test(fine_is_no_error),
        cmocka_unit_test(an_error_set_has_its_message_and_nothing_of_the_last_one),
        cmocka_unit_test(a_caller_who_does_not_care_passes_null),
        cmocka_unit_test(a_message_too_long_is_cut_and_stays_text),
        cmocka_unit_test(errno_is_io_but_for_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
