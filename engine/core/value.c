#include "value.h"

#include <stddef.h>

void du_value_init(struct du_value *value, const struct du_value_type *type) {
    value->type = type;
    atomic_init(&value->references, 1);
}

struct du_value *du_value_ref(struct du_value *value) {
    if (value != NULL)
        atomic_fetch_add_explicit(&value->references, 1, memory_order_relaxed);
    return value;
}

void du_value_unref(struct du_value **value) {
    struct du_value *gone = *value;
    *value = NULL;
    if (gone != NULL && atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) == 1)
        gone->type->free(gone);
}
