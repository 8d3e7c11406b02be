#ifndef DU_JWT_H
#define DU_JWT_H

/* JSON web tokens (RFC 7519) as compact JWS (RFC 7515) signed with EdDSA (RFC 8037), and nothing
 * else: no other algorithm, no encryption, no detached payload.
 *
 * Invariants
 *  1. A token is believed only when its signature is right under a key of the set that its kid
 *     names.
 *  2. One token has one spelling: base64url without padding or stray bits, no claim twice.
 *  3. exp is required; times may be off by a minute and no more.
 *
 * Thread: any.
 */

#include "bytes.h"
#include "keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DU_JWT_MOST = 8192, DU_JWT_LEEWAY_S = 60 };

/* So many believed tokens are worth remembering, each for as long as the set is the same and
 * du_jwt_timely finds it fine: a client sends one token with many requests, and a signature costs
 * more than all the rest of a small answer. */
enum { DU_JWT_REMEMBERED = 512 };

enum du_jwt_refusal {
    DU_JWT_FINE = 0,
#define DU_JWT_REFUSAL(constant, text) DU_JWT_##constant,
#include "jwt_refusal.def"
#undef DU_JWT_REFUSAL
};

/* What a token is to say; strings may be NULL: left out. */
struct du_jwt_claims {
    const char *issuer, *subject, *audience, *id;
    int64_t issued_at, not_before, expires_at; /* seconds since 1970; 0: left out */
    const char *extra;                         /* a JSON object whose members are added */
};

/* What a token must say. */
struct du_jwt_wanted {
    const char *type; /* "at+jwt"; "application/at+jwt" is the same (RFC 9068 section 2.1) */
    const char *issuer, *audience;
    int64_t now_s;
};

/* A token that was believed. */
struct du_jwt {
    struct du_bytes payload;     /* the claims as JSON; read others with du_json_find */
    struct du_bytes subject, id; /* empty when there are none */
    int64_t issued_at, not_before, expires_at; /* 0 when there are none */
};

/* Appends a token to out, signed with the set's active key. DU_STORE: there is none, or the token
 * would be too long. DU_SCRIPT: extra is no JSON object, or repeats a claim. */
enum du_error_kind du_jwt_mint(const struct du_key_set *set, const char *type,
                               const struct du_jwt_claims *claims, struct du_bytes *out,
                               struct du_error *error);

/* DU_JWT_FINE: *jwt is the caller's, ended with du_jwt_deinit. Else there is nothing to end. */
enum du_jwt_refusal du_jwt_verify(const struct du_key_set *set, const char *token, size_t size,
                                  const struct du_jwt_wanted *wanted, struct du_jwt *jwt);
void du_jwt_deinit(struct du_jwt *jwt);
/* Is a token that was believed within its times now? DU_JWT_FINE, DU_JWT_EXPIRED, DU_JWT_NOT_YET.
 */
enum du_jwt_refusal du_jwt_timely(const struct du_jwt *jwt, int64_t now_s);

const char *du_jwt_refusal_text(enum du_jwt_refusal refusal);

#endif
