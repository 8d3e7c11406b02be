/* Tokens: what token servers answer, how long a token is good, and which are kept. */

#include "bearer.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int64_t second = 1000;

static const int64_t now = INT64_C(1769860800000); /* 2026-01-31T12:00:00Z */

static enum du_error_kind read_answer(const char *answer, struct du_bearer **token) {
    return du_bearer_read(du_slice_of(answer), now, token, NULL);
}

/* How long the answer's token is good, in milliseconds. */
static int64_t life(const char *answer, const char *text) {
    struct du_bearer *token = NULL;
    assert_int_equal(read_answer(answer, &token), DU_OK);
    assert_string_equal(token->text, text);
    int64_t left = token->good_until_ms - now;
    du_bearer_unref(&token);
    return left;
}

/* An answer whose token is a JWT with these claims. */
static int64_t life_of_jwt(const char *claims, const char *more) {
    struct du_bytes token = {0}, answer = {0};
    du_bytes_text(&token, "eyJhbGciOiJub25lIn0.");
    du_bytes_base64url(&token, claims, strlen(claims));
    du_bytes_text(&token, ".c2ln");
    du_bytes_format(&answer, "{\"token\":\"%s\"%s}", token.data, more);
    int64_t left = life(answer.data, token.data);
    du_bytes_deinit(&token);
    du_bytes_deinit(&answer);
    return left;
}

static void a_token_alone_is_good_for_most_of_a_minute(void **state) {
    (void)state;
    assert_int_equal(life("{\"token\":\"abc\"}", "abc"), 54 * second);
}

static void an_access_token_is_a_token(void **state) {
    (void)state;
    assert_int_equal(life("{\"access_token\":\"abc\",\"expires_in\":300}", "abc"), 270 * second);
    assert_int_equal(life("{\"access_token\":\"b\",\"token\":\"a\"}", "a"), 54 * second);
    assert_int_equal(life("{\"token\":\"\",\"access_token\":\"b\"}", "b"), 54 * second);
}

static void expires_in_counts_until_shortly_before(void **state) {
    (void)state;
    assert_int_equal(life("{\"token\":\"a\",\"expires_in\":100}", "a"), 90 * second);
    assert_int_equal(life("{\"token\":\"a\",\"expires_in\":3600}", "a"), 3570 * second);
    assert_int_equal(life("{\"token\":\"a\",\"expires_in\":0}", "a"), 54 * second);
    assert_int_equal(life("{\"token\":\"a\",\"expires_in\":-5}", "a"), 54 * second);
    assert_int_equal(life("{\"token\":\"a\",\"expires_in\":\"90\"}", "a"), 54 * second);
    assert_true(life("{\"token\":\"a\",\"expires_in\":9223372036854775807}", "a") > 0);
}

static void the_exp_inside_a_token_comes_first(void **state) {
    (void)state;
    assert_int_equal(life_of_jwt("{\"exp\":1769861400}", ",\"expires_in\":60"), 570 * second);
    assert_int_equal(life_of_jwt("{\"sub\":\"x\"}", ",\"expires_in\":100"), 90 * second);
    assert_int_equal(life_of_jwt("no json", ""), 54 * second);
    assert_true(life_of_jwt("{\"exp\":1}", ",\"expires_in\":100") < 0);
    assert_true(life_of_jwt("{\"exp\":9223372036854775807}", "") > 0);
    assert_true(life_of_jwt("{\"exp\":-9223372036854775807}", "") < 0);
}

static void an_answer_without_a_token_one_could_send_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "abc",
                                      "{}",
                                      "[]",
                                      "{\"token\":null}",
                                      "{\"token\":1}",
                                      "{\"token\":\"\"}",
                                      "{\"token\":\"a b\"}",
                                      "{\"token\":\"a\\r\\nX: y\"}",
                                      "{\"token\":\"a\\u0000b\"}",
                                      "{\"token\":\"\xc3\xa4\"}",
                                      "{\"token\":\"a\"",
                                      "{\"token\":\"a\",\"token\":\"b\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_bearer *token = NULL;
        if (read_answer(bad[i], &token) != DU_UPSTREAM)
            fail_msg("taken: %s", bad[i]);
        assert_null(token);
    }
}

static void a_kept_token_is_found_until_its_time(void **state) {
    (void)state;
    struct du_bearers *tokens;
    struct du_bearer *token = NULL;
    assert_int_equal(du_bearers_new(&tokens), DU_OK);
    assert_null(du_bearers_find(tokens, "a", now));
    assert_int_equal(read_answer("{\"token\":\"t\"}", &token), DU_OK);
    du_bearers_keep(tokens, "a", token, now);
    struct du_bearer *found = du_bearers_find(tokens, "a", now + 54 * second - 1);
    assert_ptr_equal(found, token);
    du_bearer_unref(&found);
    assert_null(du_bearers_find(tokens, "b", now));
    assert_null(du_bearers_find(tokens, "a", now + 54 * second));
    du_bearer_unref(&token);
    du_bearers_free(&tokens);
}

static void only_the_very_token_is_forgotten(void **state) {
    (void)state;
    struct du_bearers *tokens;
    struct du_bearer *old = NULL, *new = NULL;
    assert_int_equal(du_bearers_new(&tokens), DU_OK);
    assert_int_equal(read_answer("{\"token\":\"old\"}", &old), DU_OK);
    assert_int_equal(read_answer("{\"token\":\"new\"}", &new), DU_OK);
    du_bearers_keep(tokens, "a", old, now);
    du_bearers_keep(tokens, "a", new, now);
    du_bearers_forget(tokens, "a", old);
    struct du_bearer *found = du_bearers_find(tokens, "a", now);
    assert_ptr_equal(found, new);
    du_bearer_unref(&found);
    du_bearers_forget(tokens, "a", new);
    du_bearers_forget(tokens, "b", new);
    assert_null(du_bearers_find(tokens, "a", now));
    du_bearer_unref(&old);
    du_bearer_unref(&new);
    du_bearers_free(&tokens);
}

static void what_has_expired_does_not_pile_up(void **state) {
    (void)state;
    struct du_bearers *tokens;
    struct du_bearer *token = NULL, *later = NULL;
    int64_t live = du_mem_live(), afterwards = now + 3600 * second;
    char scope[32];
    assert_int_equal(du_bearers_new(&tokens), DU_OK);
    assert_int_equal(read_answer("{\"token\":\"t\"}", &token), DU_OK);
    for (int i = 0; i < 1000; i++) {
        snprintf(scope, sizeof scope, "scope %d", i);
        du_bearers_keep(tokens, scope, token, now);
    }
    int64_t full = du_mem_live();
    assert_int_equal(du_bearer_read(DU_SLICE("{\"token\":\"l\"}"), afterwards, &later, NULL),
                     DU_OK);
    du_bearers_keep(tokens, "later", later, afterwards);
    assert_true(du_mem_live() < full - 900);
    du_bearer_unref(&token);
    du_bearer_unref(&later);
    du_bearers_free(&tokens);
    assert_int_equal(du_mem_live(), live);
}

static void short_of_memory_nothing_leaks(void **state) {
    (void)state;
    int64_t live = du_mem_live();
    enum du_error_kind kind = DU_MEMORY;
    for (int64_t n = 0; kind == DU_MEMORY; n++) {
        struct du_bearers *tokens = NULL;
        struct du_bearer *token = NULL;
        du_mem_fail_after(n);
        kind = du_bearers_new(&tokens);
        if (kind == DU_OK)
            kind = read_answer("{\"token\":\"eyJ9.eyJleHAiOjF9.c2ln\"}", &token);
        if (kind == DU_OK)
            du_bearers_keep(tokens, "a", token, 0);
        du_mem_fail_after(-1);
        du_bearer_unref(&token);
        du_bearers_free(&tokens);
        assert_int_equal(du_mem_live(), live);
    }
    assert_int_equal(kind, DU_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_alone_is_good_for_most_of_a_minute),
        cmocka_unit_test(an_access_token_is_a_token),
        cmocka_unit_test(expires_in_counts_until_shortly_before),
        cmocka_unit_test(the_exp_inside_a_token_comes_first),
        cmocka_unit_test(an_answer_without_a_token_one_could_send_is_refused),
        cmocka_unit_test(a_kept_token_is_found_until_its_time),
        cmocka_unit_test(only_the_very_token_is_forgotten),
        cmocka_unit_test(what_has_expired_does_not_pile_up),
        cmocka_unit_test(short_of_memory_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
