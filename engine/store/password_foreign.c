#include "password_foreign.h"

#include "bytes.h"
#include "mem.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

/* bcrypt ------------------------------------------------------------------------------------ */

enum { BCRYPT = 60, BCRYPT_SETTING = 7, COST_LEAST = 4 };

static int digit(char letter) {
    return letter >= '0' && letter <= '9' ? letter - '0' : -100;
}

static bool is_bcrypt(const char *hash) {
    static const char alphabet[] =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (strlen(hash) != BCRYPT || strncmp(hash, "$2", 2) != 0 || strchr("aby", hash[2]) == NULL ||
        hash[3] != '$' || hash[6] != '$')
        return false;
    int cost = digit(hash[4]) * 10 + digit(hash[5]);
    return cost >= COST_LEAST && cost <= DU_BCRYPT_COST_MOST &&
           strspn(hash + BCRYPT_SETTING, alphabet) == BCRYPT - BCRYPT_SETTING;
}

static bool verify_bcrypt(const char *hash, const char *password, size_t size) {
    struct crypt_data *data = du_calloc(1, sizeof *data);
    char *text = du_memdup(password, size);
    bool right = false;
    if (data != NULL && text != NULL && strlen(text) == size) {
        const char *made = crypt_r(text, hash, data);
        right = made != NULL && strlen(made) == BCRYPT && CRYPTO_memcmp(made, hash, BCRYPT) == 0;
    }
    if (text != NULL)
        OPENSSL_cleanse(text, size);
    if (data != NULL)
        OPENSSL_cleanse(data, sizeof *data);
    du_free(text);
    du_free(data);
    return right;
}

/* PBKDF2 ------------------------------------------------------------------------------------ */

enum { TEXT_MOST = 255, KEY_LEAST = 16, KEY_MOST = 64 };

struct form {
    const char *prefix, *digest;
    bool plain; /* the salt is text, not base64 */
};

static const struct form forms[] = {
    {"$pbkdf2$", "SHA1", false},          {"$pbkdf2-sha256$", "SHA256", false},
    {"$pbkdf2-sha512$", "SHA512", false}, {"pbkdf2_sha1$", "SHA1", true},
    {"pbkdf2_sha256$", "SHA256", true},   {"pbkdf2_sha512$", "SHA512", true},
};

struct derived {
    const char *digest;
    int iterations;
    unsigned char salt[TEXT_MOST + 3], key[TEXT_MOST + 3];
    size_t salt_size, key_size;
};

static const struct form *form_of(const char *hash) {
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strncmp(hash, forms[i].prefix, strlen(forms[i].prefix)) == 0)
            return &forms[i];
    return NULL;
}

static bool read_iterations(struct du_slice text, int *iterations) {
    *iterations = 0;
    if (text.size == 0 || text.data[0] == '0')
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int next = digit(text.data[i]);
        if (next < 0 || (*iterations = *iterations * 10 + next) > DU_PBKDF2_ITERATIONS_MOST)
            return false;
    }
    return true;
}

static bool read_base64(struct du_slice text, unsigned char *out, size_t *size) {
    char plain[TEXT_MOST];
    for (size_t i = 0; i < text.size; i++)
        plain[i] = text.data[i] == '.' ? '+' : text.data[i];
    return du_bytes_unbase64(plain, text.size, out, size);
}

/* The text up to the next '$', which *at is moved over. */
static struct du_slice next(const char **at) {
    struct du_slice part = {*at, strcspn(*at, "$")};
    *at += part.size + ((*at)[part.size] == '$');
    return part;
}

static bool read_derived(const char *hash, struct derived *derived) {
    const struct form *form = form_of(hash);
    if (form == NULL || strlen(hash) > TEXT_MOST)
        return false;
    const char *at = hash + strlen(form->prefix);
    struct du_slice iterations = next(&at), salt = next(&at), key = next(&at);
    derived->digest = form->digest;
    if (key.data[key.size] != '\0' || !read_iterations(iterations, &derived->iterations) ||
        !read_base64(key, derived->key, &derived->key_size) || derived->key_size < KEY_LEAST ||
        derived->key_size > KEY_MOST)
        return false;
    derived->salt_size = salt.size;
    memcpy(derived->salt, salt.data, salt.size);
    return salt.size > 0 && (form->plain || read_base64(salt, derived->salt, &derived->salt_size));
}

static bool verify_derived(const struct derived *derived, const char *password, size_t size) {
    unsigned char key[KEY_MOST];
    EVP_MD *digest = EVP_MD_fetch(NULL, derived->digest, NULL);
    bool right = digest != NULL &&
                 PKCS5_PBKDF2_HMAC(password, (int)size, derived->salt, (int)derived->salt_size,
                                   derived->iterations, digest, (int)derived->key_size, key) == 1 &&
                 CRYPTO_memcmp(key, derived->key, derived->key_size) == 0;
    EVP_MD_free(digest);
    OPENSSL_cleanse(key, sizeof key);
    ERR_clear_error();
    return right;
}

/* Both -------------------------------------------------------------------------------------- */

bool du_password_foreign_is_hash(const char *hash) {
    struct derived derived;
    return is_bcrypt(hash) || read_derived(hash, &derived);
}

bool du_password_foreign_verify(const char *hash, const char *password, size_t size) {
    struct derived derived;
    if (is_bcrypt(hash))
        return verify_bcrypt(hash, password, size);
    return read_derived(hash, &derived) && verify_derived(&derived, password, size);
}
