#ifndef DU_POLLER_H
#define DU_POLLER_H

/* Many sockets behind one uv_poll_t: an epoll set of our own that libuv watches.
 *
 * Why not a uv_poll_t a socket: libuv takes six system calls to watch and forget one, and two more
 * for each change of what is waited for. Here a connection that is answered at once is never
 * watched at all, and one that is stays watched, edge-triggered, with one call in its life, or two.
 *
 * Invariants
 *  1. ready is called with the events of epoll (EPOLLIN …), on the loop.
 *  2. After du_poller_forget no event that was waiting reaches the watch; its memory may be reused
 * at once.
 *
 * Thread: the loop's.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <uv.h>

struct du_watch {
    void (*ready)(struct du_watch *watch, uint32_t events);
};

enum { DU_POLLER_BATCH = 64 };

struct du_poller {
    uv_poll_t poll;
    int fd;
    int batch; /* events of the batch at hand */
    struct epoll_event events[DU_POLLER_BATCH];
    void (*closed)(struct du_poller *poller);
};

/* All three: 0 or an errno. */
int du_poller_init(struct du_poller *poller, uv_loop_t *loop);
int du_poller_add(struct du_poller *poller, int fd, struct du_watch *watch, uint32_t events);
/* Also reports anew what is ready already. */
int du_poller_change(struct du_poller *poller, int fd, struct du_watch *watch, uint32_t events);

/* Before fd is closed, which ends the watch in the kernel. */
void du_poller_forget(struct du_poller *poller, struct du_watch *watch);
/* The same where fd is one of several for its socket, so that closing it ends nothing. */
void du_poller_remove(struct du_poller *poller, int fd, struct du_watch *watch);
void du_poller_close(struct du_poller *poller, void (*closed)(struct du_poller *poller));

#endif
