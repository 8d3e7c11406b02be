#include "poller.h"

#include "list.h"

#include <errno.h>
#include <unistd.h>

static void on_readable(uv_poll_t *poll, int status, int events) {
    struct du_poller *poller = du_container_of(poll, struct du_poller, poll);
    (void)status;
    (void)events;
    int count = epoll_wait(poller->fd, poller->events, DU_POLLER_BATCH, 0);
    poller->batch = count > 0 ? count : 0;
    for (int i = 0; i < poller->batch; i++) {
        struct du_watch *watch = poller->events[i].data.ptr;
        if (watch != NULL)
            watch->ready(watch, poller->events[i].events);
    }
    poller->batch = 0;
}

int du_poller_init(struct du_poller *poller, uv_loop_t *loop) {
    poller->batch = 0;
    poller->closed = NULL;
    poller->fd = epoll_create1(EPOLL_CLOEXEC);
    if (poller->fd < 0)
        return errno;
    int result = uv_poll_init(loop, &poller->poll, poller->fd);
    if (result < 0) {
        close(poller->fd);
        return -result;
    }
    uv_poll_start(&poller->poll, UV_READABLE, on_readable);
    return 0;
}

static int control(struct du_poller *poller, int operation, int fd, struct du_watch *watch,
                   uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = watch};
    return epoll_ctl(poller->fd, operation, fd, &event) == 0 ? 0 : errno;
}

int du_poller_add(struct du_poller *poller, int fd, struct du_watch *watch, uint32_t events) {
    return control(poller, EPOLL_CTL_ADD, fd, watch, events);
}

int du_poller_change(struct du_poller *poller, int fd, struct du_watch *watch, uint32_t events) {
    return control(poller, EPOLL_CTL_MOD, fd, watch, events);
}

void du_poller_forget(struct du_poller *poller, struct du_watch *watch) {
    for (int i = 0; i < poller->batch; i++)
        if (poller->events[i].data.ptr == watch)
            poller->events[i].data.ptr = NULL;
}

void du_poller_remove(struct du_poller *poller, int fd, struct du_watch *watch) {
    control(poller, EPOLL_CTL_DEL, fd, watch, 0);
    du_poller_forget(poller, watch);
}

static void on_closed(uv_handle_t *handle) {
    uv_poll_t *poll = (uv_poll_t *)handle;
    struct du_poller *poller = du_container_of(poll, struct du_poller, poll);
    close(poller->fd);
    poller->closed(poller);
}

void du_poller_close(struct du_poller *poller, void (*closed)(struct du_poller *poller)) {
    poller->closed = closed;
    uv_close((uv_handle_t *)&poller->poll, on_closed);
}
