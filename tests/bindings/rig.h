#ifndef DU_TEST_RIG_H
#define DU_TEST_RIG_H

/* An engine's worth of things behind "dunite.native", and workers that the test's threads turn by
 * hand.
 *
 * The engine declares the limiter "downloads", the flights "reports" and, where a test makes it,
 * the upstream "origin". Its clock stands still until it is moved.
 */

#include "bindings.h"
#include "loader.h"
#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct du_named {
    struct du_limiter *downloads;
    struct du_single_flight *reports;
    struct du_origin *origin;
};

struct engine {
    struct du_base base;
    struct du_shared shared;
    struct du_named named;
    struct du_counter *counter;
    struct du_blobs *blobs;
    struct du_index *index;
    struct du_ledger *journal;
    char folder[64];
    int64_t live; /* blocks before it was made */
};

struct worker {
    struct engine *engine; /* NULL: only checking */
    struct du_base *base;
    uv_loop_t loop;
    struct du_mailbox mailbox;
    struct du_timers timers;
    struct du_context context;
    struct du_loader loader;
    lua_State *L;
    bool client_closed;
    size_t requests_left; /* when it had ended */
};

/* How a run of Lua ended. */
struct outcome {
    bool ended;
    enum du_task_end end;
    struct du_error error;
    char traceback[2048];
    char result[512]; /* the first value as text */
};

void engine_start(struct engine *engine);
/* Declares the upstream "origin" there. */
void engine_add_origin(struct engine *engine, const char *url);
/* Asserts that nothing is left: flights, leases, memory. */
void engine_end(struct engine *engine);

/* engine may be NULL. number: which worker it is. Lua has all its libraries, `native`, and
 * `require` for the repository's scripts. */
void worker_start(struct worker *worker, struct engine *engine, unsigned number);
void worker_end(struct worker *worker);

/* Starts the text as a function of a task. outcome stands until it has ended. */
struct du_task *worker_begin(struct worker *worker, const char *text, enum du_task_phase phase,
                             struct outcome *outcome);
/* The same for the function on top of the stack. */
struct du_task *worker_begin_top(struct worker *worker, enum du_task_phase phase,
                                 struct outcome *outcome);
/* Turns the loop until *done. */
void worker_turn_until(struct worker *worker, const bool *done);
/* Lets everything happen that happens by itself. */
void worker_settle(struct worker *worker);
/* Begins and turns until it has ended. */
struct outcome worker_run(struct worker *worker, const char *text);
/* The same, and asserts that it returned. */
void worker_do(struct worker *worker, const char *text);
/* Moves the clock and fires what is due. */
void worker_advance(struct worker *worker, int64_t ms);

#endif
