#ifndef DU_CONN_H
#define DU_CONN_H

/* A client's connection: its socket, its state, its deadline.
 *
 *                    first byte             header complete              reply
 *      open ──> IDLE ─────────> HEADER ────────────────────> HANDLING ──────────> SENDING <──>
 * PARKED ^               │                          │      ^                │     body waits │ │
 * du_exchange_  │      │ body           │ │               │ refused       read       v      │
 * complete       │ last byte │               v                          READING┘                v
 *                 │           LINGERING <─────── refused ───────┘               (finished)
 *                 │               │  ^                                               │
 *                 │               │  └──────────── not kept, client may send ────────┤
 *                 │               v                                                  │
 *                 │            CLOSED <────────── not kept ──────────────────────────┤
 *                 │                                                                  │
 *                 └──────────────────────── kept <── SKIPPING <── body not read ─────┘
 *
 *  state      waits for                                 deadline     then
 *  IDLE       a first byte; no buffer is held           idle_ms      closed
 *  HEADER     the rest of a header                      header_ms    408
 *  HANDLING   du_exchange_reply or du_exchange_read     none         -
 *  READING    the rest of a body that was asked for     body_ms      408
 *  SENDING    room in the socket                        send_ms      closed, if under send_bytes
 *  PARKED     the body's wake                           none         -
 *  SKIPPING   the rest of a body nobody asked for       body_ms      closed
 *  LINGERING  the client to close (RFC 9112 section 9.6) linger_ms   closed
 *  CLOSED     nothing; freed when du_conn_run is left
 *
 * IDLE, HEADER and LINGERING are here; the others, which belong to an exchange, in course.h.
 *
 * Invariants
 *  1. A state is left only by du_conn_enter or du_conn_close; du_conn_run calls the step of each
 * state until one waits. It does not nest: who changes the state from within a hook finds it
 * changed when the hook returns.
 *  2. Events are edge-triggered: `readable` and `hung_up` remember them.
 *  3. A connection is not watched before it has to wait; for writing not before a write was
 * refused.
 *  4. The timer may run too early, never too late: `due_ms` is what counts.
 *
 * Thread: the loop's.
 */

#include "intake.h"
#include "list.h"
#include "poller.h"
#include "timers.h"

#include <netinet/in.h>
#include <stdbool.h>

enum du_conn_state {
    DU_CONN_IDLE,
    DU_CONN_HEADER,
    DU_CONN_HANDLING,
    DU_CONN_READING,
    DU_CONN_SENDING,
    DU_CONN_PARKED,
    DU_CONN_SKIPPING,
    DU_CONN_LINGERING,
    DU_CONN_CLOSED
};

#define DU_CONN_NEVER INT64_MAX

struct du_conn {
    struct du_watch watch;
    struct du_server *server;
    struct du_exchange *exchange; /* NULL while IDLE */
    struct du_list node;          /* of the server: idle, or busy */
    struct du_timer timer;
    int64_t due_ms; /* monotonic; DU_CONN_NEVER: no deadline */
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    int fd, tag;
    enum du_conn_state state;
    bool running;  /* du_conn_run is on the stack */
    bool readable; /* the socket may have more */
    bool hung_up;  /* the client has closed at least its own direction */
    bool watched, watched_writing;
    bool wants_writing; /* a write was refused */
};

/* Takes fd over; without memory it is closed. */
void du_conn_open(struct du_server *server, int fd, int tag, const struct sockaddr *peer);
/* Goes on until it has to wait. The connection may be gone when it returns. */
void du_conn_run(struct du_conn *conn);
/* Ends whatever there is, an exchange as DRAINED. The connection may be gone when it returns. */
void du_conn_shut(struct du_conn *conn);
/* Looks for bytes once more; closes if there are none. For idle ones. True: it is closed. */
bool du_conn_dismiss(struct du_conn *conn);

/* For steps and what they call. */

/* Changes the state and starts its deadline; entering the same state starts it anew. */
void du_conn_enter(struct du_conn *conn, enum du_conn_state state);
/* A deadline of its own. */
void du_conn_due(struct du_conn *conn, int64_t ms);
enum du_intake_result du_conn_receive(struct du_conn *conn);
/* Has du_conn_run called again after others had their turn. */
void du_conn_yield(struct du_conn *conn);
/* The next request, if it is here already; else IDLE. */
void du_conn_next(struct du_conn *conn);
/* A small answer of the server's own, then LINGERING. Status 0: no answer, closed. */
void du_conn_refuse(struct du_conn *conn, int status, const char *reason);
/* Says that nothing more comes, and waits for the client to say so, too. */
void du_conn_linger(struct du_conn *conn);
/* reset: what the client has not got yet is lost, and it sees that the connection broke. */
void du_conn_close(struct du_conn *conn, bool reset);

#endif
