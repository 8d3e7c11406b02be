#ifndef DU_CLONE_H
#define DU_CLONE_H

/* Structured clones: what crosses from one Lua state to another. A clone is the bytes that describe
 * some values; it refers to no state, so any thread may hold it.
 *
 * Invariants
 *  1. Only nil, booleans, numbers, strings, json.null and tables of those cross. Anything else is
 * an error that says where it is ("at .items[3].open").
 *  2. A table crosses with its raw content. Its metatable crosses by name: json.array's, and those
 * of enums (du_lua_enum_name); any other is an error.
 *  3. Depth is bounded by DU_CLONE_DEPTH, the whole by DU_CLONE_BYTES; a table inside itself is an
 * error.
 *  4. Integers stay integers, floats floats. A table that is referred to twice becomes two.
 *
 * Thread: a clone any; making and pushing one its state's.
 */

#include "value.h"

#include <lua.h>

enum { DU_CLONE_DEPTH = 100, DU_CLONE_BYTES = 16 * 1024 * 1024 };

/* A reference to a clone of the top `count` values (which stay). Raises what is wrong with them. */
struct du_value *du_clone_new(lua_State *L, int count);
/* Pushes the values again; gives how many. May raise (memory), and then pushes nothing. */
int du_clone_push(lua_State *L, const struct du_value *value);

#endif
