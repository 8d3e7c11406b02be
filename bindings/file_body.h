#ifndef DU_FILE_BODY_H
#define DU_FILE_BODY_H

/* A plain file as the body of a reply: for doubles, whose files nobody verifies.
 *
 * Invariants
 *  1. It has a descriptor of its own.
 *  2. A file that turns out shorter than what was promised breaks the connection (the sender sees
 * it).
 *
 * Thread: the connection's loop, which waits for the disk here, unlike a reader's.
 */

#include "body.h"

/* length bytes of fd from first on; fd stays the caller's. NULL: no memory or no descriptor left.
 */
struct du_body *du_file_body_new(int fd, int64_t first, int64_t length);

#endif
