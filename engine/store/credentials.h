#ifndef DU_CREDENTIALS_H
#define DU_CREDENTIALS_H

/* Remembers for a short while that a password was right, so that a client with a request a second
 * does not cost an argon2 a second.
 *
 * Invariants
 *  1. Kept is only a keyed digest (HMAC-SHA-256) of member id, password hash and password; the key
 *     is drawn at random for each instance and never leaves it.
 *  2. A changed password hash drops what was remembered: it is in the digest. Whether the member is
 *     active is the caller's to ask of the member of now.
 *  3. What is remembered is bounded; the oldest goes first.
 *
 * Thread: any.
 */

#include "base.h"
#include "members.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_credentials;

/* most: how many; ttl_ms: for how long, from the verification on, by the monotonic clock. */
enum du_error_kind du_credentials_new(struct du_credentials **credentials, struct du_base *base,
                                      size_t most, int64_t ttl_ms);
void du_credentials_free(struct du_credentials **credentials);

bool du_credentials_known(struct du_credentials *credentials, const struct du_member *member,
                          const char *password, size_t size);
/* After a verification that went well. Short of memory it does nothing. */
void du_credentials_remember(struct du_credentials *credentials, const struct du_member *member,
                             const char *password, size_t size);
void du_credentials_clear(struct du_credentials *credentials);
size_t du_credentials_count(struct du_credentials *credentials);

#endif
