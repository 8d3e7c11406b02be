#ifndef DU_VALUE_H
#define DU_VALUE_H

/* An immutable value that threads may share: what a flight hands to its cohort.
 *
 * Invariants
 *  1. Nothing writes to a value after its first holder got it.
 *  2. The last du_value_unref frees it through its type, on whatever thread that is.
 */

#include <stdatomic.h>

struct du_value;

struct du_value_type {
    const char *name;
    void (*free)(struct du_value *value);
};

/* Embed it first in a struct of your own. */
struct du_value {
    const struct du_value_type *type;
    atomic_int references;
};

/* One reference, the caller's. */
void du_value_init(struct du_value *value, const struct du_value_type *type);
struct du_value *du_value_ref(struct du_value *value); /* NULL stays NULL */
void du_value_unref(struct du_value **value);          /* nulls the caller's pointer */

#endif
