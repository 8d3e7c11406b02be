#ifndef DU_BINDINGS_INT_H
#define DU_BINDINGS_INT_H

/* What bindings keep per context.
 *
 * Thread: the worker's.
 */

#include "context.h"
#include "list.h"
#include "traffic.h"

struct du_bindings {
    struct du_list operations; /* of flights, that run or wait for another try */
    struct du_list requests;   /* whose exchange or task has not ended */
    size_t request_count;
    size_t calls;              /* waits and operations: each will call back into the state */
    bool out_of_memory;        /* a task failed for want of it */
    uint64_t next_id;          /* state of the generator of request ids */
    struct du_traffic traffic; /* what its ended requests counted as */
};

/* One more thing that will call back, or one less. */
void du_bindings_expect(struct du_context *context, int change);
void du_bindings_less_owed(struct du_context *context);

#endif
