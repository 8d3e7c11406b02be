#ifndef DU_SOCKET_INT_H
#define DU_SOCKET_INT_H

/* How a server takes a worker's share of a listening socket: looks at it, then, if all went well,
 * has it for good. */

#include "server.h"

/* The descriptor, or -EBADF when that worker has none (any more). */
int du_socket_share(const struct du_socket *socket, unsigned worker);
void du_socket_shared(struct du_socket *socket, unsigned worker);

#endif
