#ifndef DU_SIGN_IN_H
#define DU_SIGN_IN_H

/* Getting a token: the answer to a Bearer challenge.
 *
 * Invariants
 *  1. Over all workers one request per origin and scope is under way at a time; whoever wants the
 * token meanwhile gets that request's outcome.
 *  2. The request is the client's that began it, not the fetch's: who leaves takes nobody down with
 * him. A client that closes ends its requests; whoever else waited for one begins anew.
 *  3. The credentials go to a realm that du_origin_trusts, and to no other.
 *  4. done is called once, from the loop, never from within start; not at all once it is stopped.
 *
 * Thread: the client's loop.
 */

#include "challenge.h"
#include "upstream_int.h"

struct du_sign_in;

/* scope is what the token is kept for; the challenge says where to ask, and for what. Takes what is
 * in the challenge. */
enum du_error_kind
du_sign_in_start(struct du_client *client, struct du_origin *origin, const char *scope,
                 struct du_challenge *challenge,
                 void (*done)(void *user, const struct du_error *error, struct du_bearer *token),
                 void *user, struct du_sign_in **sign_in, struct du_error *error);
void du_sign_in_stop(struct du_sign_in **sign_in);

#endif
