#ifndef DU_UPSTREAM_H
#define DU_UPSTREAM_H

/* Fetching from upstream: libcurl multi on the worker's loop.
 *
 * Words: an origin is a configured upstream (one per engine, shared by all workers); a client is a
 * worker's pool of connections; a fetch is one request with what is needed to get it answered:
 * credentials, the Bearer challenge, redirects.
 *
 * Invariants
 *  1. Credentials and tokens go only to the origin's own scheme, host and port; a token also goes
 * to it only, and credentials go to the realm of a challenge only if that is of the same origin or
 * listed.
 *  2. A redirect elsewhere is followed without credentials, over http or https only, a few times.
 *  3. The real address is looked at when the socket opens: private ones are DU_INVALID_URL unless
 * the origin allows them; the configured origin itself is exempt.
 *  4. head is called at most once, before any data; end exactly once, last (unless the fetch is
 * cancelled). No call comes before du_fetch_start has returned.
 *  5. 401 and 403 (after the challenge was tried) are DU_UPSTREAM, and the log says what to check;
 * never a secret in it. 404 and 410 are DU_NOT_FOUND. 429 and 5xx are DU_UPSTREAM with status and
 * retry_after.
 *  6. A body shorter than its Content-Length, or reset, is DU_TRANSPORT. One with neither length
 * nor chunking that just ends has `complete` unset: its end proves nothing.
 *  7. Per scope one refresh of a token runs at a time, over all workers.
 *  8. Environment proxies are ignored.
 *
 * Thread: origins any; a client and its fetches its loop.
 */

#include "address.h"
#include "base.h"
#include "bytes.h"
#include "mailbox.h"
#include "timers.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct du_origin;
struct du_client;
struct du_fetch;
struct du_flight_domain;

enum du_origin_kind { DU_ORIGIN_FORGEJO, DU_ORIGIN_OCI, DU_ORIGIN_PLAIN };

/* All strings are copied. */
struct du_origin_options {
    const char *name; /* for logs and metrics */
    enum du_origin_kind kind;
    const char *url; /* base: scheme, host, port, path prefix */
    /* Forgejo: `Authorization: token` for its API, and the password where Basic is wanted;
     * elsewhere the password if there is no other. NULL for none. */
    const char *token;
    const char *username,
        *password; /* any OCI registry: to sign in with; a plain origin: sent unasked */
    const struct du_cidr *allow_private;
    size_t allow_private_count;
    /* "host:port" of realms that may get the credentials, too. */
    const char *const *credential_hosts;
    size_t credential_host_count;
    const char *ca_file;                         /* PEM of extra authorities; NULL: the system's */
    int64_t connect_ms, first_byte_ms, stall_ms; /* 10 s, 30 s, 30 s; 0 means these */
    long connections;                            /* per worker to this origin: 64; 0 means that */
};

enum du_error_kind du_origin_new(struct du_origin **origin, struct du_flight_domain *domain,
                                 struct du_base *base, const struct du_origin_options *options,
                                 struct du_error *error);
struct du_origin *du_origin_ref(struct du_origin *origin);
void du_origin_unref(struct du_origin **origin);
const char *du_origin_name(const struct du_origin *origin);
const char *du_origin_url(const struct du_origin *origin);
enum du_origin_kind du_origin_kind(const struct du_origin *origin);
/* Requests sent to it so far, over all workers (redirects and token requests too). */
uint64_t du_origin_requests(const struct du_origin *origin);

enum du_error_kind du_client_new(struct du_client **client, uv_loop_t *loop,
                                 struct du_timers *timers, struct du_mailbox *mailbox,
                                 struct du_base *base);
/* Ends what is left with DU_CANCELLED; closed is called when all is gone and the client freed. */
void du_client_close(struct du_client **client, void (*closed)(void *user), void *user);

/* Those it was made with. */
struct du_timers *du_client_timers(const struct du_client *client);

/* What upstream answered (its final answer, after redirects and challenges). Good during head. */
struct du_fetch_head {
    int status;                /* 200, 206, 304, or whatever `any_status` let through */
    int64_t length;            /* of the body, -1 when unknown */
    const char *effective_url; /* its query may hold secrets: not for logs */
    struct du_fetch *fetch;    /* for du_fetch_header */
};

struct du_fetch_hooks {
    /* false from either: stop, as du_fetch_cancel does. */
    bool (*head)(void *user, const struct du_fetch_head *head);
    bool (*data)(void *user, const char *data, size_t size);
    /* error.kind DU_OK: all arrived (complete says whether the protocol proved it). */
    void (*end)(void *user, const struct du_error *error, bool complete);
};

struct du_fetch_options {
    struct du_origin *origin;
    const char *method; /* GET when NULL */
    const char *url;    /* below the origin's URL when it begins with '/', else absolute */
    /* "Name: value", NULL-terminated; may be NULL. Authorization, Host, Cookie and what frames a
     * message are refused (DU_SCRIPT). */
    const char *const *headers;
    const char *body; /* may be NULL */
    size_t body_size;
    /* The token scope it will need, "repository:acme/app:pull". NULL: the challenge says. */
    const char *scope;
    int64_t total_ms; /* bound on the whole fetch; 0: none (stall_ms bounds a body) */
    bool foreign;     /* an absolute URL may be of another origin, and no credentials go with it */
    bool any_status;  /* head gets every final status; else an unusable one is an error */
};

/* user is the hooks'. Ownership of *fetch: the client's, until end was called or it was cancelled.
 * DU_INVALID_URL for a URL that is malformed, walks out of the origin's path ("..") or is another
 * origin's; DU_CANCELLED when the client is closing. On failure no hook is called. */
enum du_error_kind du_fetch_start(struct du_client *client, const struct du_fetch_options *options,
                                  const struct du_fetch_hooks *hooks, void *user,
                                  struct du_fetch **fetch, struct du_error *error);
/* In head: a header of the answer, NULL when it has none. Good during head. */
const char *du_fetch_header(struct du_fetch *fetch, const char *name);
/* Stops reading (the socket's buffer fills, upstream waits); resume goes on, and may call data
 * before it returns. Paused time is no stall. While paused no data comes; end may, when all was
 * read already. */
void du_fetch_pause(struct du_fetch *fetch);
void du_fetch_resume(struct du_fetch *fetch);
/* No hook is called any more. */
void du_fetch_cancel(struct du_fetch **fetch);

/* Of libcurl. */
const char *du_client_version(void);

#endif
