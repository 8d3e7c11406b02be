#ifndef DU_MAP_H
#define DU_MAP_H

/* uthash with our allocator and our hash function; include this, never <uthash.h>.
 *
 * Invariants
 *  1. Out of memory is an outcome: after HASH_ADD* look at du_map_failed(element).
 *  2. Keys that strangers choose cannot be made to collide: the hash is SipHash-1-3 with a key that
 *     each process draws at random (Aumasson and Bernstein, 2012).
 */

#include "mem.h"

#include <stddef.h>
#include <stdint.h>

uint32_t du_map_hash(const void *key, size_t length);

#define uthash_malloc(size)               du_malloc(size)
#define uthash_free(block, size)          du_free(block)
#define HASH_NONFATAL_OOM                 1
#define HASH_FUNCTION(key, length, value) ((value) = du_map_hash((key), (length)))
#include <uthash.h>

/* True when the HASH_ADD just done could not allocate: the element (its `hh` member) is not in. */
#define du_map_failed(element) ((element)->hh.tbl == NULL)

#endif
