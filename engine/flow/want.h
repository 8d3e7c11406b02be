#ifndef DU_WANT_H
#define DU_WANT_H

/* What somebody wants of the cache: du_cache_options, copied, so that it outlives the caller.
 *
 * Invariants
 *  1. It never changes; who needs it holds a reference, on whatever thread.
 *  2. Its key is that of its flight: keys of digests and of names never meet.
 *  3. A flight that fails carries its leader's want, so that a joiner can tell whose source
 *     failed.
 *
 * Thread: any.
 */

#include "cache.h"

struct du_want {
    struct du_value value;
    bool by_digest;
    struct du_digest digest;    /* by_digest */
    const char *name, *version; /* else */
    int64_t size;               /* -1: unknown */
    const char *source, *member;
    struct du_origin *origin;
    const char *url, *scope;
    const char *const *headers;
    bool foreign, cancel_when_abandoned;
    const char *key;
    size_t key_size;
};

/* NULL: out of memory. Without an origin it is good for looking only. */
struct du_want *du_want_new(const struct du_cache_options *options);
struct du_want *du_want_ref(struct du_want *want);
void du_want_unref(struct du_want **want); /* nulls the caller's pointer */
/* NULL when the value is something else. */
const struct du_want *du_want_of(const struct du_value *value);
bool du_want_same_source(const struct du_want *a, const struct du_want *b);

/* DU_INVALID_URL when the URL is of another origin and that is not allowed. */
enum du_error_kind du_want_check_url(const struct du_want *want, struct du_error *error);
/* For logs: the digest, or the name and version. Returns text. */
enum { DU_WANT_TEXT = 160 };
const char *du_want_text(const struct du_want *want, char text[DU_WANT_TEXT]);

#endif
