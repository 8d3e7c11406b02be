#include "lua_memory.h"

#include "mem.h"

void du_lua_memory_init(struct du_lua_memory *memory, size_t limit) {
    memory->limit = limit;
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
}

static void count(struct du_lua_memory *memory, size_t used) {
    atomic_store_explicit(&memory->used, used, memory_order_relaxed);
    if (used > atomic_load_explicit(&memory->peak, memory_order_relaxed))
        atomic_store_explicit(&memory->peak, used, memory_order_relaxed);
}

void *du_lua_memory_allocate(void *user, void *block, size_t old_size, size_t new_size) {
    struct du_lua_memory *memory = user;
    size_t held = block != NULL ? old_size : 0; /* without a block, old_size tells what it is for */
    size_t used = atomic_load_explicit(&memory->used, memory_order_relaxed) - held + new_size;
    if (new_size == 0) {
        du_free(block);
        count(memory, used);
        return NULL;
    }
    if (new_size > held && memory->limit > 0 && used > memory->limit)
        return NULL;
    void *grown = du_realloc(block, new_size);
    if (grown == NULL && new_size > held)
        return NULL;
    count(memory, used);
    return grown != NULL ? grown : block;
}
