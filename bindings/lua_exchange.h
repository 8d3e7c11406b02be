#ifndef DU_LUA_EXCHANGE_H
#define DU_LUA_EXCHANGE_H

/* An exchange as Lua holds it; it raises once its request has ended. Thread: the state's. */

#include "request.h"

struct du_exchange_box {
    struct du_request *request; /* NULL: it has gone */
};

/* The request's one box. May raise. */
void du_lua_push_exchange(lua_State *L, struct du_request *request);
/* The exchange ends: who still waits for its body waits in vain. */
void du_lua_exchange_end(struct du_request *request);

#endif
