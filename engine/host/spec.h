#ifndef DU_SPEC_H
#define DU_SPEC_H

/* `dunite spec`: busted, run as a task in a Lua state of the engine's own, on this thread's loop.
 *
 * The state has all of Lua and busted besides the engine's modules: specs are trusted. Engines
 * under test are engines of their own (native.spec.engine), with their own threads, data folders
 * and clocks.
 */

#include "error.h"

#include <stddef.h>

struct du_spec_options {
    const char *folder;       /* a deployment, or a folder of specs */
    const char *scripts;      /* --scripts DIR, or NULL */
    const char *const *words; /* for busted */
    size_t word_count;
};

/* The exit code: 0 when all passed. Blocks until the specs are done. */
int du_spec_run(const struct du_spec_options *options, struct du_error *error);

#endif
