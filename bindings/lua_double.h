#ifndef DU_LUA_DOUBLE_H
#define DU_LUA_DOUBLE_H

/* What doubles of upstreams need beyond a gateway: folders to serve from, and bodies that are held
 * back.
 *
 * Invariants
 *  1. A folder is opened while the deployment loads; what is asked of it later stays below it.
 *  2. Files are read on the loop: nothing here is for serving members.
 *
 * Thread: the state's.
 */

#include "gated_body.h"

#include <lua.h>

/* A plain file, open. */
struct du_lua_file {
    int fd; /* -1: closed */
    int64_t size, modified_ms;
};

/* Both raise when it is something else, or closed. */
const struct du_lua_file *du_lua_check_file(lua_State *L, int index);
struct du_gate *du_lua_check_gate(lua_State *L, int index);

#endif
