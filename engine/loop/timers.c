#include "timers.h"

#include "list.h"
#include "mem.h"

enum { FIRST_ROOM = 32 };

static bool before(const struct du_timer *a, const struct du_timer *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

/* Places count from 1, so that index 0 can mean "not running"; place p has children 2p and 2p + 1.
 */
static struct du_timer *at(const struct du_timers *timers, size_t place) {
    return timers->heap[place - 1];
}

static void put(struct du_timers *timers, size_t place, struct du_timer *timer) {
    timers->heap[place - 1] = timer;
    timer->index = place;
}

static void sift_up(struct du_timers *timers, size_t place, struct du_timer *timer) {
    while (place > 1 && before(timer, at(timers, place / 2))) {
        put(timers, place, at(timers, place / 2));
        place /= 2;
    }
    put(timers, place, timer);
}

static void sift_down(struct du_timers *timers, size_t place, struct du_timer *timer) {
    for (size_t child; (child = place * 2) <= timers->count; place = child) {
        if (child < timers->count && before(at(timers, child + 1), at(timers, child)))
            child++;
        if (!before(at(timers, child), timer))
            break;
        put(timers, place, at(timers, child));
    }
    put(timers, place, timer);
}

static void on_alarm(uv_timer_t *alarm) {
    du_timers_run(du_container_of(alarm, struct du_timers, alarm));
}

/* The alarm follows the system's time; on a clock that stands it is set only for what is due
 * already, and a loop with nothing else to do ends instead of waiting for ever. */
static void set_alarm(struct du_timers *timers) {
    if (uv_is_closing((uv_handle_t *)&timers->alarm))
        return;
    int64_t left =
        timers->count > 0 ? at(timers, 1)->due_ms - du_clock_mono_ms(timers->clock) : INT64_MAX;
    if (timers->count == 0 || (left > 0 && atomic_load(&timers->clock->manual)))
        uv_timer_stop(&timers->alarm);
    else
        uv_timer_start(&timers->alarm, on_alarm, left > 0 ? (uint64_t)left : 0, 0);
}

int du_timers_init(struct du_timers *timers, uv_loop_t *loop, const struct du_clock *clock) {
    timers->clock = clock;
    timers->heap = NULL;
    timers->count = timers->room = 0;
    timers->started = 0;
    timers->closed = NULL;
    return uv_timer_init(loop, &timers->alarm);
}

static bool make_room(struct du_timers *timers) {
    if (timers->count < timers->room)
        return true;
    size_t room = timers->room > 0 ? timers->room * 2 : FIRST_ROOM;
    struct du_timer **heap = du_realloc(timers->heap, room * sizeof(*heap));
    if (heap == NULL)
        return false;
    timers->heap = heap;
    timers->room = room;
    return true;
}

static void take_out(struct du_timers *timers, struct du_timer *timer) {
    size_t place = timer->index;
    struct du_timer *last = at(timers, timers->count--);
    timer->index = 0;
    if (last == timer)
        return;
    if (before(last, timer))
        sift_up(timers, place, last);
    else
        sift_down(timers, place, last);
}

enum du_error_kind du_timers_start(struct du_timers *timers, struct du_timer *timer, int64_t ms) {
    int64_t now = du_clock_mono_ms(timers->clock);
    du_timers_stop(timers, timer);
    if (!make_room(timers))
        return DU_MEMORY;
    ms = ms > 0 ? ms : 0;
    timer->due_ms = ms > INT64_MAX - now ? INT64_MAX : now + ms;
    timer->order = ++timers->started;
    sift_up(timers, ++timers->count, timer);
    if (timer->index == 1)
        set_alarm(timers);
    return DU_OK;
}

void du_timers_stop(struct du_timers *timers, struct du_timer *timer) {
    bool next = timer->index == 1;
    if (!du_timer_running(timer))
        return;
    take_out(timers, timer);
    if (next)
        set_alarm(timers);
}

void du_timers_run(struct du_timers *timers) {
    int64_t now = du_clock_mono_ms(timers->clock);
    /* What a callback starts waits for the next run: a timer that starts itself with 0 ends no
     * loop. */
    uint64_t last = timers->started;
    while (timers->count > 0) {
        struct du_timer *timer = at(timers, 1);
        if (timer->due_ms > now || timer->order > last)
            break;
        take_out(timers, timer);
        timer->fire(timer);
    }
    set_alarm(timers);
}

static void on_closed(uv_handle_t *handle) {
    struct du_timers *timers = du_container_of(handle, struct du_timers, alarm);
    if (timers->closed != NULL)
        timers->closed(timers);
}

void du_timers_close(struct du_timers *timers, void (*closed)(struct du_timers *timers)) {
    while (timers->count > 0)
        take_out(timers, at(timers, timers->count));
    du_free(timers->heap);
    timers->heap = NULL;
    timers->room = 0;
    timers->closed = closed;
    uv_close((uv_handle_t *)&timers->alarm, on_closed);
}
