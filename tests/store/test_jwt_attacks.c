/* The classic attacks on JSON web tokens (RFC 8725 section 2); those on claims, times and spelling
 * are in test_jwt.c. */

#include "issuing.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#define PAYLOAD "{\"iss\":\"https://gate\",\"aud\":\"registry\",\"exp\":%lld}"

/* A token of these parts with a signature of anybody's making. */
static const char *assembled(const char *header, const unsigned char *signature, size_t size) {
    static char text[DU_JWT_MOST];
    char payload[256];
    struct du_bytes token;
    snprintf(payload, sizeof payload, PAYLOAD, NOW + 900LL);
    du_bytes_init(&token);
    du_bytes_base64url(&token, header, strlen(header));
    du_bytes_text(&token, ".");
    du_bytes_base64url(&token, payload, strlen(payload));
    du_bytes_text(&token, ".");
    du_bytes_base64url(&token, signature, size);
    snprintf(text, sizeof text, "%s", token.data);
    du_bytes_deinit(&token);
    return text;
}

/* HMAC-SHA-256 over what is signed, with public text for a secret. */
static const char *by_hmac(const char *header, const void *secret, size_t size) {
    unsigned char mac[32] = {0};
    char *token = (char *)assembled(header, mac, 0);
    HMAC(EVP_sha256(), secret, (int)size, (unsigned char *)token, strlen(token) - 1, mac, NULL);
    return assembled(header, mac, sizeof mac);
}

static void the_public_key_is_nobodys_secret(void **state) {
    struct issuer issuer = open_issuer(*state);
    const struct du_key *key = issuer.set->active;
    char header[128], *pem;
    unsigned char raw[32];
    size_t raw_size = sizeof raw;
    EVP_PKEY_get_raw_public_key(key->pkey, raw, &raw_size);
    BIO *memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(memory, key->pkey);
    size_t pem_size = (size_t)BIO_get_mem_data(memory, &pem);
    static const char *const algorithms[] = {"HS256", "EdDSA"};
    for (size_t i = 0; i < 2; i++) {
        enum du_jwt_refusal wanted = i == 0 ? DU_JWT_ALGORITHM : DU_JWT_SIGNATURE;
        snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                 algorithms[i], key->kid);
        assert_verdict(&issuer, by_hmac(header, raw, raw_size), wanted);
        assert_verdict(&issuer, by_hmac(header, key->x, strlen(key->x)), wanted);
        assert_verdict(&issuer, by_hmac(header, pem, pem_size), wanted);
        assert_verdict(&issuer, by_hmac(header, pem, pem_size - 1), wanted);
        assert_verdict(&issuer, by_hmac(header, issuer.set->jwks, strlen(issuer.set->jwks)),
                       wanted);
        assert_verdict(&issuer, by_hmac(header, "", 0), wanted);
    }
    BIO_free(memory);
    close_issuer(&issuer);
}

static void a_kid_is_a_name_and_no_path(void **state) {
    struct issuer issuer = open_issuer(*state);
    static const char *const kids[] = {
        "../../../../dev/null", "/dev/null", "%s.pem", "active", "keys/%s.pem", "%s\\u0000",
        "' UNION SELECT 'x",    ""};
    for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
        char header[256];
        snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                 kids[i]);
        char *token = with_header(&issuer, header);
        enum du_jwt_refusal refusal = verify_at(&issuer, token, strlen(token), NOW);
        if (refusal != DU_JWT_KEY && refusal != DU_JWT_MALFORMED)
            fail_msg("%s: %s", kids[i], du_jwt_refusal_text(refusal));
    }
    close_issuer(&issuer);
}

/* Where a token says its key can be had: nobody looks there. */
#define ELSEWHERE                                                                                  \
    "\"jku\":\"http://192.0.2.1/keys\",\"x5u\":\"http://192.0.2.1/chain\",\"jwk\":{\"kty\":"       \
    "\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"},\"x5c\":[\"AAAA\"]"

static void keys_that_a_token_brings_are_ignored(void **state) {
    struct issuer issuer = open_issuer(*state);
    char path[FIXTURE_PATH], kid[DU_KEY_ID], header[1024], claims_text[256];
    struct issuer attacker;
    assert_int_equal(du_keys_open(&attacker.keys, &((struct fixture *)*state)->base,
                                  fixture_path(*state, "others", path), NULL),
                     DU_OK);
    assert_int_equal(du_keys_make(attacker.keys, kid, NULL), DU_OK);
    attacker.set = du_keys_set(attacker.keys);
    const struct du_key *theirs = attacker.set->active, *ours = issuer.set->active;
    snprintf(claims_text, sizeof claims_text, PAYLOAD, NOW + 900LL);
    const char *kids[] = {theirs->kid, ours->kid};
    for (size_t i = 0; i < 2; i++) {
        snprintf(header, sizeof header,
                 "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"," ELSEWHERE "}", kids[i],
                 kids[i], theirs->x);
        assert_verdict(&issuer, craft(&attacker, header, claims_text),
                       i == 0 ? DU_JWT_KEY : DU_JWT_SIGNATURE);
    }
    /* And what is rightly signed is none the worse for it. */
    assert_verdict(&issuer, craft(&issuer, header, claims_text), DU_JWT_FINE);
    close_issuer(&attacker);
    close_issuer(&issuer);
}

static void a_signature_that_is_none_is_refused(void **state) {
    struct issuer issuer = open_issuer(*state);
    char header[128];
    unsigned char zeros[DU_KEY_SIGNATURE + 1] = {0};
    snprintf(header, sizeof header, "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
             issuer.set->active->kid);
    for (size_t size = 0; size <= sizeof zeros; size++)
        assert_verdict(&issuer, assembled(header, zeros, size), DU_JWT_SIGNATURE);
    close_issuer(&issuer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_public_key_is_nobodys_secret),
        FIXTURE_TEST(a_kid_is_a_name_and_no_path),
        FIXTURE_TEST(keys_that_a_token_brings_are_ignored),
        FIXTURE_TEST(a_signature_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
