#ifndef DU_LUA_AUDIT_H
#define DU_LUA_AUDIT_H

/* Audit events as Lua holds them: a hold (hold.h) that ends the event. Thread: the state's. */

#include "hold.h"

/* The hold of the event at index; NULL when it has ended. Raises when it is no event. */
struct du_hold *du_lua_check_event(lua_State *L, int index);

#endif
