#ifndef DU_CLOCK_H
#define DU_CLOCK_H

/* The only reader of time. A clock either follows the system or stands still until it is moved.
 *
 * Invariants
 *  1. Durations and deadlines use the monotonic side, which never goes back.
 *  2. Days, dates and expiries use the wall side, which may be set to anything.
 *  3. du_clock_advance moves both sides; du_clock_set moves only the wall.
 *
 * Thread: any; reads are atomic.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct du_clock {
    atomic_bool manual;
    atomic_int_fast64_t wall_ms; /* manual: the time; else: an offset to the system's */
    atomic_int_fast64_t mono_ns; /* the same for the monotonic side */
};

/* A clock that follows the system. */
void du_clock_init(struct du_clock *clock);
/* A clock that stands at wall_ms (milliseconds since 1970-01-01 UTC) until it is moved. */
void du_clock_init_manual(struct du_clock *clock, int64_t wall_ms);

int64_t du_clock_wall_ms(const struct du_clock *clock);
int64_t du_clock_mono_ns(const struct du_clock *clock);
int64_t du_clock_mono_ms(const struct du_clock *clock);

/* Both work on either sort of clock. Timers that fall due fire when their owner is told. */
void du_clock_advance(struct du_clock *clock, int64_t ms);
void du_clock_set(struct du_clock *clock, int64_t wall_ms);

/* In so many milliseconds of CLOCK_MONOTONIC, for pthread_cond_timedwait: real time, also where the
 * clock stands still. Only for gathering work whose results do not depend on when it is done. */
struct timespec du_clock_deadline(int64_t ms);

/* The UTC day of a wall time, as days since 1970-01-01 (floored, so times before 1970 work too). */
int32_t du_clock_day(int64_t wall_ms);
/* Whole seconds to the next UTC midnight, rounded up: 1 … 86400. */
int64_t du_clock_day_left_secs(int64_t wall_ms);

enum { DU_CLOCK_TEXT = 40 };
/* RFC 3339 with seconds, "2026-01-31T23:59:50Z"; IMF-fixdate of RFC 9110 section 5.6.7. Both return
 * text. */
const char *du_clock_rfc3339(int64_t wall_ms, char text[DU_CLOCK_TEXT]);
const char *du_clock_http_date(int64_t wall_ms, char text[DU_CLOCK_TEXT]);
/* The inverse of either; false when the text is no such date. HTTP's two obsolete forms are
 * understood too. */
bool du_clock_parse_rfc3339(const char *text, int64_t *wall_ms);
bool du_clock_parse_http_date(const char *text, int64_t *wall_ms);

#endif
