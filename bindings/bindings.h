#ifndef DU_BINDINGS_H
#define DU_BINDINGS_H

/* What the host calls: the module "dunite.native" for a state, and the way from an exchange through
 * the deployment's dispatch function to its reply.
 *
 * A request:
 *
 *      du_bindings_request ──> task: dispatch(exchange) ──returns an answer──> du_exchange_reply
 *                                │        └──raises, over budget, no memory──> 500 or 503
 *                                └──gone: the task is cancelled
 *      du_bindings_finished: the access line, metrics; leases and the audit event end
 *
 * Invariants
 *  1. An exchange that is still there gets exactly one reply, whatever the script does.
 *  2. What a task holds (leases, open audit events) ends with it, unless its answer took it; what
 * the answer took ends with the exchange.
 *  3. A request's memory goes when both its task and its exchange have ended.
 *  4. No answer tells what a script raised; the log does.
 *
 * Thread: the worker's.
 */

#include "context.h"

/* du_exchange_tag of listeners. */
enum { DU_LISTENER_MAIN, DU_LISTENER_ADMIN, DU_LISTENER_CONTROL };

/* Preloads "dunite.native", puts context behind the state (extra space), and gives context->tasks
 * (made before) their errors. Raises when memory is short: call it protected, in a fresh state,
 * after du_loader_open and before any coroutine is made. context outlives the state. */
void du_bindings_open(lua_State *L, struct du_context *context);
/* After the tasks were cancelled, before the mailbox closes: ends what waits for another try. */
void du_bindings_stop(struct du_context *context);
/* After lua_close, when no request is left. */
void du_bindings_close(struct du_context *context);

/* What would still call back into a context. When an old generation owes nothing to its state that
 * may be closed, and when no request is left its context may go, too. */
struct du_bindings_owed {
    size_t requests; /* whose exchange or task has not ended */
    size_t calls;    /* tasks that wait, flights' operations, and what was withdrawn too late */
};
struct du_bindings_owed du_bindings_owed(const struct du_context *context);
/* The same as a text for a person: the oldest requests, with their ages. */
void du_bindings_describe(const struct du_context *context, struct du_bytes *text);
/* Whether a task failed for want of memory since it was last asked. */
bool du_bindings_ran_out(struct du_context *context);

/* The server's hooks. dispatch: a registry reference to a function(exchange) that gives an answer
 * (class dunite.native.Answer). The exchange's user belongs to these three. */
void du_bindings_request(struct du_context *context, int dispatch, struct du_exchange *exchange);
void du_bindings_gone(struct du_exchange *exchange);
void du_bindings_finished(struct du_exchange *exchange, enum du_exchange_end end);
/* What the server answered by itself: one line in the log, one count. */
void du_bindings_refused(struct du_context *context, int status, const char *reason);

#endif
