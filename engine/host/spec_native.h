#ifndef DU_SPEC_NATIVE_H
#define DU_SPEC_NATIVE_H

/* native.spec: what specs get beyond scripts, see scripts/dunite/meta/spec.lua. Thread: the
 * state's. */

#include "lane.h"

#include <lua.h>

/* Pushes the table. calls: the lane that blocks for spec.call; outlives the state. scripts:
 * --scripts, also for engines under test; may be NULL. May raise. */
void du_spec_native_push(lua_State *L, struct du_lane *calls, const char *scripts);

#endif
