#ifndef DU_BASE_H
#define DU_BASE_H

/* What every floor is handed: the engine's clock, its faults and its log. One per engine, so two
 * engines in one process share nothing. It outlives all that holds it. */

#include "clock.h"
#include "fault.h"
#include "log.h"

struct du_base {
    struct du_clock clock;
    struct du_faults faults;
    struct du_log *log; /* may be NULL */
};

#endif
