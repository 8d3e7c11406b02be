#include "bytes.h"
#include "fixture.h"
#include "json.h"
#include "keys.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

/* The key of RFC 8037 appendix A.1 as PKCS#8 PEM. */
static const char rfc8037[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                              "-----END PRIVATE KEY-----\n";

static const char other[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                            "-----END PRIVATE KEY-----\n";

static const char encrypted[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAijB9HP9C3xlQICCAAw\n"
                                "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEAVxrrlwqElru2k1fbA4AGsEQPWz\n"
                                "BI7VZW0UTOlHDgI/5qe2LSYY2h7Fe7V3A68gmK5CQIO0kUXdtDaZIsOhKlHoemCA\n"
                                "mbGa27paFb9QiVda2Tc=\n"
                                "-----END ENCRYPTED PRIVATE KEY-----\n";

static const char curve[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQga7FDjUTgTgLKvxr6\n"
                            "d7y3GAIOdsPHB2PokDVuKvh0gaChRANCAASWe3IAzJ97BE0/MgTn5V1wdcLn3Zc7\n"
                            "IGIjZhTalE3EajW7JfLHfJAOv/kXKSXKoypoZa4k/wyW2chG9+Rz64EC\n"
                            "-----END PRIVATE KEY-----\n";

static const char public_half[] = "-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEAg17PqnHdHuigWXb4hT15D3AdEVjijJbpKn28b7K1Sjo=\n"
                                  "-----END PUBLIC KEY-----\n";

static const char *folder_of(struct fixture *fixture, char path[FIXTURE_PATH]) {
    return fixture_path(fixture, "keys", path);
}

static void write_file(struct fixture *fixture, const char *name, const char *text) {
    char path[FIXTURE_PATH], file[64];
    mkdir(folder_of(fixture, path), 0700);
    snprintf(file, sizeof file, "keys/%s", name);
    FILE *stream = fopen(fixture_path(fixture, file, path), "w");
    assert_non_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static struct du_keys *open_keys(struct fixture *fixture) {
    char path[FIXTURE_PATH];
    struct du_error error;
    struct du_keys *keys;
    if (du_keys_open(&keys, &fixture->base, folder_of(fixture, path), &error) != DU_OK)
        fail_msg("%s", error.message);
    return keys;
}

static void assert_refused(struct fixture *fixture, const char *named) {
    char path[FIXTURE_PATH];
    struct du_error error;
    struct du_keys *keys;
    assert_int_equal(du_keys_open(&keys, &fixture->base, folder_of(fixture, path), &error),
                     DU_STORE);
    assert_null(keys);
    if (strstr(error.message, named) == NULL)
        fail_msg("%s does not name %s", error.message, named);
}

static size_t count(struct du_keys *keys) {
    struct du_key_set *set = du_keys_set(keys);
    size_t number = set->count;
    du_key_set_unref(&set);
    return number;
}

static void kid_is_the_thumbprint_and_the_jwk_set_the_public_half(void **state) {
    write_file(*state, "a.pem", rfc8037);
    struct du_keys *keys = open_keys(*state);
    struct du_key_set *set = du_keys_set(keys);
    assert_int_equal(set->count, 1);
    assert_ptr_equal(set->active, &set->keys[0]);
    /* RFC 8037 appendix A.3 and A.2. */
    assert_string_equal(set->active->kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_string_equal(set->jwks,
                        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
                        "\"alg\":\"EdDSA\","
                        "\"kid\":\"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\","
                        "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    du_key_set_unref(&set);
    du_keys_close(&keys);
}

static void signatures_are_those_of_the_standard(void **state) {
    write_file(*state, "a.pem", rfc8037);
    struct du_keys *keys = open_keys(*state);
    struct du_key_set *set = du_keys_set(keys);
    /* RFC 8037 appendix A.4. */
    static const char input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    unsigned char made[DU_KEY_SIGNATURE];
    struct du_bytes text;
    du_bytes_init(&text);
    assert_int_equal(du_key_sign(set->active, input, strlen(input), made), DU_OK);
    du_bytes_base64url(&text, made, sizeof made);
    assert_string_equal(text.data, "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5"
                                   "BhVsPt9g7sVvpAr_MuM0KAg");
    assert_true(du_key_verify(set->active, input, strlen(input), made, sizeof made));
    assert_false(du_key_verify(set->active, input, strlen(input) - 1, made, sizeof made));
    assert_false(du_key_verify(set->active, input, strlen(input), made, sizeof made - 1));
    made[0] ^= 1;
    assert_false(du_key_verify(set->active, input, strlen(input), made, sizeof made));
    du_bytes_deinit(&text);
    du_key_set_unref(&set);
    du_keys_close(&keys);
}

static void a_new_folder_has_no_key_until_one_is_made(void **state) {
    char kid[DU_KEY_ID], path[FIXTURE_PATH], file[96];
    struct stat facts;
    struct du_keys *keys = open_keys(*state);
    struct du_key_set *set = du_keys_set(keys);
    assert_null(set->active);
    assert_string_equal(set->jwks, "{\"keys\":[]}");
    du_key_set_unref(&set);
    assert_int_equal(du_keys_make(keys, kid, NULL), DU_OK);
    snprintf(file, sizeof file, "keys/%s.pem", kid);
    assert_int_equal(stat(fixture_path(*state, file, path), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0600);
    assert_int_equal(stat(folder_of(*state, path), &facts), 0);
    assert_int_equal(facts.st_mode & 0777, 0700);
    du_keys_close(&keys);
    keys = open_keys(*state);
    set = du_keys_set(keys);
    assert_string_equal(set->active->kid, kid);
    du_key_set_unref(&set);
    du_keys_close(&keys);
}

static void a_new_key_signs_and_the_one_before_still_verifies(void **state) {
    char first[DU_KEY_ID], second[DU_KEY_ID];
    unsigned char signature[DU_KEY_SIGNATURE];
    struct du_keys *keys = open_keys(*state);
    assert_int_equal(du_keys_make(keys, first, NULL), DU_OK);
    struct du_key_set *before = du_keys_set(keys);
    assert_int_equal(du_keys_make(keys, second, NULL), DU_OK);
    struct du_key_set *after = du_keys_set(keys);
    assert_string_equal(after->active->kid, second);
    assert_int_equal(after->count, 2);
    /* Who holds the old set goes on with it. */
    assert_int_equal(du_key_sign(before->active, "x", 1, signature), DU_OK);
    assert_true(du_key_verify(du_key_set_find(after, first), "x", 1, signature, sizeof signature));
    assert_false(
        du_key_verify(du_key_set_find(after, second), "x", 1, signature, sizeof signature));
    du_key_set_unref(&before);
    du_key_set_unref(&after);
    du_keys_close(&keys);
}

static void any_key_of_the_set_can_be_made_the_active_one(void **state) {
    struct du_keys *keys = open_keys(*state);
    char first[DU_KEY_ID], second[DU_KEY_ID];
    assert_int_equal(du_keys_make(keys, first, NULL), DU_OK);
    assert_int_equal(du_keys_make(keys, second, NULL), DU_OK);
    assert_int_equal(du_keys_activate(keys, "nobody's", NULL), DU_NOT_FOUND);
    assert_int_equal(du_keys_activate(keys, first, NULL), DU_OK);
    for (int i = 0; i < 2; i++) {
        struct du_key_set *set = du_keys_set(keys);
        assert_int_equal(set->count, 2);
        assert_string_equal(set->active->kid, first);
        assert_false(du_key_set_find(set, second)->active);
        du_key_set_unref(&set);
        du_keys_close(&keys);
        keys = open_keys(*state);
    }
    du_keys_close(&keys);
}

static void retiring_the_active_key_puts_a_new_one_in_its_place(void **state) {
    char first[DU_KEY_ID], second[DU_KEY_ID];
    struct du_error error;
    struct du_keys *keys = open_keys(*state);
    assert_int_equal(du_keys_make(keys, first, NULL), DU_OK);
    assert_int_equal(du_keys_remove(keys, first, &error), DU_STORE);
    assert_int_equal(du_keys_retire(keys, first, NULL), DU_OK);
    struct du_key_set *set = du_keys_set(keys);
    assert_int_equal(set->count, 2);
    strcpy(second, set->active->kid);
    assert_string_not_equal(second, first);
    du_key_set_unref(&set);
    /* It is retired already. */
    assert_int_equal(du_keys_retire(keys, first, NULL), DU_OK);
    assert_int_equal(count(keys), 2);
    assert_int_equal(du_keys_remove(keys, first, NULL), DU_OK);
    assert_int_equal(count(keys), 1);
    assert_int_equal(du_keys_remove(keys, first, &error), DU_NOT_FOUND);
    assert_int_equal(du_keys_retire(keys, "nothing", &error), DU_NOT_FOUND);
    du_keys_close(&keys);
    keys = open_keys(*state);
    set = du_keys_set(keys);
    assert_string_equal(set->active->kid, second);
    assert_null(du_key_set_find(set, first));
    du_key_set_unref(&set);
    du_keys_close(&keys);
}

static void a_bad_file_is_named(void **state) {
    static const char *const bad[] = {"", "not pem", encrypted, curve, public_half};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_file(*state, "bad.pem", bad[i]);
        assert_refused(*state, "bad.pem");
    }
}

static void one_key_in_two_files_is_refused(void **state) {
    write_file(*state, "a.pem", rfc8037);
    write_file(*state, "b.pem", rfc8037);
    assert_refused(*state, "b.pem");
}

static void of_several_keys_one_must_be_named_active(void **state) {
    write_file(*state, "a.pem", rfc8037);
    write_file(*state, "b.pem", other);
    assert_refused(*state, "active");
    write_file(*state, "active", "nobody\n");
    assert_refused(*state, "nobody");
    write_file(*state, "active", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k\n");
    struct du_keys *keys = open_keys(*state);
    struct du_key_set *set = du_keys_set(keys);
    assert_string_equal(set->active->file, "a.pem");
    assert_false(set->keys[1].active);
    du_key_set_unref(&set);
    du_keys_close(&keys);
}

static void a_reload_that_fails_changes_nothing(void **state) {
    struct du_error error;
    write_file(*state, "a.pem", rfc8037);
    struct du_keys *keys = open_keys(*state);
    write_file(*state, "b.pem", "junk");
    assert_int_equal(du_keys_reload(keys, &error), DU_STORE);
    assert_int_equal(count(keys), 1);
    write_file(*state, "b.pem", other);
    write_file(*state, "active", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_int_equal(du_keys_reload(keys, NULL), DU_OK);
    assert_int_equal(count(keys), 2);
    du_keys_close(&keys);
}

static void no_memory_at_any_point_is_an_error(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct du_keys *keys = NULL;
    write_file(fixture, "a.pem", rfc8037);
    for (int64_t i = 0; keys == NULL; i++) {
        du_mem_fail_after(i);
        enum du_error_kind kind =
            du_keys_open(&keys, &fixture->base, folder_of(fixture, path), NULL);
        du_mem_fail_after(-1);
        assert_int_equal(kind, keys != NULL ? DU_OK : DU_MEMORY);
    }
    du_keys_close(&keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(kid_is_the_thumbprint_and_the_jwk_set_the_public_half),
        FIXTURE_TEST(signatures_are_those_of_the_standard),
        FIXTURE_TEST(a_new_folder_has_no_key_until_one_is_made),
        FIXTURE_TEST(a_new_key_signs_and_the_one_before_still_verifies),
        FIXTURE_TEST(any_key_of_the_set_can_be_made_the_active_one),
        FIXTURE_TEST(retiring_the_active_key_puts_a_new_one_in_its_place),
        FIXTURE_TEST(a_bad_file_is_named),
        FIXTURE_TEST(one_key_in_two_files_is_refused),
        FIXTURE_TEST(of_several_keys_one_must_be_named_active),
        FIXTURE_TEST(a_reload_that_fails_changes_nothing),
        FIXTURE_TEST(no_memory_at_any_point_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
