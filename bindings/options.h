#ifndef DU_OPTIONS_H
#define DU_OPTIONS_H

/* Tables of options that Lua hands to a binding. What is wrong with them raises, naming the key.
 *
 * Thread: the state's.
 */

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

/* Raises for a key of the table that is none of `keys` (NULL-terminated), naming those. An absent
 * table (none or nil) is nil then, and has no keys. It is the last of the stack. */
void du_options_check(lua_State *L, int index, const char *const *keys);

/* Each gives `absent` when the key is not there. */
lua_Integer du_options_integer(lua_State *L, int index, const char *key, lua_Integer absent);
bool du_options_flag(lua_State *L, int index, const char *key, bool absent);
/* The table keeps the text alive. size may be NULL. */
const char *du_options_text(lua_State *L, int index, const char *key, const char *absent,
                            size_t *size);
/* The same, raising when it is not there. */
const char *du_options_need(lua_State *L, int index, const char *key);
/* Which of `names` (NULL-terminated) the text is. */
int du_options_choice(lua_State *L, int index, const char *key, const char *const *names,
                      int absent);

/* Pushes a block that holds the table under the key (name -> text or list of texts) as "Name:
 * value" lines, NULL-terminated, or nil when it is not there. Good while the pushed block is. */
const char *const *du_options_headers(lua_State *L, int index, const char *key);

/* A copy of the text, for a wait that outlives the call. NULL stays NULL; raises nothing: *failed.
 */
char *du_options_copy(const char *text, bool *failed);

#endif
