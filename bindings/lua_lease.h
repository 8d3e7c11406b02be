#ifndef DU_LUA_LEASE_H
#define DU_LUA_LEASE_H

/* A lease as Lua holds it: a hold (hold.h) that gives its slot back.
 *
 * Thread: the state's. Pushing and defining may raise.
 */

#include "hold.h"
#include "limiter.h"

void du_lua_lease_define(lua_State *L);
/* Takes the lease (and nulls it) once nothing can raise any more. */
void du_lua_push_lease(lua_State *L, struct du_lease **lease, struct du_scope *scope);
/* The hold of the lease at index; NULL when it is released. Raises when it is no lease. */
struct du_hold *du_lua_check_lease(lua_State *L, int index);

#endif
