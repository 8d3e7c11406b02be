#include "digest.h"
#include "fixture.h"

/* FIPS 180-2, appendix B.1. */
static const char abc[] = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void a_digest_is_the_same_in_one_piece_and_in_many(void **state) {
    (void)state;
    struct du_digest whole, pieces;
    struct du_hash *hash;
    char text[DU_DIGEST_TEXT];
    assert_int_equal(du_digest_of("abc", 3, &whole), DU_OK);
    assert_string_equal(du_digest_format(&whole, text), abc);
    assert_int_equal(du_hash_new(&hash), DU_OK);
    assert_int_equal(du_hash_add(hash, "a", 1), DU_OK);
    assert_int_equal(du_hash_add(hash, "", 0), DU_OK);
    assert_int_equal(du_hash_add(hash, "bc", 2), DU_OK);
    assert_int_equal(du_hash_finish(hash, &pieces), DU_OK);
    du_hash_free(&hash);
    assert_null(hash);
    assert_true(du_digest_equal(&whole, &pieces));
}

static void what_is_formatted_parses_to_the_same_digest(void **state) {
    (void)state;
    struct du_digest digest, parsed;
    char text[DU_DIGEST_TEXT];
    assert_int_equal(du_digest_of("x", 1, &digest), DU_OK);
    du_digest_format(&digest, text);
    assert_true(du_digest_parse(text, strlen(text), &parsed));
    assert_true(du_digest_equal(&digest, &parsed));
    parsed.sha256[31] ^= 1;
    assert_false(du_digest_equal(&digest, &parsed));
}

static void only_lower_case_sha256_of_the_right_length_parses(void **state) {
    (void)state;
    struct du_digest digest;
    char text[DU_DIGEST_TEXT + 1];
    assert_true(du_digest_parse(abc, sizeof abc - 1, &digest));
    assert_false(du_digest_parse(abc, sizeof abc - 2, &digest));
    assert_false(du_digest_parse(abc, 0, &digest));
    snprintf(text, sizeof text, "%s0", abc);
    assert_false(du_digest_parse(text, strlen(text), &digest));
    snprintf(text, sizeof text, "%s", abc);
    text[7] = 'B';
    assert_false(du_digest_parse(text, strlen(text), &digest));
    text[7] = 'g';
    assert_false(du_digest_parse(text, strlen(text), &digest));
    snprintf(text, sizeof text, "SHA256:%s", abc + 7);
    assert_false(du_digest_parse(text, strlen(text), &digest));
}

static void no_memory_for_a_hash_is_an_error(void **state) {
    (void)state;
    struct du_hash *hash;
    du_mem_fail_after(0);
    assert_int_equal(du_hash_new(&hash), DU_MEMORY);
    du_mem_fail_after(-1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_digest_is_the_same_in_one_piece_and_in_many),
        FIXTURE_TEST(what_is_formatted_parses_to_the_same_digest),
        FIXTURE_TEST(only_lower_case_sha256_of_the_right_length_parses),
        FIXTURE_TEST(no_memory_for_a_hash_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
