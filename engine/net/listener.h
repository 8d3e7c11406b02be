#ifndef DU_LISTENER_H
#define DU_LISTENER_H

/* Accepts connections for a server from one listening socket.
 *
 * Invariants
 *  1. It accepts until there is none left, a batch at a time, so that accepting does not starve the
 * loop.
 *  2. At the bound of connections the oldest idle one is dismissed; when none is idle it pauses
 * until one becomes so or goes.
 *  3. Out of descriptors or memory it pauses, too, and tries again when a connection goes, or after
 * a second.
 *
 * Thread: the loop's.
 */

#include "list.h"
#include "poller.h"
#include "timers.h"

#include <stdbool.h>

struct du_server;

struct du_listener {
    struct du_watch watch;
    struct du_server *server;
    struct du_list node; /* of the server */
    struct du_timer retry;
    int fd, tag;
    bool paused;
};

/* Takes fd over, if it goes well. 0 or an errno. */
int du_listener_open(struct du_server *server, int fd, int tag);
/* After a pause, if there was one. */
void du_listener_resume(struct du_listener *listener);
/* Accepts what has come so far. */
void du_listener_accept(struct du_listener *listener);
/* Its memory is freed with the server, for it may be accepting right now. */
void du_listener_close(struct du_listener *listener);

#endif
