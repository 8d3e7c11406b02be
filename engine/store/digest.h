#ifndef DU_DIGEST_H
#define DU_DIGEST_H

/* SHA-256 digests as OCI writes them ("sha256:" and 64 lower-case hex digits; OCI image spec,
 * descriptor, "Digests"). Thread: any. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DU_DIGEST_TEXT = 7 + 64 + 1 };

struct du_digest {
    unsigned char sha256[32];
};

struct du_hash; /* a digest in the making */

bool du_digest_parse(const char *text, size_t size, struct du_digest *digest);
const char *du_digest_format(const struct du_digest *digest, char text[DU_DIGEST_TEXT]);
bool du_digest_equal(const struct du_digest *a, const struct du_digest *b);
enum du_error_kind du_digest_of(const void *data, size_t size, struct du_digest *digest);

enum du_error_kind du_hash_new(struct du_hash **hash);
/* Of what was added so far; both go on from there. */
enum du_error_kind du_hash_copy(struct du_hash **copy, const struct du_hash *hash);
void du_hash_free(struct du_hash **hash);
enum du_error_kind du_hash_add(struct du_hash *hash, const void *data, size_t size);
/* The digest of all that was added; the hash is then only good for freeing. */
enum du_error_kind du_hash_finish(struct du_hash *hash, struct du_digest *digest);

/* Verifies what came against what is known: DU_OK, or DU_INTEGRITY with both sides in *error.
 * expected may be NULL, expected_size -1. */
enum du_error_kind du_digest_check(const struct du_digest *actual, int64_t size,
                                   const struct du_digest *expected, int64_t expected_size,
                                   struct du_error *error);

/* Of the library that hashes and signs. */
const char *du_digest_version(void);

#endif
