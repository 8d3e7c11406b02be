#ifndef DU_KEPT_H
#define DU_KEPT_H

/* The engine's own copy of the options it was started with: a reload needs them again.
 * Thread: the engine's. */

#include "engine.h"

/* On failure nothing is kept that du_options_forget would not free. */
enum du_error_kind du_options_keep(struct du_engine_options *kept,
                                   const struct du_engine_options *options, struct du_error *error);
void du_options_forget(struct du_engine_options *kept);

#endif
