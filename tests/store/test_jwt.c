#include "fixture.h"
#include "issuing.h"
#include "json.h"

static void what_is_minted_verifies_and_says_what_it_was_told(void **state) {
    struct issuer issuer = open_issuer(*state);
    struct du_jwt_claims what = claims();
    struct du_jwt_wanted wanted = wanted_at(NOW);
    struct du_jwt jwt;
    struct du_slice value;
    enum du_json_type type;
    what.subject = "a \"quoted\" é";
    what.extra = " { \"access\":[{\"type\":\"repository\"}] } ";
    const char *token = mint(&issuer, what);
    assert_int_equal(du_jwt_verify(issuer.set, token, strlen(token), &wanted, &jwt), DU_JWT_FINE);
    assert_string_equal(jwt.subject.data, "a \"quoted\" é");
    assert_string_equal(jwt.id.data, "7");
    assert_int_equal(jwt.issued_at, NOW);
    assert_int_equal(jwt.not_before, NOW);
    assert_int_equal(jwt.expires_at, NOW + 900);
    assert_true(du_json_find(jwt.payload.data, jwt.payload.size, "access", &value, &type));
    assert_memory_equal(value.data, "[{\"type\":\"repository\"}]", value.size);
    du_jwt_deinit(&jwt);
    close_issuer(&issuer);
}

static void what_is_left_out_is_left_out(void **state) {
    struct issuer issuer = open_issuer(*state);
    struct du_jwt_wanted wanted = wanted_at(NOW);
    struct du_jwt jwt;
    struct du_jwt_claims what = {
        .issuer = "https://gate", .audience = "registry", .expires_at = NOW + 1, .extra = "{}"};
    const char *token = mint(&issuer, what);
    assert_int_equal(du_jwt_verify(issuer.set, token, strlen(token), &wanted, &jwt), DU_JWT_FINE);
    assert_int_equal(jwt.subject.size, 0);
    assert_int_equal(jwt.not_before, 0);
    char expected[96];
    snprintf(expected, sizeof expected,
             "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":%d}", NOW + 1);
    assert_string_equal(jwt.payload.data, expected);
    du_jwt_deinit(&jwt);
    close_issuer(&issuer);
}

static void extra_claims_must_be_an_object_that_repeats_nothing(void **state) {
    struct issuer issuer = open_issuer(*state);
    static const char *const bad[] = {"",
                                      "[]",
                                      "{\"a\":1}x",
                                      "{\"sub\":\"eve\"}",
                                      "{\"\\u0073ub\":\"eve\"}",
                                      "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_bytes token;
        struct du_error error;
        struct du_jwt_claims what = claims();
        what.extra = bad[i];
        du_bytes_init(&token);
        assert_int_equal(du_jwt_mint(issuer.set, "at+jwt", &what, &token, &error), DU_SCRIPT);
        assert_int_equal(token.size, 0);
        du_bytes_deinit(&token);
    }
    close_issuer(&issuer);
}

static void without_an_active_key_nothing_is_minted(void **state) {
    struct fixture *fixture = *state;
    char path[FIXTURE_PATH];
    struct issuer issuer;
    struct du_error error;
    struct du_bytes token;
    struct du_jwt_claims what = claims();
    assert_int_equal(
        du_keys_open(&issuer.keys, &fixture->base, fixture_path(fixture, "keys", path), NULL),
        DU_OK);
    issuer.set = du_keys_set(issuer.keys);
    du_bytes_init(&token);
    assert_int_equal(du_jwt_mint(issuer.set, "at+jwt", &what, &token, &error), DU_STORE);
    assert_non_null(strstr(error.message, "keys new"));
    du_bytes_deinit(&token);
    close_issuer(&issuer);
}

static void other_algorithms_are_refused_however_well_signed(void **state) {
    struct issuer issuer = open_issuer(*state);
    static const char *const headers[] = {"{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                          "{\"alg\":\"None\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                          "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                          "{\"alg\":\"EDDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                                          "{\"typ\":\"at+jwt\",\"kid\":\"%s\"}"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_verdict(&issuer, with_header(&issuer, headers[i]), DU_JWT_ALGORITHM);
    /* And unsigned. */
    char *token = with_header(&issuer, headers[0]);
    strrchr(token, '.')[1] = '\0';
    assert_verdict(&issuer, token, DU_JWT_ALGORITHM);
    close_issuer(&issuer);
}

static void the_type_must_be_the_wanted_one(void **state) {
    struct issuer issuer = open_issuer(*state);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}"),
                   DU_JWT_FINE);
    assert_verdict(
        &issuer,
        with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"application/AT+JWT\",\"kid\":\"%s\"}"),
        DU_JWT_FINE);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"%s\"}"),
                   DU_JWT_TYPE);
    assert_verdict(&issuer, with_header(&issuer, "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}"),
                   DU_JWT_TYPE);
    close_issuer(&issuer);
}

static void a_key_that_nobody_knows_is_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%sx\"}"),
                   DU_JWT_KEY);
    assert_verdict(&issuer, with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}"),
                   DU_JWT_KEY);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":7}"),
                   DU_JWT_MALFORMED);
    close_issuer(&issuer);
}

static void a_header_with_crit_or_a_repeated_member_is_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"crit\":[\"b64\"],"
                                        "\"kid\":\"%s\"}"),
                   DU_JWT_MALFORMED);
    assert_verdict(&issuer,
                   with_header(&issuer, "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"typ\":\"at+jwt\","
                                        "\"kid\":\"%s\"}"),
                   DU_JWT_MALFORMED);
    close_issuer(&issuer);
}

static void a_retired_key_verifies_and_a_removed_one_does_not(void **state) {
    struct issuer issuer = open_issuer(*state);
    char kid[DU_KEY_ID];
    strcpy(kid, issuer.set->active->kid);
    char *token = mint(&issuer, claims());
    assert_int_equal(du_keys_retire(issuer.keys, kid, NULL), DU_OK);
    du_key_set_unref(&issuer.set);
    issuer.set = du_keys_set(issuer.keys);
    assert_verdict(&issuer, token, DU_JWT_FINE);
    assert_int_equal(du_keys_remove(issuer.keys, kid, NULL), DU_OK);
    du_key_set_unref(&issuer.set);
    issuer.set = du_keys_set(issuer.keys);
    assert_verdict(&issuer, token, DU_JWT_KEY);
    close_issuer(&issuer);
}

static void every_changed_letter_is_noticed(void **state) {
    struct issuer issuer = open_issuer(*state);
    char *token = mint(&issuer, claims());
    size_t size = strlen(token);
    for (size_t i = 0; i < size; i++) {
        char letter = token[i];
        token[i] = letter == 'A' ? 'B' : 'A';
        assert_int_not_equal(verify_at(&issuer, token, size, NOW), DU_JWT_FINE);
        token[i] = letter;
    }
    assert_verdict(&issuer, token, DU_JWT_FINE);
    close_issuer(&issuer);
}

static void every_truncation_is_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    char *token = mint(&issuer, claims());
    for (size_t size = 0; size < strlen(token); size++)
        assert_int_not_equal(verify_at(&issuer, token, size, NOW), DU_JWT_FINE);
    close_issuer(&issuer);
}

static void one_token_has_one_spelling(void **state) {
    struct issuer issuer = open_issuer(*state);
    char *token = mint(&issuer, claims()), other[DU_JWT_MOST + 8];
    size_t size = strlen(token);
    /* 64 bytes end in a letter with four stray bits. */
    snprintf(other, sizeof other, "%s", token);
    assert_non_null(strchr("AQgw", other[size - 1]));
    other[size - 1]++;
    assert_verdict(&issuer, other, DU_JWT_SIGNATURE);
    snprintf(other, sizeof other, "%s==", token);
    assert_verdict(&issuer, other, DU_JWT_SIGNATURE);
    for (char *at = strrchr(strcpy(other, token), '.'); *at != '\0'; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    assert_verdict(&issuer, other, strcmp(other, token) == 0 ? DU_JWT_FINE : DU_JWT_SIGNATURE);
    snprintf(other, sizeof other, "%s.x", token);
    assert_verdict(&issuer, other, DU_JWT_MALFORMED);
    snprintf(other, sizeof other, " %s", token);
    assert_verdict(&issuer, other, DU_JWT_MALFORMED);
    close_issuer(&issuer);
}

static void an_over_long_token_is_refused_unread(void **state) {
    struct issuer issuer = open_issuer(*state);
    static char payload[DU_JWT_MOST + 64];
    memset(payload, ' ', sizeof payload - 1);
    payload[0] = '{';
    payload[sizeof payload - 2] = '}';
    assert_verdict(&issuer, with_payload(&issuer, payload), DU_JWT_TOO_LONG);
    struct du_bytes token;
    struct du_error error;
    struct du_jwt_claims what = claims();
    what.extra = payload;
    payload[1] = '"';
    strcpy(payload + sizeof payload - 6, "\":1}");
    du_bytes_init(&token);
    assert_int_equal(du_jwt_mint(issuer.set, "at+jwt", &what, &token, &error), DU_STORE);
    assert_int_equal(token.size, 0);
    du_bytes_deinit(&token);
    close_issuer(&issuer);
}

static void claims_that_come_twice_are_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    assert_verdict(&issuer,
                   with_payload(&issuer, "{\"iss\":\"https://gate\",\"aud\":\"registry\","
                                         "\"exp\":9999999999,\"sub\":\"a\",\"sub\":\"b\"}"),
                   DU_JWT_CLAIMS);
    assert_verdict(&issuer,
                   with_payload(&issuer, "{\"iss\":\"https://gate\",\"aud\":\"registry\","
                                         "\"exp\":9999999999,\"e\\u0078p\":1}"),
                   DU_JWT_CLAIMS);
    close_issuer(&issuer);
}

static void malformed_claims_are_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    static const char *const bad[] = {
        "[]",
        "{",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\"}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":\"9999999999\"}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":9999999999.5}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":-1}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":99999999999999999999}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":9999999999,\"nbf\":\"0\"}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":9999999999,\"sub\":7}",
        "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":9999999999,\"sub\":\"a\\u0000b\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_verdict(&issuer, with_payload(&issuer, bad[i]), DU_JWT_CLAIMS);
    close_issuer(&issuer);
}

static void issuer_and_audience_must_be_the_wanted_ones(void **state) {
    struct issuer issuer = open_issuer(*state);
    assert_verdict(&issuer,
                   with_payload(&issuer, "{\"iss\":\"https://gate2\",\"aud\":\"registry\","
                                         "\"exp\":9999999999}"),
                   DU_JWT_ISSUER);
    assert_verdict(&issuer, with_payload(&issuer, "{\"aud\":\"registry\",\"exp\":9999999999}"),
                   DU_JWT_ISSUER);
    assert_verdict(
        &issuer,
        with_payload(&issuer, "{\"iss\":\"https://gate\",\"aud\":\"reg\",\"exp\":9999999999}"),
        DU_JWT_AUDIENCE);
    assert_verdict(&issuer, with_payload(&issuer, "{\"iss\":\"https://gate\",\"exp\":9999999999}"),
                   DU_JWT_AUDIENCE);
    assert_verdict(&issuer,
                   with_payload(&issuer, "{\"iss\":\"https://gate\",\"exp\":9999999999,"
                                         "\"aud\":[\"other\", 7 ,\"registry\"]}"),
                   DU_JWT_FINE);
    assert_verdict(&issuer,
                   with_payload(&issuer, "{\"iss\":\"https://gate\",\"exp\":9999999999,"
                                         "\"aud\":[\"other\",[\"registry\"]]}"),
                   DU_JWT_AUDIENCE);
    close_issuer(&issuer);
}

static void times_may_be_off_by_a_minute_and_no_more(void **state) {
    struct issuer issuer = open_issuer(*state);
    char *token = mint(&issuer, claims());
    size_t size = strlen(token);
    assert_int_equal(verify_at(&issuer, token, size, NOW + 900 + 59), DU_JWT_FINE);
    assert_int_equal(verify_at(&issuer, token, size, NOW + 900 + 60), DU_JWT_EXPIRED);
    assert_int_equal(verify_at(&issuer, token, size, NOW - 60), DU_JWT_FINE);
    assert_int_equal(verify_at(&issuer, token, size, NOW - 61), DU_JWT_NOT_YET);
    struct du_jwt_claims what = claims();
    what.not_before = 0;
    token = mint(&issuer, what);
    assert_int_equal(verify_at(&issuer, token, strlen(token), NOW - 61), DU_JWT_NOT_YET);
    close_issuer(&issuer);
}

static void no_memory_at_any_point_is_never_fine(void **state) {
    struct issuer issuer = open_issuer(*state);
    struct du_jwt_claims what = claims();
    char *token = mint(&issuer, what);
    enum du_jwt_refusal refusal = DU_JWT_NO_MEMORY;
    enum du_error_kind kind = DU_MEMORY;
    for (int64_t i = 0; refusal != DU_JWT_FINE; i++) {
        du_mem_fail_after(i);
        refusal = verify_at(&issuer, token, strlen(token), NOW);
        int64_t asked = du_mem_asked();
        du_mem_fail_after(-1);
        assert_true(refusal != DU_JWT_FINE || asked <= i);
    }
    for (int64_t i = 0; kind != DU_OK; i++) {
        struct du_bytes out;
        du_bytes_init(&out);
        du_mem_fail_after(i);
        kind = du_jwt_mint(issuer.set, "at+jwt", &what, &out, NULL);
        du_mem_fail_after(-1);
        assert_true(kind == DU_OK || kind == DU_MEMORY);
        du_bytes_deinit(&out);
    }
    close_issuer(&issuer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_is_minted_verifies_and_says_what_it_was_told),
        FIXTURE_TEST(what_is_left_out_is_left_out),
        FIXTURE_TEST(extra_claims_must_be_an_object_that_repeats_nothing),
        FIXTURE_TEST(without_an_active_key_nothing_is_minted),
        FIXTURE_TEST(other_algorithms_are_refused_however_well_signed),
        FIXTURE_TEST(the_type_must_be_the_wanted_one),
        FIXTURE_TEST(a_key_that_nobody_knows_is_refused),
        FIXTURE_TEST(a_header_with_crit_or_a_repeated_member_is_refused),
        FIXTURE_TEST(a_retired_key_verifies_and_a_removed_one_does_not),
        FIXTURE_TEST(every_changed_letter_is_noticed),
        FIXTURE_TEST(every_truncation_is_refused),
        FIXTURE_TEST(one_token_has_one_spelling),
        FIXTURE_TEST(an_over_long_token_is_refused_unread),
        FIXTURE_TEST(claims_that_come_twice_are_refused),
        FIXTURE_TEST(malformed_claims_are_refused),
        FIXTURE_TEST(issuer_and_audience_must_be_the_wanted_ones),
        FIXTURE_TEST(times_may_be_off_by_a_minute_and_no_more),
        FIXTURE_TEST(no_memory_at_any_point_is_never_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
