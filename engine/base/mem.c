#include "mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local int64_t successes_left = -1;
static _Thread_local int64_t asked;
static atomic_int_fast64_t live;

bool du_mem_refused(void) {
    asked++;
    if (successes_left < 0)
        return false;
    if (successes_left == 0)
        return true;
    successes_left--;
    return false;
}

static void *counted(void *block) {
    if (block != NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return block;
}

void *du_malloc(size_t size) {
    return du_mem_refused() ? NULL : counted(malloc(size > 0 ? size : 1));
}

/* glibc's calloc passes by the cache that each thread has of small blocks; malloc does not. */
static void *zeroed(size_t size) {
    void *block = malloc(size);
    return block != NULL ? memset(block, 0, size) : NULL;
}

void *du_calloc(size_t count, size_t size) {
    enum { SMALL = 1024 };
    if (du_mem_refused())
        return NULL;
    if (count == 1 && size > 0 && size <= SMALL)
        return counted(zeroed(size));
    return counted(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *du_realloc(void *old, size_t size) {
    if (old == NULL)
        return du_malloc(size);
    return du_mem_refused() ? NULL : realloc(old, size > 0 ? size : 1);
}

char *du_memdup(const void *bytes, size_t size) {
    char *copy = du_malloc(size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

char *du_strdup(const char *text) {
    return du_memdup(text, strlen(text));
}

void du_free(void *block) {
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    free(block);
}

void du_mem_fail_after(int64_t successes) {
    successes_left = successes;
    asked = 0;
}

int64_t du_mem_asked(void) {
    return asked;
}

int64_t du_mem_live(void) {
    return atomic_load_explicit(&live, memory_order_relaxed);
}
