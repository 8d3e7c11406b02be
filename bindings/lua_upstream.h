#ifndef DU_LUA_UPSTREAM_H
#define DU_LUA_UPSTREAM_H

/* Upstreams as Lua holds them: names of the deployment's. Thread: the state's. */

#include "upstream.h"

#include <lua.h>

/* The engine's, for as long as it runs. Raises when it is none, and when there is no engine. */
struct du_origin *du_lua_check_upstream(lua_State *L, int index);

#endif
