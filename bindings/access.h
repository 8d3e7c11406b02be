#ifndef DU_ACCESS_H
#define DU_ACCESS_H

/* The end of a request: what its reply held is given back, the access line and the metrics are
 * written.
 *
 * Thread: the worker's.
 */

#include "request.h"

/* True when a problem of that kind means that we or upstream failed to deliver (contract 2.12):
 * then what was charged is given back. Never for Cancelled and WaitTimeout. */
bool du_request_is_our_fault(enum du_error_kind problem);

/* Ends the reply's holds by how the exchange ended. */
void du_access_settle(struct du_request *request, enum du_exchange_end end);
/* One line in the log, one count in each metric. */
void du_access_write(struct du_context *context, const struct du_request *request,
                     enum du_exchange_end end);

#endif
