#ifndef DU_PASSWORD_H
#define DU_PASSWORD_H

/* Passwords as argon2id strings (RFC 9106; "$argon2id$v=19$m=…,t=…,p=…$SALT$HASH"). Hashes of other
 * systems verify too (password_foreign.h); du_password_is_foreign says which to make anew.
 *
 * Invariants
 *  1. A password is never logged, kept or put into an error.
 *  2. du_password_dummy costs what a verification of a hash of ours costs, so an unknown member is
 *     as slow to be refused as a wrong password.
 *  3. What a hash asks for is bounded: 256 MiB, 16 passes, 16 lanes.
 *
 * Thread: any; each call blocks for tens of milliseconds: the password lane's.
 */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

enum { DU_PASSWORD_TEXT = 128, DU_PASSWORD_MOST = 1024 };

/* DU_STORE: empty or longer than DU_PASSWORD_MOST. */
enum du_error_kind du_password_hash(const char *password, size_t size, char text[DU_PASSWORD_TEXT],
                                    struct du_error *error);
/* Can a password be checked against it? Not the empty one. */
bool du_password_is_hash(const char *hash);
bool du_password_is_foreign(const char *hash);
/* DU_STORE: du_password_is_hash says no. An empty hash is nobody's password,
 * at the usual cost. */
enum du_error_kind du_password_verify(const char *hash, const char *password, size_t size,
                                      bool *right, struct du_error *error);
void du_password_dummy(const char *password, size_t size);

#endif
