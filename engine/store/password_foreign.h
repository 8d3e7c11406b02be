#ifndef DU_PASSWORD_FOREIGN_H
#define DU_PASSWORD_FOREIGN_H

/* Hashes that another system made, which members may be brought along with. They verify, and are
 * made anew as argon2id when their password comes by.
 *
 *     $2a$NN$… $2b$NN$… $2y$NN$…          bcrypt, by libcrypt
 *     $pbkdf2$N$SALT$HASH                 PBKDF2 (RFC 8018 section 5.2) with SHA-1, as passlib
 *     $pbkdf2-sha256$…, $pbkdf2-sha512$…  writes it: base64 with '.' for '+', no padding
 *     pbkdf2_sha1$N$SALT$HASH             the same as Django writes it: the salt is plain text, the
 *     pbkdf2_sha256$…, pbkdf2_sha512$…    hash base64
 *
 * Invariants
 *  1. What a hash asks for is bounded: bcrypt's cost is 4 to 15, PBKDF2's iterations at most two
 *     million.
 *  2. bcrypt knows the first 72 bytes of a password, and none with a NUL.
 *
 * Thread: any; a verification blocks for up to seconds: the password lane's.
 */

#include <stdbool.h>
#include <stddef.h>

enum { DU_BCRYPT_COST_MOST = 15, DU_PBKDF2_ITERATIONS_MOST = 2000000 };

/* Is it one of these, within the bounds? */
bool du_password_foreign_is_hash(const char *hash);
/* Is it that hash's password? False also for what is no such hash, and when memory is short. */
bool du_password_foreign_verify(const char *hash, const char *password, size_t size);

#endif
