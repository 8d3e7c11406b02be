#ifndef DU_RATES_H
#define DU_RATES_H

/* The rates that scripts ask for (native.rate): rule number n - 1 allows n a minute, so that a
 * script's own number needs no declaration.
 *
 * Thread: any.
 */

#include "rate.h"

enum { DU_RATES_MOST = 1000 };

/* What du_shared.rate must be. keys: how many are remembered. */
enum du_error_kind du_rates_new(struct du_rate **rate, size_t keys);

#endif
