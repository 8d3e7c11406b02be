#include "digest.h"

#include "mem.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static const char prefix[] = "sha256:";
enum { PREFIX = sizeof prefix - 1 };

struct du_hash {
    EVP_MD_CTX *context;
};

/* Lower case only: two spellings of one digest would be two keys everywhere. */
static int nibble(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool du_digest_parse(const char *text, size_t size, struct du_digest *digest) {
    if (size != DU_DIGEST_TEXT - 1 || memcmp(text, prefix, PREFIX) != 0)
        return false;
    const char *hex = text + PREFIX;
    for (size_t i = 0; i < sizeof digest->sha256; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest->sha256[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

const char *du_digest_format(const struct du_digest *digest, char text[DU_DIGEST_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    memcpy(text, prefix, PREFIX);
    char *out = text + PREFIX;
    for (size_t i = 0; i < sizeof digest->sha256; i++) {
        *out++ = digits[digest->sha256[i] >> 4];
        *out++ = digits[digest->sha256[i] & 15];
    }
    *out = '\0';
    return text;
}

bool du_digest_equal(const struct du_digest *a, const struct du_digest *b) {
    return memcmp(a->sha256, b->sha256, sizeof a->sha256) == 0;
}

/* With an algorithm that is compiled in, libcrypto fails only for want of memory. */

enum du_error_kind du_digest_of(const void *data, size_t size, struct du_digest *digest) {
    return EVP_Digest(data, size, digest->sha256, NULL, EVP_sha256(), NULL) == 1 ? DU_OK
                                                                                 : DU_MEMORY;
}

enum du_error_kind du_hash_new(struct du_hash **hash) {
    struct du_hash *made = du_malloc(sizeof *made);
    if (made == NULL)
        return DU_MEMORY;
    made->context = EVP_MD_CTX_new();
    if (made->context == NULL || EVP_DigestInit_ex(made->context, EVP_sha256(), NULL) != 1) {
        du_hash_free(&made);
        return DU_MEMORY;
    }
    *hash = made;
    return DU_OK;
}

enum du_error_kind du_hash_copy(struct du_hash **copy, const struct du_hash *hash) {
    enum du_error_kind kind = du_hash_new(copy);
    if (kind != DU_OK || EVP_MD_CTX_copy_ex((*copy)->context, hash->context) == 1)
        return kind;
    du_hash_free(copy);
    return DU_MEMORY;
}

void du_hash_free(struct du_hash **hash) {
    if (*hash == NULL)
        return;
    EVP_MD_CTX_free((*hash)->context);
    du_free(*hash);
    *hash = NULL;
}

enum du_error_kind du_hash_add(struct du_hash *hash, const void *data, size_t size) {
    return EVP_DigestUpdate(hash->context, data, size) == 1 ? DU_OK : DU_MEMORY;
}

enum du_error_kind du_hash_finish(struct du_hash *hash, struct du_digest *digest) {
    return EVP_DigestFinal_ex(hash->context, digest->sha256, NULL) == 1 ? DU_OK : DU_MEMORY;
}

static enum du_error_kind wrong_size(struct du_error *error, int64_t expected, int64_t actual) {
    enum du_error_kind kind = du_error_set(
        error, DU_INTEGRITY, "%" PRId64 " bytes came instead of %" PRId64, actual, expected);
    if (error != NULL) {
        snprintf(error->expected, sizeof error->expected, "%" PRId64, expected);
        snprintf(error->actual, sizeof error->actual, "%" PRId64, actual);
    }
    return kind;
}

static enum du_error_kind wrong_digest(struct du_error *error, const struct du_digest *expected,
                                       const struct du_digest *actual) {
    char wanted[DU_DIGEST_TEXT], came[DU_DIGEST_TEXT];
    du_digest_format(expected, wanted);
    du_digest_format(actual, came);
    enum du_error_kind kind =
        du_error_set(error, DU_INTEGRITY, "%s came instead of %s", came, wanted);
    if (error != NULL) {
        snprintf(error->expected, sizeof error->expected, "%s", wanted);
        snprintf(error->actual, sizeof error->actual, "%s", came);
    }
    return kind;
}

enum du_error_kind du_digest_check(const struct du_digest *actual, int64_t size,
                                   const struct du_digest *expected, int64_t expected_size,
                                   struct du_error *error) {
    if (expected_size >= 0 && expected_size != size)
        return wrong_size(error, expected_size, size);
    if (expected != NULL && !du_digest_equal(expected, actual))
        return wrong_digest(error, expected, actual);
    return DU_OK;
}

const char *du_digest_version(void) {
    return OpenSSL_version(OPENSSL_VERSION_STRING);
}
