#ifndef DU_MEM_H
#define DU_MEM_H

/* The one door to the heap, which tests can close on demand.
 *
 * Invariants
 *  1. Every allocation of the engine comes from here and goes back here.
 *  2. NULL means out of memory; the caller fails the request it serves with DU_MEMORY.
 *  3. Failing on demand is per thread, so a test never disturbs its neighbours.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *du_malloc(size_t size) __attribute__((malloc));
void *du_calloc(size_t count, size_t size) __attribute__((malloc));
void *du_realloc(void *old, size_t size);
char *du_strdup(const char *text);
/* A NUL-terminated copy of size bytes. */
char *du_memdup(const void *bytes, size_t size);
void du_free(void *block);

/* Tests: on this thread `successes` more allocations succeed, then all fail. Negative: none fails.
 */
void du_mem_fail_after(int64_t successes);
/* Counts as an allocation, for who keeps spare blocks of his own. True: a test wants it to fail. */
bool du_mem_refused(void);
/* Allocations that this thread asked for since its last du_mem_fail_after. */
int64_t du_mem_asked(void);
/* Blocks alive in the process, for leak checks. */
int64_t du_mem_live(void);

#endif
