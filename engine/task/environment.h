#ifndef DU_ENVIRONMENT_H
#define DU_ENVIRONMENT_H

/* What policy scripts find: an allow-list of Lua's own libraries, opened fresh, with nothing that
 * reaches the system, loads bytecode, or lasts longer than a budget should.
 *
 * Invariants
 *  1. What is not on the list in environment.c is not there: no io, package, dofile, loadfile,
 * os.execute …, string.dump, no debug but traceback; load takes text only; collectgarbage only
 * counts.
 *  2. Globals are strict: reading one that is not there, or making a new one, raises with its name.
 * (The engine makes its own by lua_rawset.)
 *  3. os reads the system's clock; the bindings put the engine's in its place.
 *
 * Thread: the worker's.
 */

#include <lua.h>
#include <stddef.h>

/* The longest text string.rep makes, in bytes. */
enum { DU_ENVIRONMENT_REP_MOST = 16 << 20 };

struct du_environment {
    /* What a script prints, one call a line, without the newline. NULL: nowhere. May raise. */
    void (*print)(void *user, lua_State *L, const char *line, size_t size);
    void *user;
};

/* Fills the globals of a new state. Raises when memory is short: call it protected. The environment
 * outlives the state. */
void du_environment_open(lua_State *L, const struct du_environment *environment);

#endif
