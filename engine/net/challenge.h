#ifndef DU_CHALLENGE_H
#define DU_CHALLENGE_H

/* What a server that answered 401 wants to see: WWW-Authenticate (RFC 9110 section 11.6.1), with
 * the parameters of a token server (the registry's token specification; RFC 6750 section 3).
 *
 * Invariants
 *  1. Bearer with a realm is preferred to Basic; of two equals the first one counts.
 *  2. A value that cannot be read changes nothing.
 *  3. No value holds a control character, so each may become part of a request.
 *
 * Thread: any.
 */

#include "bytes.h"

#include <stdbool.h>

enum du_challenge_scheme { DU_CHALLENGE_NONE, DU_CHALLENGE_BASIC, DU_CHALLENGE_BEARER };

struct du_challenge {
    enum du_challenge_scheme scheme;
    struct du_bytes realm, service, scope; /* Bearer's; empty where it has none */
};

void du_challenge_init(struct du_challenge *challenge);
void du_challenge_deinit(struct du_challenge *challenge);
/* Adds one WWW-Authenticate value, which may hold several challenges. DU_UPSTREAM: it cannot be
 * read; DU_MEMORY. */
enum du_error_kind du_challenge_read(struct du_challenge *challenge, struct du_slice value);

#endif
