#ifndef DU_OWNED_H
#define DU_OWNED_H

/* The options of a deployment, copied, as the engine takes them. Thread: any, one at a time. */

#include "context.h"
#include "dunite.h"
#include "embedded.h"
#include "engine.h"

struct du_owned {
    char *folder, *settings;
    struct du_embedded_script *scripts; /* with names and texts of their own */
    struct du_host_module *modules;     /* with names of their own */
    struct du_scripts bundle;
    struct du_engine_options options; /* of the above */
};

/* False: out of memory; deinit it all the same. */
bool du_owned_init(struct du_owned *owned, const struct dunite_options *given);
void du_owned_deinit(struct du_owned *owned);

#endif
