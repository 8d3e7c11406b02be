#ifndef DU_ONLINE_H
#define DU_ONLINE_H

/* `dunite check --online`: asks the upstreams for every catalog entry, by an engine without
 * listeners in a folder of its own. */

#include "arguments.h"
#include "engine.h"

#include <stdbool.h>

/* Adds what is not there to the findings. One line a question as it is answered, unless it is to be
 * silent. 0, or 1 when something is not there. */
int du_online_check(const struct du_arguments *options, bool silent, struct du_findings *findings);

#endif
