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

/* Made by passlib 1.7.4 and by bcrypt 3.2.2. */
static const char pbkdf2_sha512[] =
    "$pbkdf2-sha512$1000$//v/.//7//v/.//7//v/.w$m62.SnwXMIjiDynnRJpT7WDP12aVyezr75sHKGjtjs7qq2CvWj"
    "KD34IzvsQIBTmyPbt7q14ai1aEiIvNZVtQVA";
static const char *const foreign[] = {
    "$pbkdf2$1000$//v/.//7//v/.//7//v/.w$ppUvat7TRhbRtp2gpfgNhJdUrCk",
    "$pbkdf2-sha256$1000$//v/.//7//v/.//7//v/.w$WETZvs09jr05kuMXO3KkitXi6Guo7/63T7pZ40R56fU",
    pbkdf2_sha512,
    "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
    "pbkdf2_sha1$1000$seasalt$iQvkNOF1wEL4Khh8eogJ8rUhipM=",
    "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
};

static void hashes_of_other_systems_verify(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        bool nul = true;
        if (!right(foreign[i], "correct horse") || right(foreign[i], "correct hors") ||
            right(foreign[i], "") || !du_password_is_hash(foreign[i]) ||
            !du_password_is_foreign(foreign[i]))
            fail_msg("%s", foreign[i]);
        assert_int_equal(du_password_verify(foreign[i], "correct horse\0x", 15, &nul, NULL), DU_OK);
        assert_false(nul);
    }
    assert_false(du_password_is_foreign("") || du_password_is_hash(""));
    char own[DU_PASSWORD_TEXT];
    assert_int_equal(du_password_hash("x", 1, own, NULL), DU_OK);
    assert_true(du_password_is_hash(own) && !du_password_is_foreign(own));
}

static void no_memory_is_never_a_right_password(void **state) {
    (void)state;
    for (int nth = 0; nth < 2; nth++) {
        bool yes = true;
        du_mem_fail_after(nth);
        du_password_verify(foreign[5], "correct horse", 13, &yes, NULL);
        du_mem_fail_after(-1);
        assert_false(yes);
    }
}

static void nobodys_hash_is_nobodys_password(void **state) {
    (void)state;
    assert_false(right("", "x"));
    assert_false(right("", ""));
    du_password_dummy("x", 1);
}

static void what_is_no_hash_is_an_error(void **state) {
    (void)state;
    static const char *const bad[] = {
        "secret", "$2b$12$abcdefghijklmnopqrstuv",
        /* bcrypt of cost 16, of 3, of a broken sort; a letter too many. */
        "$2b$16$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$03$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2x$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
        "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6ee",
        /* PBKDF2 of too many iterations, of none, without a salt, of a short key, with more. */
        "pbkdf2_sha256$2000001$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$0$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$99999999999999999999$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$1000$$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
        "pbkdf2_sha256$1000$seasalt$mQnueQ==", "pbkdf2_md5$1000$seasalt$mQnueSakb748zqBAC1tmWQ==",
        "$pbkdf2-sha256$1000$//v/$WETZvs09jr05kuMXO3KkitXi6Guo7/63T7pZ40R56fU$",
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
        FIXTURE_TEST(hashes_of_other_systems_verify),
        FIXTURE_TEST(no_memory_is_never_a_right_password),
        FIXTURE_TEST(nobodys_hash_is_nobodys_password),
        FIXTURE_TEST(what_is_no_hash_is_an_error),
        FIXTURE_TEST(a_password_has_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
