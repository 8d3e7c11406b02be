#ifndef DU_MODULE_H
#define DU_MODULE_H

/* The modules of "dunite.native": each fills the table on top of the stack with its functions and
 * makes its types known. One file each; module.def lists them.
 *
 * Thread: the state's. All may raise (memory).
 */

#include "context.h"

#include <lauxlib.h>
#include <lua.h>

#define DU_MODULE(name) void du_lua_##name##_open(lua_State *L);
#include "module.def"
#undef DU_MODULE

/* The engine behind the state; raises while the deployment is only checked. */
struct du_shared *du_module_shared(lua_State *L);

#endif
