#include "notify.h"

#include "mem.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct du_notify {
    int fd;
    struct sockaddr_un address;
    socklen_t size;
};

struct du_notify *du_notify_new(const char *path) {
    size_t size = strlen(path);
    struct du_notify *made = du_calloc(1, sizeof *made);
    bool fine = (path[0] == '/' || path[0] == '@') && size < sizeof made->address.sun_path;
    if (made == NULL || !fine) {
        du_free(made);
        return NULL;
    }
    made->address.sun_family = AF_UNIX;
    memcpy(made->address.sun_path, path, size);
    if (path[0] == '@') /* an abstract one, which has no NUL at its end */
        made->address.sun_path[0] = '\0';
    made->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    made->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (made->fd < 0) {
        du_free(made);
        return NULL;
    }
    return made;
}

void du_notify_free(struct du_notify **notify) {
    struct du_notify *unused = *notify;
    *notify = NULL;
    close(unused->fd);
    du_free(unused);
}

void du_notify_send(const struct du_notify *notify, const char *text) {
    sendto(notify->fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&notify->address,
           notify->size);
}
