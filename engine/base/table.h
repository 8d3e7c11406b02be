#ifndef DU_TABLE_H
#define DU_TABLE_H

/* A hash table of elements that bring their own node: for what comes and goes all the time. (map.h
 * is for what stays: it allocates with its first element and frees with its last.)
 *
 * Invariants
 *  1. Adding cannot fail: the first buckets are in the table, and where there is no memory for more
 *     the chains get longer.
 *  2. The table gives back what it grew by: an empty table owns no memory.
 *  3. A key's bytes stay where they are while its element is in; no two elements have one key.
 *  4. Keys are hashed as map.h hashes them: strangers cannot make them collide.
 *
 * Thread: the owner's, or under its lock.
 */

#include <stddef.h>
#include <stdint.h>

enum { DU_TABLE_FIRST = 16 };

struct du_table_key {
    const void *bytes;
    size_t size;
    uint32_t hash;
};

struct du_table_node {
    struct du_table_node *next;
    struct du_table_key key;
};

struct du_table {
    struct du_table_node **buckets; /* `first`, or a block of its own */
    size_t mask, count;
    struct du_table_node *first[DU_TABLE_FIRST];
};

/* The table stays where it is. */
void du_table_init(struct du_table *table);

struct du_table_key du_table_key(const void *bytes, size_t size);
/* NULL when there is none. */
struct du_table_node *du_table_find(const struct du_table *table, const struct du_table_key *key);
void du_table_add(struct du_table *table, struct du_table_node *node, struct du_table_key key);
/* The node is in. */
void du_table_remove(struct du_table *table, struct du_table_node *node);
/* The node after that one, the first for NULL; NULL after the last. In no order. */
struct du_table_node *du_table_next(const struct du_table *table, const struct du_table_node *node);

#endif
