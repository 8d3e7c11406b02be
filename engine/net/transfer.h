#ifndef DU_TRANSFER_H
#define DU_TRANSFER_H

/* One HTTP exchange by one curl handle. It follows no redirect, answers no challenge, knows no
 * verdict: it brings the header, then the body, then says how it ended.
 *
 * Its phases, each with a deadline on the engine's clock:
 *
 *      CONNECT ──request goes out──> HEADER ──final header──> BODY or DROP ──> done
 *
 * Invariants
 *  1. head once or never, data after it, done last, exactly once, unless it is stopped: then
 * nothing more.
 *  2. No hook is called from within du_transfer_start.
 *  3. While it is paused no data comes and no stall is counted.
 *  4. A body to be dropped is read only as far as keeping the connection is worth; how it ends is
 * of no consequence. (Forgejo declares a redirect's Content-Length as the blob's and sends
 * nothing.)
 *  5. The address is looked at when a socket opens, and again when a request is about to use a
 * connection that was open already, for somebody else perhaps.
 *
 * Thread: the client's loop.
 */

#include "outgoing.h"
#include "upstream_int.h"

struct du_transfer;

enum du_transfer_body { DU_TRANSFER_DELIVER, DU_TRANSFER_DROP };

struct du_transfer_hooks {
    enum du_transfer_body (*head)(void *user, struct du_transfer *transfer, int status);
    void (*data)(void *user, const char *data, size_t size);
    /* error.kind DU_OK: all arrived, or was dropped. The transfer is gone already. */
    void (*done)(void *user, const struct du_error *error);
};

/* The request is the caller's still. */
enum du_error_kind du_transfer_start(struct du_client *client, struct du_origin *origin,
                                     const struct du_outgoing *request,
                                     const struct du_transfer_hooks *hooks, void *user,
                                     struct du_transfer **transfer, struct du_error *error);
void du_transfer_stop(struct du_transfer **transfer);
void du_transfer_pause(struct du_transfer *transfer);
void du_transfer_resume(struct du_transfer *transfer);

/* In head. The answer's header of that name, number `at` of several; NULL when it has none. */
const char *du_transfer_header(struct du_transfer *transfer, const char *name, size_t at);
/* In head: the body's length, -1 when unknown. */
int64_t du_transfer_length(const struct du_transfer *transfer);
/* In head: the end of the body can be told from a connection that broke. */
bool du_transfer_is_framed(const struct du_transfer *transfer);

/* For the client: its end once curl has returned; what must be done then; how curl says it ended;
 * and the end that a closing client makes. */
void du_transfer_break(struct du_transfer *transfer, CURLcode code);
void du_transfer_settle(struct du_transfer *transfer);
void du_transfer_ended(struct du_transfer *transfer, CURLcode code);
void du_transfer_abandon(struct du_transfer *transfer);
struct du_transfer *du_transfer_of_node(struct du_list *node);
struct du_transfer *du_transfer_of_later(struct du_list *node);

#endif
