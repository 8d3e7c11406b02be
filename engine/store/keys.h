#ifndef DU_KEYS_H
#define DU_KEYS_H

/* Ed25519 keys for signing (RFC 8032), as PKCS#8 PEM files of mode 0600 in one folder.
 *
 *     FOLDER/NAME.pem    a key; ours are named after their kid
 *     FOLDER/active      the kid of the one that signs; may be missing where there is one key only
 *
 * Invariants
 *  1. A set is immutable and shared; a change reads the folder anew and swaps the set whole. So
 *     rotation needs no restart, and a change that fails changes nothing.
 *  2. At most one key of a set is active: it signs. The others are retired: they verify only.
 *  3. kid is the thumbprint of the key's JWK (RFC 7638; RFC 8037 appendix A.3).
 *  4. Private keys leave the folder only into libcrypto; no message holds one.
 *
 * Thread: any. What touches the folder blocks: start-up, lanes, the CLI.
 */

#include "base.h"
#include "value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DU_KEY_ID = 44, DU_KEY_SIGNATURE = 64 }; /* DU_KEY_ID with its NUL */

struct du_keys;

struct du_key {
    char kid[DU_KEY_ID];
    char x[DU_KEY_ID]; /* the public key, base64url */
    char *file;        /* its name in the folder */
    bool active;
    int64_t made_ms; /* wall time of its file */
    void *pkey;      /* libcrypto's */
};

struct du_key_set {
    struct du_value value;
    size_t count;
    struct du_key *keys;         /* by file name */
    const struct du_key *active; /* NULL: there is none */
    char *jwks;                  /* the public keys as a JWK set (RFC 7517 section 5) */
};

/* Makes the folder (0700) if it is missing and reads it. A file that is no such key, two files of
 * one key, or several keys none of which is named active: DU_STORE, naming the file. */
enum du_error_kind du_keys_open(struct du_keys **keys, struct du_base *base, const char *folder,
                                struct du_error *error);
void du_keys_close(struct du_keys **keys);

/* The set of now; a reference. */
struct du_key_set *du_keys_set(struct du_keys *keys);
void du_key_set_unref(struct du_key_set **set);

/* Reads the folder again. */
enum du_error_kind du_keys_reload(struct du_keys *keys, struct du_error *error);
/* Makes a key that signs from now on; the one before is retired. */
enum du_error_kind du_keys_make(struct du_keys *keys, char kid[DU_KEY_ID], struct du_error *error);
/* That key signs from now on; the one before is retired. DU_NOT_FOUND. */
enum du_error_kind du_keys_activate(struct du_keys *keys, const char *kid, struct du_error *error);
/* That key signs no more: when it is the active one, a new one is made in its place.
 * DU_NOT_FOUND. */
enum du_error_kind du_keys_retire(struct du_keys *keys, const char *kid, struct du_error *error);
/* A retired key verifies no more: its file is removed. DU_STORE: it is the active one.
 * DU_NOT_FOUND. */
enum du_error_kind du_keys_remove(struct du_keys *keys, const char *kid, struct du_error *error);

/* NULL: unknown. */
const struct du_key *du_key_set_find(const struct du_key_set *set, const char *kid);
enum du_error_kind du_key_sign(const struct du_key *key, const void *data, size_t size,
                               unsigned char signature[DU_KEY_SIGNATURE]);
bool du_key_verify(const struct du_key *key, const void *data, size_t size,
                   const unsigned char *signature, size_t signature_size);

#endif
