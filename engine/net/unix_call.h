#ifndef DU_UNIX_CALL_H
#define DU_UNIX_CALL_H

/* One HTTP request over a unix socket, for the command line: blocking, small, bounded by a
 * time-out. */

#include "bytes.h"
#include "error.h"

/* POSTs body (JSON) to target; the answer's status and body. DU_TRANSPORT: nobody answers there. */
enum du_error_kind du_unix_call(const char *path, const char *target, struct du_slice body,
                                int timeout_secs, int *status, struct du_bytes *answer,
                                struct du_error *error);

#endif
