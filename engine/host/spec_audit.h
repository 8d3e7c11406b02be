#ifndef DU_SPEC_AUDIT_H
#define DU_SPEC_AUDIT_H

/* The audit of an engine under test. Thread: the state's; it blocks. */

#include "audit.h"

#include <lua.h>

/* Pushes a list of all rows so far, oldest first: tables of what `dunite audit --json` prints.
 * digest: as struct du_audit_filter has it; NULL: all. Raises when they cannot be read. */
void du_spec_audit_push(lua_State *L, struct du_audit *audit, const char *digest);

#endif
