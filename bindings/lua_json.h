#ifndef DU_LUA_JSON_H
#define DU_LUA_JSON_H

/* JSON (RFC 8259) to Lua values and back.
 *
 * Both ways are ours. lua-cjson 2.1.0 (Debian 12's) cannot decode for us: it takes its scratch
 * space, as large as the text, by malloc behind the state's limit, and when that fails it ends the
 * process (strbuf's "Out of memory", exit 255), where a request of ours is a 503; a state that runs
 * out of memory amid decoding leaks that space; all numbers are floats, so 9007199254740993 changes
 * in silence; [] and {} come as the same table; invalid UTF-8, NaN, 0x10 and 01 pass. The scan
 * before it that would make up for all this is the parser already. The specs hold ours against it.
 *
 * Invariants
 *  1. Decoding takes at most DU_LUA_JSON_BYTES and DU_LUA_JSON_DEPTH; all text is valid UTF-8.
 *  2. Arrays come with json.array as their metatable, so that an empty one stays an array. null is
 * the light userdata NULL.
 *  3. A number without fraction and exponent is an integer; one that a double cannot hold exactly
 * is refused (other readers would change it in silence). Other numbers are floats.
 *  4. Encoding the same value gives the same text: keys are sorted by their bytes. Whole floats are
 *     written as integers; infinities and NaN are refused.
 *
 * Thread: the state's.
 */

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>

enum { DU_LUA_JSON_BYTES = 8 * 1024 * 1024, DU_LUA_JSON_DEPTH = 64 };

/* Puts json.encode, decode, null, array into `native` (on top). */
void du_lua_json_open(lua_State *L);
void du_lua_json_push_array_metatable(lua_State *L);
/* Is the table on top the array metatable? It stays. */
bool du_lua_json_is_array_metatable(lua_State *L);

/* Pushes the value, or nil and the reason. May raise (memory). Gives how many were pushed. */
int du_lua_json_decode(lua_State *L, const char *text, size_t size);
/* Pushes the text of the value at index; raises for what has none. */
void du_lua_json_encode(lua_State *L, int index);

/* Bytes of the UTF-8 character at text (RFC 3629), 0 when there is none. */
size_t du_lua_json_utf8(const unsigned char *text, size_t size);

#endif
