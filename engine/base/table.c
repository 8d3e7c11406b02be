#include "table.h"

#include "map.h"
#include "mem.h"

#include <string.h>

void du_table_init(struct du_table *table) {
    memset(table, 0, sizeof *table);
    table->buckets = table->first;
    table->mask = DU_TABLE_FIRST - 1;
}

struct du_table_key du_table_key(const void *bytes, size_t size) {
    return (struct du_table_key){bytes, size, du_map_hash(bytes, size)};
}

static struct du_table_node **bucket_of(const struct du_table *table, uint32_t hash) {
    return &table->buckets[hash & table->mask];
}

struct du_table_node *du_table_find(const struct du_table *table, const struct du_table_key *key) {
    struct du_table_node *node = *bucket_of(table, key->hash);
    while (node != NULL && (node->key.hash != key->hash || node->key.size != key->size ||
                            memcmp(node->key.bytes, key->bytes, key->size) != 0))
        node = node->next;
    return node;
}

static void chain(struct du_table *table, struct du_table_node *node) {
    struct du_table_node **bucket = bucket_of(table, node->key.hash);
    node->next = *bucket;
    *bucket = node;
}

/* Without the memory it stays as it is. */
static void resize(struct du_table *table, size_t size) {
    struct du_table_node **old = table->buckets;
    size_t old_size = table->mask + 1;
    struct du_table_node **buckets =
        size > DU_TABLE_FIRST ? du_calloc(size, sizeof(struct du_table_node *)) : table->first;
    if (buckets == NULL)
        return;
    if (buckets == table->first)
        memset(table->first, 0, sizeof table->first);
    table->buckets = buckets;
    table->mask = size - 1;
    for (size_t i = 0; i < old_size; i++) {
        for (struct du_table_node *node = old[i], *next; node != NULL; node = next) {
            next = node->next;
            chain(table, node);
        }
    }
    if (old != table->first)
        du_free(old);
}

void du_table_add(struct du_table *table, struct du_table_node *node, struct du_table_key key) {
    node->key = key;
    chain(table, node);
    if (++table->count > table->mask + 1)
        resize(table, 2 * (table->mask + 1));
}

/* It shrinks only once it is nearly empty, so that coming and going at one size resizes nothing. */
static void shrink(struct du_table *table) {
    size_t size = table->mask + 1;
    if (table->count == 0)
        resize(table, DU_TABLE_FIRST);
    else if (table->count < size / 8)
        resize(table, size / 2);
}

void du_table_remove(struct du_table *table, struct du_table_node *node) {
    struct du_table_node **at = bucket_of(table, node->key.hash);
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->next = NULL;
    table->count--;
    if (table->buckets != table->first)
        shrink(table);
}

struct du_table_node *du_table_next(const struct du_table *table,
                                    const struct du_table_node *node) {
    if (node != NULL && node->next != NULL)
        return node->next;
    for (size_t i = node != NULL ? (node->key.hash & table->mask) + 1 : 0; i <= table->mask; i++) {
        if (table->buckets[i] != NULL)
            return table->buckets[i];
    }
    return NULL;
}
