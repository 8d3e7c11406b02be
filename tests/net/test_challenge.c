/* Challenges: what servers write into WWW-Authenticate, and what they should not. */

#include "challenge.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int set_up(void **state) {
    static struct du_challenge challenge;
    du_challenge_init(&challenge);
    *state = &challenge;
    return 0;
}

static int tear_down(void **state) {
    du_challenge_deinit(*state);
    return 0;
}

static const char *text(const struct du_bytes *bytes) {
    return bytes->size > 0 ? bytes->data : "";
}

static enum du_error_kind read_value(struct du_challenge *challenge, const char *value) {
    return du_challenge_read(challenge, du_slice_of(value));
}

static void a_registrys_challenge_is_read_in_full(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Bearer realm=\"https://auth.example/token\","
                                           "service=\"registry.example\","
                                           "scope=\"repository:acme/app:pull,push\""),
                     DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BEARER);
    assert_string_equal(text(&challenge->realm), "https://auth.example/token");
    assert_string_equal(text(&challenge->service), "registry.example");
    assert_string_equal(text(&challenge->scope), "repository:acme/app:pull,push");
}

static void names_fold_and_spaces_are_free(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(
        read_value(challenge, " ,  bEARER   Realm = \"a\\\"b\" ,\tSERVICE=s , error=\"x, y\""),
        DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BEARER);
    assert_string_equal(text(&challenge->realm), "a\"b");
    assert_string_equal(text(&challenge->service), "s");
    assert_string_equal(text(&challenge->scope), "");
}

static void a_realm_without_quotes_is_taken_as_it_is(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Bearer realm=https://a/token?x=1,service=s"), DU_OK);
    assert_string_equal(text(&challenge->realm), "https://a/token?x=1");
    assert_string_equal(text(&challenge->service), "s");
}

static void bearer_is_preferred_to_basic_in_either_order(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Basic realm=\"b\", Bearer realm=\"t\""), DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BEARER);
    assert_string_equal(text(&challenge->realm), "t");
    du_challenge_deinit(challenge);
    assert_int_equal(read_value(challenge, "Bearer realm=\"t\", Basic realm=\"b\""), DU_OK);
    assert_string_equal(text(&challenge->realm), "t");
    du_challenge_deinit(challenge);
    assert_int_equal(read_value(challenge, "Basic realm=\"b\""), DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BASIC);
    assert_int_equal(read_value(challenge, "Bearer realm=\"t\""), DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BEARER);
    assert_int_equal(read_value(challenge, "Bearer realm=\"second\""), DU_OK);
    assert_string_equal(text(&challenge->realm), "t");
}

static void other_schemes_are_stepped_over(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Negotiate YII+/x==, NTLM, Digest realm=\"d\", qop=auth,"
                                           " Basic realm=\"b\", charset=\"UTF-8\""),
                     DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_BASIC);
}

static void bearer_without_a_realm_is_no_challenge_we_can_answer(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Bearer"), DU_OK);
    assert_int_equal(read_value(challenge, "Bearer service=\"s\""), DU_OK);
    assert_int_equal(read_value(challenge, "Bearer realm=\"\""), DU_OK);
    assert_int_equal(challenge->scheme, DU_CHALLENGE_NONE);
}

static void of_a_parameter_given_twice_the_first_counts(void **state) {
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Bearer realm=\"a\",realm=\"b\""), DU_OK);
    assert_string_equal(text(&challenge->realm), "a");
}

static void a_value_that_cannot_be_read_changes_nothing(void **state) {
    static const char *const bad[] = {
        "Bearer realm=\"t",       "Bearer realm=\"t\\",      "=x",
        "Bearer realm=\"a\nb\"",  "Bearer realm=\"t\" junk", "\"Bearer\" realm=t",
        "Bearer realm=\"t\", \"", "Bearer realm=a\rb"};
    struct du_challenge *challenge = *state;
    assert_int_equal(read_value(challenge, "Basic realm=\"b\""), DU_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read_value(challenge, bad[i]) != DU_UPSTREAM)
            fail_msg("read: %s", bad[i]);
        assert_int_equal(challenge->scheme, DU_CHALLENGE_BASIC);
    }
    assert_int_equal(read_value(challenge, ""), DU_OK);
}

static void short_of_memory_nothing_leaks(void **state) {
    struct du_challenge *challenge = *state;
    int64_t live = du_mem_live();
    enum du_error_kind kind = DU_MEMORY;
    for (int64_t n = 0; kind == DU_MEMORY; n++) {
        du_mem_fail_after(n);
        kind = read_value(challenge, "Bearer realm=\"a\",service=\"b\",scope=\"c\"");
        du_mem_fail_after(-1);
        assert_true(kind == DU_OK || du_mem_live() == live);
        assert_true(kind == DU_OK || challenge->scheme == DU_CHALLENGE_NONE);
    }
    assert_int_equal(kind, DU_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_registrys_challenge_is_read_in_full),
        TEST(names_fold_and_spaces_are_free),
        TEST(a_realm_without_quotes_is_taken_as_it_is),
        TEST(bearer_is_preferred_to_basic_in_either_order),
        TEST(other_schemes_are_stepped_over),
        TEST(bearer_without_a_realm_is_no_challenge_we_can_answer),
        TEST(of_a_parameter_given_twice_the_first_counts),
        TEST(a_value_that_cannot_be_read_changes_nothing),
        TEST(short_of_memory_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
