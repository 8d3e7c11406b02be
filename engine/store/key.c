#include "bytes.h"
#include "digest.h"
#include "keys_int.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PUBLIC = 32 };

/* A PEM file that wants a passphrase is refused; nobody is asked. */
static int no_passphrase(char *buffer, int size, int writing, void *user) {
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

EVP_PKEY *du_key_read(FILE *file) {
    EVP_PKEY *pkey = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
    ERR_clear_error();
    if (pkey != NULL && EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    return pkey;
}

bool du_key_write(EVP_PKEY *pkey, FILE *file) {
    bool good = PEM_write_PKCS8PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                fflush(file) == 0 && fsync(fileno(file)) == 0;
    ERR_clear_error();
    return good;
}

/* RFC 7638: the required members in the order of their names, without white space. */
static bool thumbprint(const char *x, struct du_bytes *out) {
    struct du_digest digest;
    char text[128];
    int size = snprintf(text, sizeof text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    if (du_digest_of(text, (size_t)size, &digest) != DU_OK)
        return false;
    du_bytes_base64url(out, digest.sha256, sizeof digest.sha256);
    return du_bytes_check(out) == DU_OK;
}

bool du_key_name(EVP_PKEY *pkey, char x[DU_KEY_ID], char kid[DU_KEY_ID]) {
    unsigned char raw[PUBLIC];
    size_t size = sizeof raw;
    struct du_bytes text;
    du_bytes_init(&text);
    bool good = EVP_PKEY_get_raw_public_key(pkey, raw, &size) == 1 && size == sizeof raw;
    if (good) {
        du_bytes_base64url(&text, raw, sizeof raw);
        good = du_bytes_check(&text) == DU_OK;
    }
    if (good) {
        snprintf(x, DU_KEY_ID, "%s", text.data);
        du_bytes_clear(&text);
        good = thumbprint(x, &text);
    }
    if (good)
        snprintf(kid, DU_KEY_ID, "%s", text.data);
    du_bytes_deinit(&text);
    return good;
}

const struct du_key *du_key_set_find(const struct du_key_set *set, const char *kid) {
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->keys[i].kid, kid) == 0)
            return &set->keys[i];
    return NULL;
}

enum du_error_kind du_key_sign(const struct du_key *key, const void *data, size_t size,
                               unsigned char signature[DU_KEY_SIGNATURE]) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t made = DU_KEY_SIGNATURE;
    bool good = context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestSign(context, signature, &made, data, size) == 1 &&
                made == DU_KEY_SIGNATURE;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good ? DU_OK : DU_MEMORY;
}

bool du_key_verify(const struct du_key *key, const void *data, size_t size,
                   const unsigned char *signature, size_t signature_size) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && signature_size == DU_KEY_SIGNATURE &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestVerify(context, signature, signature_size, data, size) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return good;
}
