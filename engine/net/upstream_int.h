#ifndef DU_UPSTREAM_INT_H
#define DU_UPSTREAM_INT_H

/* What the files behind upstream.h share.
 *
 *   fetch      what a caller asked for: redirects, credentials, the verdict on a status
 *   sign_in    a token for a scope: one request for all who wait, over all workers
 *   outgoing   what goes out, checked
 *   transfer   one HTTP exchange by one curl handle, with its time-outs
 *   client     a worker's curl multi on its loop, and its places at each origin
 *   origin     what is configured, and who may see the credentials
 *
 * Each uses those below it, and upstream_error for what goes wrong. Two rules hold everywhere:
 *  1. curl does not take handles in or out while it calls us. So between du_client_enter and
 *     du_client_leave what is started, resumed or stopped goes to client->later, and is done on
 * leaving.
 *  2. Nothing that belongs to a fetch outlives it: it stops its transfer and its sign-in, and these
 * keep themselves as long as curl or another thread still needs their memory.
 */

#include "bearer.h"
#include "list.h"
#include "upstream.h"
#include "url.h"

#include <curl/curl.h>
#include <stdatomic.h>

struct du_single_flight;

struct du_origin {
    atomic_int references;
    char *name, *url, *root; /* root: scheme, host and port alone */
    struct du_url base;
    enum du_origin_kind kind;
    char *token_header, *basic_header; /* whole Authorization lines; NULL for none */
    struct du_cidr *allow_private;
    size_t allow_private_count;
    char **credential_hosts;
    size_t credential_host_count;
    char *ca_file;
    int64_t connect_ms, first_byte_ms, stall_ms;
    long connections;
    struct du_base *engine;
    struct du_bearers *tokens;
    struct du_single_flight *sign_ins; /* requests for tokens under way, by scope */
    atomic_bool wants_basic;           /* it challenged with Basic: send that unasked */
    atomic_uint_fast64_t requests;
};

/* The line that goes with a request for this path before anything was asked for; NULL for none. */
const char *du_origin_authorization(const struct du_origin *origin, const char *path);
/* The URL is of the origin itself: same scheme, host and port. */
bool du_origin_is_own(const struct du_origin *origin, const struct du_url *url);
/* The token server at this URL may see the credentials. */
bool du_origin_trusts(const struct du_origin *origin, const struct du_url *realm);
/* The URL to fetch: below the origin's own when text begins with '/', else text, which must be of
 * the origin unless `foreign` is set. The result is the caller's (du_free). */
enum du_error_kind du_origin_resolve(const struct du_origin *origin, const char *text, bool foreign,
                                     char **url, struct du_error *error);
/* A socket to this address may be opened although the URL is not the origin's own. */
bool du_origin_allows(const struct du_origin *origin, const struct du_address *address);

/* A place among the connections that a client may have to an origin. */
struct du_place {
    struct du_list queued;
    struct du_place_count *count;
    void (*admit)(struct du_place *place); /* what was queued has its place now; from the loop */
};

struct du_client {
    CURLM *multi;
    uv_loop_t *loop;
    uv_timer_t timer; /* curl's, in real time; ours are in timers */
    struct du_timers *timers;
    struct du_mailbox *mailbox;
    struct du_base *base;
    unsigned inside; /* curl is calling us */
    bool settling, closing;
    struct du_list later;     /* transfers with something to do once curl has returned */
    struct du_list transfers; /* all of them */
    struct du_list fetches;   /* all of them */
    struct du_list places;    /* one du_place_count per origin in use */
    struct du_mail kick;      /* places became free */
    bool kicked;
    size_t abroad; /* libuv handles and mails that must come home before the memory goes */
    void (*closed)(void *user);
    void *user;
};

void du_client_enter(struct du_client *client);
void du_client_leave(struct du_client *client);
/* One more (or one less) mail of the client's is under way. */
void du_client_expect(struct du_client *client, int change);
/* DONE: the place is taken; PENDING: queued, and admit will be called; FAILED: no memory. */
enum du_step du_client_take_place(struct du_client *client, struct du_origin *origin,
                                  struct du_place *place);
/* Gives the place back, or leaves the queue; once more does nothing. */
void du_client_give_place(struct du_client *client, struct du_place *place);

/* Ends it with DU_CANCELLED: its client closes. */
void du_fetch_abandon(struct du_fetch *fetch);
struct du_fetch *du_fetch_of_node(struct du_list *node);

#endif
