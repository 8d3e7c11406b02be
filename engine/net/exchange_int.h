#ifndef DU_EXCHANGE_INT_H
#define DU_EXCHANGE_INT_H

/* What is held while a request is read and answered; an idle connection has none. Pooled by the
 * server. */

#include "framing.h"
#include "http1.h"
#include "intake.h"
#include "list.h"
#include "sender.h"
#include "server.h"

#include <netinet/in.h>

struct du_exchange {
    struct du_conn *conn;
    struct du_list node; /* of the server: spare */
    void *user;
    int64_t began_ns;

    struct du_intake in;
    struct du_http1 request;
    struct du_framing framing;
    uint64_t body_taken; /* bytes of the request's body and its chunk lines so far */
    struct du_bytes body;
    void (*read)(void *user, enum du_error_kind result, struct du_slice body);
    void *read_user;

    bool handed; /* `request` was called, `finished` was not */
    bool replied;
    bool gone;            /* `gone` was called, or is about to be */
    bool continued;       /* 100 Continue was sent */
    bool keep_alive;      /* replied: the connection goes on */
    int64_t window_taken; /* what the sender had sent when the window of send_ms began */
    struct du_sender sender;
    char peer[INET6_ADDRSTRLEN]; /* "" until it is asked for */
};

/* With room in its intake; NULL when there is no memory. */
struct du_exchange *du_exchange_take(struct du_server *server, struct du_conn *conn);
void du_exchange_give(struct du_server *server, struct du_exchange *exchange);
void du_exchange_free(struct du_exchange *exchange);
/* Before the header of the next request is read. */
void du_exchange_begin(struct du_exchange *exchange, int64_t now_ns);

#endif
