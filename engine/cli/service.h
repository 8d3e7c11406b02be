#ifndef DU_SERVICE_H
#define DU_SERVICE_H

/* What a service manager (systemd) and we tell each other: sd_notify(3), sd_listen_fds(3) and
 * sd_watchdog_enabled(3), of which the protocols are datagrams and environment variables.
 *
 * Invariants
 *  1. The variables are taken out of the environment: what we start is no service of its own.
 *  2. Without a service manager all of it does nothing.
 *
 * Thread: open the main one, before any other runs; telling any.
 */

#include "bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { DU_SERVICE_SOCKETS = 64 };

struct du_notify;

struct du_service {
    struct du_notify *manager;           /* what is told goes there; NULL: nobody listens */
    int64_t watchdog_ms;                 /* how often it wants to hear of us; 0: never */
    int sockets[DU_SERVICE_SOCKETS + 1]; /* listening ones that it gave us; -1 ends */
    bool for_admin[DU_SERVICE_SOCKETS];  /* was it named "admin"? */
};

void du_service_open(struct du_service *service);
void du_service_close(struct du_service *service);
/* "READY=1", … ; several with newlines between them. */
void du_service_tell(const struct du_service *service, const char *state);
/* A reload begins: the state and the time that it wants with it. */
void du_service_tell_reloading(const struct du_service *service);
/* Adds ,"listen":[…],"admin_listen":[…] of the sockets that were given to the JSON object of
 * overrides. False, and it was said, when one of them is no listening socket. */
bool du_service_override(const struct du_service *service, struct du_bytes *overrides);

#endif
