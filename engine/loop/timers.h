#ifndef DU_TIMERS_H
#define DU_TIMERS_H

/* Timers on base/clock: a heap of their own over one uv_timer_t, so that a moved clock moves them.
 *
 * Invariants
 *  1. A timer that is running is in the heap; one that is not has index 0.
 *  2. Of equal deadlines the one started first fires first.
 *  3. A timer that fires has stopped before its callback runs, so the callback may start or free
 * it.
 *  4. Starting cannot fail: room is made when a timer is added to the set (du_timers_start reports
 *     DU_MEMORY only when the heap must grow and cannot).
 *
 * Thread: the loop's.
 */

#include "clock.h"
#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct du_timer {
    void (*fire)(struct du_timer *timer); /* zero a timer, set fire, then start it */
    int64_t due_ms;
    uint64_t order;
    size_t index; /* its place in the heap, from 1; 0: not running */
};

struct du_timers {
    uv_timer_t alarm;
    const struct du_clock *clock;
    struct du_timer **heap;
    size_t count, room;
    uint64_t started;
    void (*closed)(struct du_timers *timers);
    void *user;
};

int du_timers_init(struct du_timers *timers, uv_loop_t *loop, const struct du_clock *clock);
/* (Re)starts the timer to fire ms from now. DU_MEMORY: it is not running. */
enum du_error_kind du_timers_start(struct du_timers *timers, struct du_timer *timer, int64_t ms);
void du_timers_stop(struct du_timers *timers, struct du_timer *timer);
static inline bool du_timer_running(const struct du_timer *timer) {
    return timer->index != 0;
}
/* Fires what is due now, and sets the alarm for the next; call it after moving the clock. */
void du_timers_run(struct du_timers *timers);
/* Stops all. closed (may be NULL) is called when its memory may be reused. */
void du_timers_close(struct du_timers *timers, void (*closed)(struct du_timers *timers));

#endif
