#include "limiter_int.h"

#include "mem.h"

#include <string.h>

/* Found or made; NULL when out of memory. */
static struct du_limiter_subject *take_subject(struct du_limiter *limiter, const char *name) {
    struct du_table_key key = du_table_key(name, strlen(name));
    struct du_limiter_subject *subject =
        (struct du_limiter_subject *)du_table_find(&limiter->subjects, &key);
    if (subject != NULL)
        return subject;
    subject = du_calloc(1, sizeof *subject + key.size + 1);
    if (subject == NULL)
        return NULL;
    key.bytes = memcpy(subject->name, name, key.size);
    du_list_init(&subject->queue);
    du_table_add(&limiter->subjects, &subject->node, key);
    return subject;
}

static void tidy_subject(struct du_limiter *limiter, struct du_limiter_subject *subject) {
    if (subject->grants > 0)
        return;
    du_table_remove(&limiter->subjects, &subject->node);
    du_free(subject);
}

/* A grant that nobody uses yet; share is NULL for a whole request. NULL: out of memory. */
static struct du_limiter_grant *make_grant(struct du_limiter *limiter,
                                           struct du_limiter_subject *subject, const char *share,
                                           bool slot_only) {
    size_t size = share != NULL ? strlen(share) : 0;
    struct du_limiter_grant *grant = du_calloc(1, sizeof *grant + size + 1);
    if (grant == NULL)
        return NULL;
    grant->limiter = limiter;
    grant->subject = subject;
    grant->slot_only = slot_only;
    grant->shared = share != NULL;
    du_list_init(&grant->leases);
    du_list_init(&grant->todo);
    du_list_init(&grant->in_covered);
    if (share != NULL) {
        memcpy(grant->key, share, size);
        HASH_ADD_KEYPTR(hh, subject->shares[slot_only], grant->key, size, grant);
        if (du_map_failed(grant)) {
            du_free(grant);
            return NULL;
        }
    }
    subject->grants++;
    return grant;
}

static void free_grant(struct du_limiter_grant *grant) {
    struct du_limiter_subject *subject = grant->subject;
    struct du_limiter *limiter = grant->limiter;
    if (grant->shared)
        HASH_DELETE(hh, subject->shares[grant->slot_only], grant);
    du_free(grant);
    subject->grants--;
    tidy_subject(limiter, subject);
}

static void uncover(struct du_limiter_grant *grant) {
    if (du_list_empty(&grant->in_covered))
        return;
    du_list_remove(&grant->in_covered);
    grant->limiter->covered_count--;
}

static struct du_limiter_grant *first_covered(struct du_limiter *limiter) {
    return du_container_of(limiter->covered.next, struct du_limiter_grant, in_covered);
}

/* Keeps the list in the order of its ends: shares mostly become idle in that order. */
static void cover(struct du_limiter_grant *grant) {
    struct du_limiter *limiter = grant->limiter;
    struct du_list *before = limiter->covered.prev;
    while (before != &limiter->covered &&
           du_container_of(before, struct du_limiter_grant, in_covered)->covered_until >
               grant->covered_until)
        before = before->prev;
    du_list_append(before->next, &grant->in_covered);
    if (++limiter->covered_count <= DU_LIMITER_MOST_COVERED)
        return;
    struct du_limiter_grant *first = first_covered(limiter);
    uncover(first);
    free_grant(first);
}

static struct du_limiter_grant *find_grant(struct du_limiter *limiter,
                                           struct du_limiter_subject *subject,
                                           const struct du_acquire *acquire) {
    struct du_limiter_grant *grant = NULL;
    if (acquire->share != NULL)
        HASH_FIND_STR(subject->shares[acquire->slot_only], acquire->share, grant);
    if (grant == NULL)
        return make_grant(limiter, subject, acquire->share, acquire->slot_only);
    uncover(grant);
    return grant;
}

struct du_lease *du_limiter_table_lease(struct du_limiter *limiter, struct du_acquire *acquire) {
    struct du_limiter_subject *subject = take_subject(limiter, acquire->subject);
    if (subject == NULL)
        return NULL;
    struct du_limiter_grant *grant = find_grant(limiter, subject, acquire);
    if (grant == NULL) {
        tidy_subject(limiter, subject);
        return NULL;
    }
    grant->users++;
    struct du_lease *lease = grant->shared ? du_calloc(1, sizeof *lease) : &grant->own;
    if (lease == NULL) {
        du_limiter_table_drop(grant, acquire->mono_ms);
        return NULL;
    }
    lease->grant = grant;
    lease->acquire = acquire;
    lease->limits = acquire->limits;
    lease->cover_ms = acquire->cover_ms;
    du_list_init(&lease->in_grant);
    return lease;
}

void du_limiter_table_discard(struct du_lease *lease, int64_t mono_ms) {
    struct du_limiter_grant *grant = lease->grant;
    if (grant->shared)
        du_free(lease);
    du_limiter_table_drop(grant, mono_ms);
}

void du_limiter_table_drop(struct du_limiter_grant *grant, int64_t mono_ms) {
    if (--grant->users > 0)
        return;
    if (grant->shared && grant->counted && mono_ms < grant->covered_until)
        cover(grant);
    else
        free_grant(grant);
}

void du_limiter_table_sweep(struct du_limiter *limiter, int64_t mono_ms) {
    while (!du_list_empty(&limiter->covered)) {
        struct du_limiter_grant *grant = first_covered(limiter);
        if (mono_ms < grant->covered_until)
            return;
        uncover(grant);
        free_grant(grant);
    }
}

void du_limiter_table_clear(struct du_limiter *limiter) {
    du_limiter_table_sweep(limiter, INT64_MAX);
}
