#include "limiter_int.h"

#include "clock.h"

enum du_error_kind du_limiter_reset(struct du_limiter *limiter, const char *subject,
                                    int64_t wall_ms, struct du_error *error) {
    struct du_counter *counter = limiter->counter;
    int32_t day = du_clock_day(wall_ms);
    enum du_error_kind kind = DU_OK;
    /* As many as there are now: what is granted meanwhile counts. */
    for (int64_t left = du_limiter_counted(limiter, subject, wall_ms); left > 0 && kind == DU_OK;
         left--)
        kind = counter->type->give_back(counter, limiter->name, subject, day, error);
    return kind;
}
