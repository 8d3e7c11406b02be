#ifndef DU_NOTIFY_H
#define DU_NOTIFY_H

/* Datagrams to whoever listens on a unix socket: a service manager (sd_notify(3)).
 * Thread: one; sending any. */

struct du_notify;

/* path begins with '/', or with '@' for an abstract one. NULL: it does not, or there is no memory,
 * or no socket. */
struct du_notify *du_notify_new(const char *path);
void du_notify_free(struct du_notify **notify);
/* Lost when nobody takes it. */
void du_notify_send(const struct du_notify *notify, const char *text);

#endif
