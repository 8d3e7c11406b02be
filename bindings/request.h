#ifndef DU_REQUEST_H
#define DU_REQUEST_H

/* A request: one exchange, the task that answers it, and what its reply holds.
 *
 *      RUNNING ──the script gave an answer──> ANSWERED ──finished──> (freed when the task is over,
 * too) │        └──or it failed: 500, 503 ──^ └──gone: the task is
 * cancelled────────────────finished──> (the same)
 *
 * Invariants
 *  1. exchange is NULL from finished on; Lua's box of it raises then.
 *  2. It lives while its exchange or its task refers to it; it empties its box when it goes.
 *  3. What the task holds ends when the task does; what the reply holds when the exchange does.
 *
 * Thread: the worker's.
 */

#include "context.h"
#include "digest.h"
#include "hold.h"
#include "reply.h"

enum { DU_REQUEST_ID = 17 };

struct du_wait;

struct du_request {
    struct du_context *context;
    struct du_list node; /* among the context's */
    struct du_exchange *exchange;
    struct du_task *task;        /* NULL: not started, or over */
    struct du_exchange_box *box; /* NULL: not made yet, or collected */
    struct du_scope scope;
    int references;
    uint64_t number;
    char id[DU_REQUEST_ID]; /* the number, as 16 hex digits */

    /* For the access line; owned, NULL where nobody said. */
    char *route, *member, *client;

    /* While it only explains (explain.h); 0: it does not, and the true time. */
    int explainer; /* in the registry */
    int64_t explained_ms;

    /* Its body, once it was read. */
    struct du_slice body;
    bool has_body, left;     /* left: the client went, or the server answered by itself */
    struct du_wait *reading; /* who waits for the body; NULL: nobody */

    /* The reply. */
    struct du_reply reply;
    bool answered;
    int status;
    struct du_list holds;        /* leases and the audit event that the answer took */
    struct du_error failure;     /* why its body broke; kind DU_OK when it did not */
    enum du_error_kind problem;  /* why it is an error; DU_OK when it is none */
    const char *cache_status;    /* static; NULL: no source */
    char digest[DU_DIGEST_TEXT]; /* of what it gives; "": not known, or not yet */
};

/* The request that the running task serves, also in the children of native.all; NULL for any other.
 */
struct du_request *du_request_of(lua_State *L);
struct du_request *du_request_ref(struct du_request *request);
void du_request_unref(struct du_request **request);

#endif
