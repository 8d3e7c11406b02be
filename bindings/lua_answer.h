#ifndef DU_LUA_ANSWER_H
#define DU_LUA_ANSWER_H

/* The table that a handler gives (class dunite.native.Answer), read into a reply.
 *
 * Invariants
 *  1. What is wrong with the table raises (a status, a header, a closed source): the request is
 * then answered with 500, and the log says what.
 *  2. Leases, the audit event and the source are the request's once this has returned.
 *  3. Conditions and ranges (RFC 9110 sections 13 and 14) change a 200 only.
 *
 * Thread: the worker's, in the request's task.
 */

#include "request.h"

void du_lua_answer_read(lua_State *L, int index, struct du_request *request);

#endif
