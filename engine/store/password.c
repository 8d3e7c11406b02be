#include "password.h"

#include "password_foreign.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
enum { MEMORY_KIB = 19456, PASSES = 2, LANES = 1, SALT = 16, HASH = 32 };
enum { MEMORY_KIB_MOST = 262144, PASSES_MOST = 16, LANES_MOST = 16 };

static enum du_error_kind failed(int code, struct du_error *error) {
    enum du_error_kind kind = code == ARGON2_MEMORY_ALLOCATION_ERROR ? DU_MEMORY : DU_STORE;
    return du_error_set(error, kind, "password: %s", argon2_error_message(code));
}

enum du_error_kind du_password_hash(const char *password, size_t size, char text[DU_PASSWORD_TEXT],
                                    struct du_error *error) {
    unsigned char salt[SALT];
    if (size == 0 || size > DU_PASSWORD_MOST)
        return du_error_set(error, DU_STORE, "a password has 1 to %d bytes", DU_PASSWORD_MOST);
    if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt)
        return du_error_set(error, DU_STORE, "password: no random salt");
    int code = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, size, salt, sizeof salt,
                                     HASH, text, DU_PASSWORD_TEXT);
    return code == ARGON2_OK ? DU_OK : failed(code, error);
}

static bool bounded(const char *hash) {
    unsigned version, memory, passes, lanes;
    int read = 0;
    return sscanf(hash, "$argon2id$v=%u$m=%u,t=%u,p=%u$%n", &version, &memory, &passes, &lanes,
                  &read) == 4 &&
           read > 0 && memory <= MEMORY_KIB_MOST && passes <= PASSES_MOST && lanes <= LANES_MOST;
}

bool du_password_is_foreign(const char *hash) {
    return du_password_foreign_is_hash(hash);
}

bool du_password_is_hash(const char *hash) {
    return bounded(hash) || du_password_is_foreign(hash);
}

enum du_error_kind du_password_verify(const char *hash, const char *password, size_t size,
                                      bool *right, struct du_error *error) {
    *right = false;
    if (hash[0] == '\0' || size > DU_PASSWORD_MOST) {
        du_password_dummy(password, size);
        return DU_OK;
    }
    if (du_password_is_foreign(hash)) {
        *right = du_password_foreign_verify(hash, password, size);
        return DU_OK;
    }
    if (!bounded(hash))
        return du_error_set(error, DU_STORE,
                            "password: the hash is of no known sort (argon2id,"
                            " bcrypt, PBKDF2), or asks too much");
    int code = argon2id_verify(hash, password, size);
    *right = code == ARGON2_OK;
    return code == ARGON2_OK || code == ARGON2_VERIFY_MISMATCH ? DU_OK : failed(code, error);
}

void du_password_dummy(const char *password, size_t size) {
    static const unsigned char salt[SALT] = "nobody's salt";
    unsigned char hash[HASH];
    if (size > DU_PASSWORD_MOST)
        size = DU_PASSWORD_MOST;
    argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password, size, salt, sizeof salt, hash,
                      sizeof hash);
    OPENSSL_cleanse(hash, sizeof hash);
}
