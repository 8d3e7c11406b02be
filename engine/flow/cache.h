#ifndef DU_CACHE_H
#define DU_CACHE_H

/* The cache: a blob by digest or by name, from the store or, once for all who want it, from
 * upstream.
 *
 * Invariants
 *  1. One fill per key (the digest, else the name and version) over all workers:
 *     core/single_flight's publish, and no other table.
 *  2. A leader looks into the index again before it fetches: the flight before may just have
 *     ended.
 *  3. A flight ends when the blob is in the index, so who comes between shares the fill or finds
 *     the blob.
 *  4. A joiner whose `source` differs from the leader's never inherits the leader's failure to get
 *     it (classes NotFound and Upstream): it tries from its own source.
 *  5. A digest is checked against what was asked for; a name is given to a blob only after its
 *     size was checked, and finds it only for callers who know no other size.
 *  6. What it hands out as a hit has its whole file; a blob whose file is gone or cut is dropped
 *     and fetched anew.
 *  7. Space is reserved in the index before anybody is answered; where there is none, even by
 *     eviction, each who wants it has a passage of his own (BYPASS): from upstream through to him.
 *  8. So much of one upstream, and for one member, comes in at a time over all workers (turns.h);
 *     passages have turns of their own, half as many, as their readers pace them. Who joins a
 *     fill waits with the one who leads it.
 *  9. A worker that ends shuts its client down here first; its fills fail as Cancelled.
 *
 * Thread: any; results come home on the caller's loop.
 */

#include "fill.h"
#include "index.h"
#include "lane.h"
#include "single_flight.h"
#include "upstream.h"

struct du_cache;
struct du_passage;

enum du_cache_status { DU_CACHE_HIT, DU_CACHE_MISS, DU_CACHE_COALESCED, DU_CACHE_BYPASS };

struct du_cache_options {
    const struct du_digest *digest; /* NULL: named */
    const char *name, *version;     /* NULL with a digest */
    int64_t size;                   /* known beforehand, -1 if not */
    const char *source;             /* who is asked: origin and repository */
    const char *member;             /* for whom; NULL: nobody's. Of one member so much at a time */
    struct du_origin *origin;       /* NULL: only look */
    const char *url;
    const char *const *headers; /* as du_fetch_options has them */
    const char *scope;
    bool foreign;               /* the URL may be of another origin (then without credentials) */
    bool cancel_when_abandoned; /* else a fill that nobody reads any more finishes */
};

/* Embedded by the caller. Set home and opened. */
struct du_cache_open {
    struct du_mailbox *home;
    void (*opened)(struct du_cache_open *open); /* once, on home's loop, after PENDING */
    enum du_cache_status status;                /* out */
    struct du_error error;                      /* out; DU_OK with one of: */
    struct du_blob *blob;                       /* complete; a pin of the caller's */
    struct du_fill *fill;                       /* still filling; a reference of the caller's */
    struct du_passage *passage;                 /* no room for it: once, by the caller alone */
    struct du_flight *hold;                     /* comes with the fill; the reader gives it back */
    struct du_cache *cache;                     /* out */
    void *state;                                /* private */
};

/* disk: the lane for fills; its queue needs no bound, as a fill has one job in it at a time. */
enum du_error_kind du_cache_new(struct du_cache **cache, struct du_base *base,
                                struct du_flight_domain *domain, struct du_blobs *blobs,
                                struct du_index *index, struct du_lane *disk);
/* How many fills of one upstream, and for one member, may be up at a time; at once. Without this
 * call 32 and 16. */
void du_cache_limit(struct du_cache *cache, size_t per_upstream, size_t per_member);
/* Nothing may be up: all who waited have been called or left, all clients shut down or idle. */
void du_cache_free(struct du_cache **cache);

/* DONE, FAILED (see open->error) or PENDING: also for a hit whose file only the disk can open. The
 * fetch, if there is to be one, runs on `client`,
 * whose loop is home's. All options are copied. NotFound when it is not there and origin is NULL.
 */
enum du_step du_cache_open(struct du_cache *cache, struct du_client *client,
                           const struct du_cache_options *options, struct du_cache_open *open);
/* What opening it would find, without opening it: for `dunite explain`. DU_CACHE_HIT, COALESCED
 * (it is being filled now), MISS, or BYPASS (known to be too large). Nothing is used, pinned or
 * asked. Reads digest, name, version and size. *size: a hit's, else -1. */
enum du_cache_status du_cache_peek(struct du_cache *cache, const struct du_cache_options *options,
                                   int64_t *size);
/* The caller stops waiting; on home's loop. True: opened will not be called, and `open` may go.
 * False: it was not waiting. */
bool du_cache_leave(struct du_cache *cache, struct du_cache_open *open);
/* Gives back what came with it and no reader took. Harmless when there is nothing. */
void du_cache_release(struct du_cache_open *open);

/* Before du_client_close, on the client's loop and outside of its hooks: cancels the fills that it
 * leads, so that their readers and waiters do not hang. DONE, or PENDING and closed will be called:
 * then the last disk job has come home and nobody of this client's waits any more (who waits for
 * another worker's fill must leave or be called first). After it the client opens nothing. */
enum du_step du_cache_shutdown(struct du_cache *cache, struct du_client *client,
                               void (*closed)(void *user), void *user);

/* Stores small bytes (a manifest) as a blob: written, verified, indexed on the disk lane. Set home,
 * stored, data, size and expected. */
struct du_cache_store {
    struct du_mailbox *home;
    void (*stored)(struct du_cache_store *store); /* once, on home's loop */
    const char *data;                             /* in; lives until stored */
    size_t size;
    const struct du_digest *expected; /* in; may be NULL; lives until stored */
    struct du_digest digest;          /* out */
    struct du_error error;            /* out */
    struct du_job job;                /* private from here on */
    struct du_cache *cache;
};
/* DU_OVERLOADED: stored will not be called. */
enum du_error_kind du_cache_store(struct du_cache *cache, struct du_cache_store *store);

struct du_index *du_cache_index(struct du_cache *cache);
struct du_single_flight *du_cache_flights(struct du_cache *cache); /* for figures */
/* The lane that may wait for the disk. */
struct du_lane *du_cache_disk(struct du_cache *cache);
struct du_faults *du_cache_faults(struct du_cache *cache);
/* Totals: hits, misses, coalesced, fills that ended well and badly, tries to resume one, bytes
 * fetched. */
struct du_cache_figures {
    uint64_t opened[DU_CACHE_BYPASS + 1];
    uint64_t filled, failed, resumed, bytes;
    uint64_t passing; /* passages that are up now */
};
void du_cache_figures(struct du_cache *cache, struct du_cache_figures *figures);

#endif
