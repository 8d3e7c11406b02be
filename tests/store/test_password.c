#include "fixture.h"
#include "password.h"

static bool right(const char *hash, const char *password) {
    bool yes;
    assert_int_equal(du_password_verify(hash, password, strlen(password), &yes, NULL), DU_OK);
    return yes;
}

static void a_hash_verifies_its_password_and_no_other(void **state) {
    (void)state;
    char hash[DU_PASSWORD_TEXT], again[DU_PASSWORD_TEXT];
    assert_int_equal(du_password_hash("correct horse", 13, hash, NULL), DU_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=", 17), 0);
    assert_true(right(hash, "correct horse"));
    assert_false(right(hash, "correct hors"));
    assert_false(right(hash, ""));
    assert_int_equal(du_password_hash("correct horse", 13, again, NULL), DU_OK);
    assert_string_not_equal(hash, again);
}

/* From the reference implementation's tests (phc-winner-argon2, src/test.c). */
static void a_hash_made_elsewhere_verifies(void **state) {
    (void)state;
    static const char hash[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                               "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_true(right(hash, "password"));
    assert_false(right(hash, "Password"));
}

static void nobodys_hash_is_nobodys_password(void **state) {
    (void)state;
    assert_false(right("", "x"));
    assert_false(right("", ""));
    du_password_dummy("x", 1);
}

static void what_is_no_argon2id_string_is_an_error(void **state) {
    (void)state;
    static const char *const bad[] = {
        "secret", "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaa",
        "$argon2id$v=19$m=64,t=2,p=1$", "$argon2id$v=19$m=64,t=2",
        /* Four GiB; a thousand passes. */
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaa",
        "$argon2id$v=19$m=64,t=1000,p=1$c29tZXNhbHQ$aaaaaaaaaaaaaaaaaaaaaa"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_error error;
        bool yes = true;
        assert_int_equal(du_password_verify(bad[i], "secret", 6, &yes, &error), DU_STORE);
        assert_false(yes);
        assert_null(strstr(error.message, "secret"));
    }
}

static void a_password_has_bounds(void **state) {
    (void)state;
    char hash[DU_PASSWORD_TEXT], text[DU_PASSWORD_MOST + 1];
    bool yes = true;
    memset(text, 'a', sizeof text);
    assert_int_equal(du_password_hash(text, sizeof text, hash, NULL), DU_STORE);
    assert_int_equal(du_password_hash("", 0, hash, NULL), DU_STORE);
    assert_int_equal(du_password_hash(text, DU_PASSWORD_MOST, hash, NULL), DU_OK);
    assert_int_equal(du_password_verify(hash, text, sizeof text, &yes, NULL), DU_OK);
    assert_false(yes);
    assert_int_equal(du_password_verify(hash, text, DU_PASSWORD_MOST, &yes, NULL), DU_OK);
    assert_true(yes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_hash_verifies_its_password_and_no_other),
        FIXTURE_TEST(a_hash_made_elsewhere_verifies),
        FIXTURE_TEST(nobodys_hash_is_nobodys_password),
        FIXTURE_TEST(what_is_no_argon2id_string_is_an_error),
        FIXTURE_TEST(a_password_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
