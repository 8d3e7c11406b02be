#include "lua_memory.h"

#include "mem.h"

#include <stdbool.h>
#include <string.h>

/* A stray is a large block that had to become a small one where it stood. Its place in the list of
 * strays is behind what a small block can use, so large blocks are made longer by that much. */
enum {
    SMALL = DU_LUA_MEMORY_STEP * DU_LUA_MEMORY_SIZES,
    LONGER = DU_LUA_MEMORY_STEP,
    CHUNK = 16 * 1024
};

struct du_lua_spare {
    struct du_lua_spare *next;
};

_Static_assert(sizeof(struct du_lua_spare) <= DU_LUA_MEMORY_STEP, "a spare block holds its link");

void du_lua_memory_init(struct du_lua_memory *memory, size_t limit) {
    memset(memory, 0, sizeof *memory);
    memory->limit = limit;
    atomic_init(&memory->used, 0);
    atomic_init(&memory->peak, 0);
}

static void push(struct du_lua_spare **list, void *block) {
    struct du_lua_spare *spare = block;
    spare->next = *list;
    *list = spare;
}

static void *pop(struct du_lua_spare **list) {
    struct du_lua_spare *spare = *list;
    if (spare != NULL)
        *list = spare->next;
    return spare;
}

static bool is_small(size_t size) {
    return size <= SMALL;
}

static size_t list_of(size_t size) {
    return (size - 1) / DU_LUA_MEMORY_STEP;
}

/* Cuts a new chunk into spare blocks of the list's size. */
static void cut_chunk(struct du_lua_memory *memory, size_t list) {
    size_t size = (list + 1) * DU_LUA_MEMORY_STEP;
    char *chunk = du_malloc(CHUNK);
    if (chunk == NULL)
        return;
    push(&memory->chunks, chunk);
    for (size_t at = DU_LUA_MEMORY_STEP; at + size <= CHUNK; at += size)
        push(&memory->spare[list], chunk + at);
}

static void *take(struct du_lua_memory *memory, size_t size) {
    if (!is_small(size))
        return du_malloc(size + LONGER);
    size_t list = list_of(size);
    if (memory->spare[list] == NULL)
        cut_chunk(memory, list);
    return pop(&memory->spare[list]);
}

static void give(struct du_lua_memory *memory, void *block, size_t size) {
    if (is_small(size))
        push(&memory->spare[list_of(size)], block);
    else
        du_free(block);
}

static void give_chunks(struct du_lua_memory *memory) {
    char *block;
    while ((block = pop(&memory->chunks)) != NULL)
        du_free(block);
    while ((block = pop(&memory->strays)) != NULL)
        du_free(block - SMALL);
    memset(memory->spare, 0, sizeof memory->spare);
}

/* NULL: there is no memory; never when it shrinks. */
static void *resize(struct du_lua_memory *memory, void *block, size_t old_size, size_t new_size) {
    bool was_small = is_small(old_size), shrinks = new_size <= old_size;
    if (was_small && is_small(new_size) && list_of(old_size) == list_of(new_size))
        return block;
    if (!was_small && !is_small(new_size)) {
        void *moved = du_realloc(block, new_size + LONGER);
        return moved == NULL && shrinks ? block : moved;
    }
    void *moved = take(memory, new_size);
    if (moved != NULL) {
        memcpy(moved, block, shrinks ? new_size : old_size);
        give(memory, block, old_size);
    } else if (shrinks) {
        if (!was_small)
            push(&memory->strays, (char *)block + SMALL);
        return block;
    }
    return moved;
}

static void count(struct du_lua_memory *memory, size_t used) {
    atomic_store_explicit(&memory->used, used, memory_order_relaxed);
    if (used > atomic_load_explicit(&memory->peak, memory_order_relaxed))
        atomic_store_explicit(&memory->peak, used, memory_order_relaxed);
}

static void note_refusal(struct du_lua_memory *memory) {
    memory->exhausted = memory->exhausted || memory->last_refused;
    memory->last_refused = true;
    memory->refused++;
}

void *du_lua_memory_allocate(void *user, void *block, size_t old_size, size_t new_size) {
    struct du_lua_memory *memory = user;
    size_t held = block != NULL ? old_size : 0; /* without a block, old_size tells what it is for */
    size_t used = atomic_load_explicit(&memory->used, memory_order_relaxed) - held + new_size;
    if (new_size == 0) {
        if (block != NULL)
            give(memory, block, held);
        count(memory, used);
        if (used == 0)
            give_chunks(memory);
        return NULL;
    }
    bool too_much = memory->limit > 0 && used > memory->limit;
    if (new_size > held) {
        if (too_much)
            note_refusal(memory);
        if (too_much || du_mem_refused())
            return NULL;
        memory->last_refused = false;
    }
    void *got = block != NULL ? resize(memory, block, held, new_size) : take(memory, new_size);
    if (got != NULL)
        count(memory, used);
    return got;
}
