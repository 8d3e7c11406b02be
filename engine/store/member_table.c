#include "mem.h"
#include "members_int.h"

#include <stdlib.h>
#include <string.h>

static char fold(char letter) {
    return letter >= 'A' && letter <= 'Z' ? (char)(letter | 32) : letter;
}

int du_member_compare_email(const char *a, const char *b) {
    while (*a != '\0' && fold(*a) == fold(*b))
        a++, b++;
    return (unsigned char)fold(*a) - (unsigned char)fold(*b);
}

static int by_id(const void *a, const void *b) {
    return strcmp((*(struct du_member *const *)a)->id, (*(struct du_member *const *)b)->id);
}

static int by_email(const void *a, const void *b) {
    return du_member_compare_email((*(struct du_member *const *)a)->email,
                                   (*(struct du_member *const *)b)->email);
}

static void table_free(struct du_value *value) {
    struct du_member_table *table = (struct du_member_table *)value;
    for (size_t i = 0; i < table->count; i++)
        du_member_unref(&table->by_id[i]);
    du_free(table);
}

static void sort(struct du_member_table *table) {
    memcpy(table->by_email, table->by_id, table->count * sizeof(struct du_member *));
    qsort(table->by_id, table->count, sizeof(struct du_member *), by_id);
    qsort(table->by_email, table->count, sizeof(struct du_member *), by_email);
}

struct du_member_table *du_member_table_new(struct du_member *const *own, size_t own_count,
                                            struct du_member *const *fixed, size_t fixed_count,
                                            uint64_t generation) {
    static const struct du_value_type type = {"members", table_free};
    size_t most = own_count + fixed_count;
    struct du_member_table *table =
        du_malloc(sizeof *table + 2 * most * sizeof(struct du_member *));
    if (table == NULL)
        return NULL;
    du_value_init(&table->value, &type);
    table->generation = generation;
    table->by_id = (struct du_member **)(table + 1);
    table->by_email = table->by_id + most;
    if (own_count > 0)
        memcpy(table->by_id, own, own_count * sizeof *own);
    table->count = own_count;
    sort(table);
    /* Searched among the own ones only: they end where count stands. */
    size_t count = own_count;
    for (size_t i = 0; i < fixed_count; i++)
        if (du_member_table_find(table, fixed[i]->id) == NULL &&
            du_member_table_find_email(table, fixed[i]->email) == NULL)
            table->by_id[count++] = fixed[i];
    table->count = count;
    sort(table);
    for (size_t i = 0; i < count; i++)
        du_value_ref(&table->by_id[i]->value);
    return table;
}

void du_member_table_unref(struct du_member_table **table) {
    struct du_value *value = *table != NULL ? &(*table)->value : NULL;
    *table = NULL;
    du_value_unref(&value);
}

static const struct du_member *search(const struct du_member_table *table,
                                      struct du_member *const *members, const char *id,
                                      const char *email,
                                      int (*compare)(const void *, const void *)) {
    const struct du_member wanted = {.id = id, .email = email}, *key = &wanted;
    if (table->count == 0)
        return NULL;
    struct du_member *const *found = bsearch(&key, members, table->count, sizeof *members, compare);
    return found != NULL ? *found : NULL;
}

const struct du_member *du_member_table_find(const struct du_member_table *table, const char *id) {
    return search(table, table->by_id, id, NULL, by_id);
}

const struct du_member *du_member_table_find_email(const struct du_member_table *table,
                                                   const char *email) {
    return search(table, table->by_email, NULL, email, by_email);
}

/* Lists ------------------------------------------------------------------------------------- */

void du_member_list_clear(struct du_member_list *list) {
    for (size_t i = 0; i < list->count; i++)
        du_member_unref(&list->members[i]);
    du_free(list->members);
    *list = (struct du_member_list){NULL, 0};
}

bool du_member_list_grow(struct du_member_list *list, struct du_member *member) {
    struct du_member **grown =
        du_realloc(list->members, (list->count + 1) * sizeof(struct du_member *));
    if (grown == NULL)
        return false;
    list->members = grown;
    list->members[list->count++] = member;
    return true;
}

bool du_member_list_copy(const struct du_member_list *from, const struct du_member *before,
                         struct du_member *after, struct du_member_list *to) {
    to->count = 0;
    to->members = du_malloc((from->count + 1) * sizeof(struct du_member *));
    if (to->members == NULL)
        return false;
    for (size_t i = 0; i < from->count; i++)
        if (from->members[i] != before)
            to->members[to->count++] = from->members[i];
    if (after != NULL)
        to->members[to->count++] = after;
    for (size_t i = 0; i < to->count; i++)
        du_value_ref(&to->members[i]->value);
    return true;
}
