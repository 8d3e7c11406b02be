#ifndef DU_LUA_MEMBER_H
#define DU_LUA_MEMBER_H

/* Members as Lua sees them, and the waits that check, make and change them.
 *
 * Thread: the state's. Pushing may raise.
 */

#include "members.h"

#include <lua.h>

/* Pushes class dunite.native.Member. It says nothing of the password. */
void du_lua_push_member(lua_State *L, const struct du_member *member);

/* members:verify(name, password, address, outside), members:slowed(name, address),
 * members:save(member), members:remove(id), members:import(csv, options) */
int du_lua_member_slowed(lua_State *L);
int du_lua_member_import(lua_State *L);
int du_lua_member_verify(lua_State *L);
int du_lua_member_save(lua_State *L);
int du_lua_member_remove(lua_State *L);

#endif
