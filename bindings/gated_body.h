#ifndef DU_GATED_BODY_H
#define DU_GATED_BODY_H

/* Bodies that a test holds back: at a gate, or to a pace. For doubles.
 *
 *      SHUT ──du_gate_open──> OPEN     what stands at it goes on
 *        └────du_gate_cut───> CUT      what stands at it breaks
 *
 * Invariants
 *  1. A body gives its first `at` bytes, then stands at its gate until that is no longer shut.
 *  2. Whatever changes a gate, its bodies are woken on the loop, never from within the change.
 *  3. A body that is cut has sent its head, unless that is all there is of it.
 *  4. A pace is an upper bound over any tenth of a second.
 *
 * Thread: the connection's loop.
 */

#include "body.h"
#include "context.h"

struct du_gate;

/* NULL: out of memory. */
struct du_gate *du_gate_new(struct du_context *context, int64_t at);
struct du_gate *du_gate_ref(struct du_gate *gate);
void du_gate_unref(struct du_gate **gate);
void du_gate_open(struct du_gate *gate);
void du_gate_cut(struct du_gate *gate);
/* How many bodies stand at it. */
size_t du_gate_waiting(const struct du_gate *gate);

/* Takes the body (and nulls it) unless out of memory (NULL). gate: NULL for none; pace: bytes a
 * second, 0 for any. */
struct du_body *du_gated_body_new(struct du_body **inner, struct du_context *context,
                                  struct du_gate *gate, int64_t pace);

#endif
