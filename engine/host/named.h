#ifndef DU_NAMED_H
#define DU_NAMED_H

/* The objects a deployment declares by name: limiters, tables of flights, upstreams. They live in
 * the engine, so they outlive script generations.
 *
 * Thread: made before the workers start, then read by any. */

#include "config.h"
#include "context.h"

enum du_error_kind du_named_new(struct du_named **named, const struct du_config *config,
                                struct du_flight_domain *domain, struct du_counter *counter,
                                struct du_base *base, struct du_error *error);
void du_named_free(struct du_named **named);

/* Each object with its name, for metrics and `status`; a NULL function skips its sort. */
struct du_named_visitor {
    void (*limiter)(void *user, const char *name, struct du_limiter *limiter);
    void (*flights)(void *user, const char *name, struct du_single_flight *flights);
    void (*origin)(void *user, const char *name, struct du_origin *origin);
};
void du_named_visit(struct du_named *named, const struct du_named_visitor *visitor, void *user);

#endif
