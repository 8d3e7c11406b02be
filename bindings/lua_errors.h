#ifndef DU_LUA_ERRORS_H
#define DU_LUA_ERRORS_H

/* Problems as Lua sees them: tables { variant = "Transport", message = …, … } with the metatable
 * that dunite.enum defined for their enum.
 *
 * Invariants
 *  1. An error that C made, pushed and read again, is the same: kind, status, retry_after,
 * expected, actual, message.
 *  2. Any other value that was raised reads as Script, with its text.
 *
 * Thread: the state's. All of these may raise (memory).
 */

#include "error.h"
#include "limiter.h"

#include <lua.h>
#include <stdbool.h>

/* Fills `native` (on top) with rows and define. */
void du_lua_errors_open(lua_State *L);

/* Pushes one value. */
void du_lua_push_error(lua_State *L, const struct du_error *error);
void du_lua_push_denial(lua_State *L, const struct du_denial *denial);
/* True when the value is an ErrorKind; then *error (may be NULL) is filled. Runs no metamethod. */
bool du_lua_read_error(lua_State *L, int index, struct du_error *error);
/* Always fills *error: an ErrorKind as it is, all else as Script with its text. */
void du_lua_read_raised(lua_State *L, int index, struct du_error *error);

/* Pushes nil and the error: `return du_lua_fail(L, &error)`. */
int du_lua_fail(lua_State *L, const struct du_error *error);
/* Raises the error as a value, so that it keeps its kind. */
int du_lua_raise(lua_State *L, struct du_error error) __attribute__((noreturn));

/* Enums by name, for what crosses between states. Pushes the metatable defined for the enum, or
 * nil. */
void du_lua_push_enum(lua_State *L, const char *name);
/* The name the metatable on top was defined under (it stays on top), NULL for any other table.
 * Lives as long as the state. */
const char *du_lua_enum_name(lua_State *L);

#endif
