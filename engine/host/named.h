#ifndef DU_NAMED_H
#define DU_NAMED_H

/* The objects a deployment declares by name: limiters, tables of flights, upstreams. They live in
 * the engine, so they outlive script generations.
 *
 * Invariants
 *  1. A limiter or a table of flights, once declared, stays as long as the engine: old generations
 *     may use it, and who declares it again finds its counts.
 *  2. An upstream whose settings (secrets too) are the same stays; another takes the place of one
 *     that changed. Whoever uses the old one holds it by a reference.
 *  3. A change is prepared, which may fail, then made, which cannot.
 *
 * Thread: new, prepare, change, discard and free one; finding and visiting any. */

#include "config.h"
#include "context.h"

struct du_named_change;

enum du_error_kind du_named_new(struct du_named **named, const struct du_config *config,
                                struct du_flight_domain *domain, struct du_counter *counter,
                                struct du_base *base, struct du_error *error);
void du_named_free(struct du_named **named);

/* What the config declares, in the place of what is there. */
enum du_error_kind du_named_prepare(struct du_named *named, const struct du_config *config,
                                    struct du_named_change **change, struct du_error *error);
void du_named_make(struct du_named *named, struct du_named_change **change);
void du_named_discard(struct du_named_change **change);

/* Each object that is declared now with its name, for metrics and `status`; a NULL function skips
 * its sort. */
struct du_named_visitor {
    void (*limiter)(void *user, const char *name, struct du_limiter *limiter);
    void (*flights)(void *user, const char *name, struct du_single_flight *flights);
    /* requests: also of those whose place it took */
    void (*origin)(void *user, const char *name, uint64_t requests);
};
void du_named_visit(struct du_named *named, const struct du_named_visitor *visitor, void *user);

#endif
