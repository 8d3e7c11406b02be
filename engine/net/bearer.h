#ifndef DU_BEARER_H
#define DU_BEARER_H

/* A Bearer token of a registry, as a token server answered it, and those that an origin has at
 * hand.
 *
 * Invariants
 *  1. A token is used until shortly before it expires: by the `exp` inside it (RFC 7519
 * section 4.1.4), else by the answer's expires_in, else 60 s after it came (the registry's token
 * specification).
 *  2. Forgetting is by identity: who found out that an old token is no good never drops a newer
 * one.
 *  3. A token's text is wiped before its memory goes back.
 *
 * Thread: any.
 */

#include "bytes.h"
#include "error.h"
#include "value.h"

#include <stdbool.h>
#include <stdint.h>

struct du_bearer {
    struct du_value value;
    int64_t good_until_ms; /* wall time */
    char text[];
};

struct du_bearers; /* by scope */

/* One reference, the caller's. DU_UPSTREAM for an answer that holds no token one could send. */
enum du_error_kind du_bearer_read(struct du_slice answer, int64_t wall_ms, struct du_bearer **token,
                                  struct du_error *error);
struct du_bearer *du_bearer_ref(struct du_bearer *token);
void du_bearer_unref(struct du_bearer **token);

enum du_error_kind du_bearers_new(struct du_bearers **tokens);
void du_bearers_free(struct du_bearers **tokens);
/* A reference to the scope's token, NULL when there is none that is good at wall_ms. */
struct du_bearer *du_bearers_find(struct du_bearers *tokens, const char *scope, int64_t wall_ms);
/* Keeps it for the scope, unless it is no longer good (or memory is short: it then just is not
 * kept). */
void du_bearers_keep(struct du_bearers *tokens, const char *scope, struct du_bearer *token,
                     int64_t wall_ms);
/* Drops the scope's token if it is this very one. */
void du_bearers_forget(struct du_bearers *tokens, const char *scope, const struct du_bearer *token);

#endif
