#ifndef DU_SERVER_INT_H
#define DU_SERVER_INT_H

/* What listeners, connections and exchanges share: their server. */

#include "conn.h"
#include "poller.h"
#include "server.h"

enum { DU_SERVER_SPARES = 64 };

struct du_server {
    struct du_timers *timers;
    struct du_base *base;
    struct du_server_limits limits;
    struct du_server_hooks hooks;
    void *user;
    struct du_poller poller;

    struct du_list listeners, closed_listeners;
    struct du_list idle, busy; /* connections; idle: the oldest first */
    size_t connections, exchanges;
    bool draining;
    bool starved; /* a listener waits for room */

    struct du_list spare_conns, spare_exchanges;
    size_t spare_conn_count, spare_exchange_count;

    int64_t date_second;
    char date[DU_CLOCK_TEXT];
    void (*closed)(void *user);
    void *closed_user;
};

/* The value of Date, made once a second. */
const char *du_server_date(struct du_server *server);
int64_t du_server_now_ms(const struct du_server *server);
/* Log and hook. */
void du_server_refused(struct du_server *server, int status, const char *reason);
/* A connection has gone, or become idle: listeners that had paused may go on. */
void du_server_has_room(struct du_server *server);
/* Zeroed; NULL when there is no memory. */
struct du_conn *du_server_take_conn(struct du_server *server);
void du_server_give_conn(struct du_server *server, struct du_conn *conn);

#endif
