#ifndef DU_LIST_H
#define DU_LIST_H

/* An intrusive doubly linked list: a circle through its head.
 *
 * Invariants
 *  1. A node that is in no list points at itself, so du_list_remove may be called twice.
 *  2. A list whose members are about to be called is first moved to a list of the caller's own
 *     (du_list_move), so members may come and go meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>

struct du_list {
    struct du_list *next, *prev;
};

#define du_container_of(pointer, type, member)                                                     \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void du_list_init(struct du_list *node) {
    node->next = node->prev = node;
}

static inline bool du_list_empty(const struct du_list *head) {
    return head->next == head;
}

static inline void du_list_append(struct du_list *head, struct du_list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void du_list_remove(struct du_list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    du_list_init(node);
}

/* The first node, taken out; NULL when the list is empty. */
static inline struct du_list *du_list_take(struct du_list *head) {
    if (du_list_empty(head))
        return NULL;
    struct du_list *node = head->next;
    du_list_remove(node);
    return node;
}

/* All nodes of from to the end of to. */
static inline void du_list_move(struct du_list *to, struct du_list *from) {
    if (du_list_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    du_list_init(from);
}

#define du_list_each(node, head)                                                                   \
    for (struct du_list *node = (head)->next, *node##_next = node->next; node != (head);           \
         node = node##_next, node##_next = node->next)

#endif
