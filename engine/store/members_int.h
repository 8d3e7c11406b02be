#ifndef DU_MEMBERS_INT_H
#define DU_MEMBERS_INT_H

/* What member.c (one), member_table.c (many), members.c (all of now), members_change.c and
 * member_import.c share. */

#include "list.h"
#include "members.h"

#include <pthread.h>

/* What a member is made from, entitlements parted by spaces as the journal keeps them. */
struct du_member_source {
    const char *id, *email, *password_hash, *entitlements;
    bool active, admin, fixed;
    int64_t created_ms;
};

/* DU_STORE names what is not well formed. */
enum du_error_kind du_member_new(struct du_member **member, const struct du_member_source *source,
                                 struct du_error *error);
/* Entitlements as a source wants them; freed with du_free. NULL: out of memory. */
char *du_member_join(const char *const *entitlements, size_t count);

/* References the members; fixed ones that clash with own ones are left out. NULL: out of memory. */
struct du_member_table *du_member_table_new(struct du_member *const *own, size_t own_count,
                                            struct du_member *const *fixed, size_t fixed_count,
                                            uint64_t generation);

/* A list of references. */
struct du_member_list {
    struct du_member **members;
    size_t count;
};

void du_member_list_clear(struct du_member_list *list);
/* Takes over the reference. These two: false when out of memory. */
bool du_member_list_grow(struct du_member_list *list, struct du_member *member);
/* from without before (if any) and with after (if any). */
bool du_member_list_copy(const struct du_member_list *from, const struct du_member *before,
                         struct du_member *after, struct du_member_list *to);

struct du_members {
    struct du_base *base;
    struct du_ledger *journal;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* no change is under way */
    struct du_member_table *table;
    struct du_member_list own, fixed;
    bool busy; /* one change is on its way to the journal */
    struct du_list waiting;
};

/* E-mail addresses, ASCII letters folded. */
int du_member_compare_email(const char *a, const char *b);
/* Within a transaction of the journal: an SQLite code. */
int du_member_write(const struct du_member *member, sqlite3 *database);

struct du_import;
/* With the lock held: to becomes all of the ledger's members as they will be; findings and figures
 * are then complete, and applied says whether they are to be. */
enum du_error_kind du_import_merge(struct du_import *import, const struct du_members *members,
                                   struct du_member_list *to, struct du_error *error);
int du_import_write(const struct du_import *import, sqlite3 *database);

#endif
