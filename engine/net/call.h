#ifndef DU_CALL_H
#define DU_CALL_H

/* One exchange over a socket of its own, blocking and raw: what is sent is what was given, what
 * came is what is returned. For the command line (the control socket) and for specs; never on a
 * loop. */

#include "bytes.h"
#include "error.h"

/* Connects to "unix:PATH" or "A.B.C.D:PORT", sends, and reads until the other side closes (the
 * request says so) or timeout_secs went by without a byte. DU_TRANSPORT: nobody answers there, or
 * the connection broke; what came until then is in answer. */
enum du_error_kind du_call(const char *address, struct du_slice request, int timeout_secs,
                           struct du_bytes *answer, struct du_error *error);

#endif
