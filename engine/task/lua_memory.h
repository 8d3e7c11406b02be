#ifndef DU_LUA_MEMORY_H
#define DU_LUA_MEMORY_H

/* The memory of one Lua state: counted, and refused beyond a limit.
 *
 * Invariants
 *  1. used is what the state holds, in the bytes it asked for; it never grows over limit.
 *  2. Shrinking and freeing never fail. After a refusal Lua collects its garbage and asks once
 * more; a second refusal raises, and ends the task with DU_MEMORY.
 *  3. Small blocks come from lists of spare ones, by size, which nobody else shares: a request
 * takes and drops dozens of them. What the lists hold goes back when used is 0 again, so when the
 * state has been closed.
 *
 * Thread: the state's; used and peak may be read from any (they are only figures there).
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { DU_LUA_MEMORY_STEP = 16, DU_LUA_MEMORY_SIZES = 15 }; /* small: up to 240 bytes */

struct du_lua_spare;

struct du_lua_memory {
    size_t limit; /* bytes; 0: no bound. May be changed at any time */
    atomic_size_t used, peak;
    size_t refused; /* how often the limit refused; the state's thread */
    bool exhausted; /* it did twice in a row: a collection had not helped */
    struct du_lua_spare *spare[DU_LUA_MEMORY_SIZES]; /* private, as is the next */
    struct du_lua_spare *chunks, *strays;
    bool last_refused;
};

void du_lua_memory_init(struct du_lua_memory *memory, size_t limit);

/* A lua_Alloc, whose user data is a struct du_lua_memory that outlives the state. */
void *du_lua_memory_allocate(void *memory, void *block, size_t old_size, size_t new_size);

#endif
