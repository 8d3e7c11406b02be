#ifndef DU_BINDINGS_INT_H
#define DU_BINDINGS_INT_H

/* What bindings keep per context.
 *
 * Thread: the worker's.
 */

#include "context.h"
#include "list.h"

struct du_bindings {
    struct du_list operations; /* of flights, that run or wait for another try */
    size_t requests;           /* whose exchange or task has not ended */
    uint64_t next_id;          /* state of the generator of request ids */
};

#endif
