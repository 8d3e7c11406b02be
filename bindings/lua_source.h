#ifndef DU_LUA_SOURCE_H
#define DU_LUA_SOURCE_H

/* A source: a blob, or a fill on its way, that Lua holds until it reads it, closes it, or gives it
 * to an answer.
 *
 * Thread: the state's.
 */

#include "cache.h"
#include "digest.h"

#include <lua.h>
#include <stdbool.h>

/* Takes open's blob, or its fill and hold, once nothing can raise any more. digest: what was asked
 * for, NULL when it was a name. */
void du_lua_push_source(lua_State *L, struct du_cache_open *open, const struct du_digest *digest);
/* What the source at index holds, for du_reader_new to take. Raises when it is closed or no source.
 */
struct du_cache_open *du_lua_check_source(lua_State *L, int index);
/* The digest of what it holds, or of what was asked for; false, and "": not known (yet). */
bool du_lua_source_digest(lua_State *L, int index, char text[DU_DIGEST_TEXT]);
/* "hit", "miss", "coalesced", "bypass". */
const char *du_lua_source_status(enum du_cache_status status);
int64_t du_lua_source_size(const struct du_cache_open *open); /* -1: unknown */

#endif
