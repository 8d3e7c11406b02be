#ifndef DU_SPEC_NATIVE_H
#define DU_SPEC_NATIVE_H

/* native.spec: what specs get beyond scripts, see scripts/dunite/meta/native.lua. Thread: the
 * state's. */

#include <lua.h>

/* Pushes the table. May raise. */
void du_spec_native_push(lua_State *L);

#endif
