#ifndef DU_SPEC_DISK_H
#define DU_SPEC_DISK_H

/* What specs of faults look at: the named faults, the files of a folder, this process's
 * descriptors. Thread: the state's. */

#include "engine.h"

#include <lua.h>

/* Adds them to the table on top. */
void du_spec_disk_open(lua_State *L);
/* Reads { name, number, skip, times } at the index. */
void du_spec_disk_read_fault(lua_State *L, int index, struct du_engine_fault *fault);

#endif
