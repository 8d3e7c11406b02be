#ifndef DU_BOX_H
#define DU_BOX_H

/* Boxes: the full userdata through which Lua holds something of the engine's.
 *
 * Invariants
 *  1. A box is made closed (all bytes zero) before what goes into it is acquired, so that nothing
 * is lost when making it raises.
 *  2. One function closes it, for __gc and __close alike; both may run, in any order, twice.
 *  3. A type's name is its class in scripts/dunite/meta/native.lua.
 *  4. Scripts see neither the metatable nor its functions.
 *
 * Thread: the state's.
 */

#include <lauxlib.h>
#include <lua.h>

struct du_box_type {
    const char *name;        /* "dunite.native.Lease" */
    const luaL_Reg *methods; /* ends with { NULL, NULL } */
    lua_CFunction close;     /* NULL: nothing to close */
};

/* Makes the type known to the state; once, while it is opened. May raise. */
void du_box_define(lua_State *L, const struct du_box_type *type);
/* Pushes a closed box. May raise. */
void *du_box_new(lua_State *L, const struct du_box_type *type, size_t size);
/* The box at that argument; raises when it is something else. */
void *du_box_check(lua_State *L, int index, const struct du_box_type *type);
/* The same, NULL instead of raising. */
void *du_box_test(lua_State *L, int index, const struct du_box_type *type);

/* Pushes an empty growing buffer that the collector frees; close it sooner with du_box_bytes_close.
 * May raise. */
struct du_bytes *du_box_bytes(lua_State *L);
/* Pushes the buffer's text and frees the buffer; raises Memory when an addition had failed. */
void du_box_bytes_push(lua_State *L, struct du_bytes *bytes);

/* Pushes a place for a reference to a shared value that the collector gives back. May raise. */
struct du_value **du_box_value(lua_State *L);
/* The place that was pushed; NULL: there is none at that index. */
struct du_value **du_box_value_at(lua_State *L, int index);
/* Makes these two known to the state. */
void du_box_define_own(lua_State *L);

#endif
