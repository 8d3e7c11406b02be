#ifndef DU_MEMBERS_H
#define DU_MEMBERS_H

/* The members, as one immutable table that threads share and that a change swaps whole.
 *
 * Invariants
 *  1. Nothing writes to a table or a member after it was given out; who holds one keeps it.
 *  2. A change of the ledger's members is in the journal before the new table is seen and done is
 *     called. Changes happen one after the other, in the order of the calls.
 *  3. Ids are unique, and so are e-mail addresses (ASCII letters fold).
 *  4. Static members (a deployment's file) are merged in; where id or e-mail clash the ledger's
 *     wins.
 *  5. Each swap has a generation of its own, ever higher.
 *
 * Thread: any; done is called on the journal's writer.
 */

#include "base.h"
#include "ledger.h"
#include "value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DU_MEMBERS_SCHEMA                                                                          \
    "CREATE TABLE IF NOT EXISTS members (id TEXT PRIMARY KEY, email TEXT NOT NULL,"                \
    " password_hash TEXT NOT NULL, active INTEGER NOT NULL, admin INTEGER NOT NULL,"               \
    " entitlements TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;"

enum { DU_MEMBER_ID_MOST = 128, DU_MEMBER_EMAIL_MOST = 254, DU_MEMBER_ENTITLEMENTS_MOST = 1000 };

struct du_members;

struct du_member {
    struct du_value value;
    const char *id, *email;
    const char *password_hash; /* "" for none: then no password is right */
    bool active, admin;
    bool fixed; /* from the deployment's file: not to be changed here */
    int64_t created_ms;
    size_t entitlement_count;
    const char *const *entitlements; /* application slugs, sorted */
};

struct du_member_table {
    struct du_value value;
    uint64_t generation;
    size_t count;
    struct du_member **by_id; /* sorted */
    struct du_member **by_email;
};

/* What a member is made from; all is copied. */
struct du_member_data {
    const char *id, *email, *password_hash;
    bool active, admin;
    const char *const *entitlements;
    size_t entitlement_count;
};

/* DU_OK; DU_NOT_FOUND when the ledger has no such member; DU_STORE when the journal or the data say
 * no. message is for a person and only lives until done returns. */
typedef void du_members_done(void *user, enum du_error_kind result, const char *message);

/* Loads the ledger's members. */
enum du_error_kind du_members_new(struct du_members **members, struct du_base *base,
                                  struct du_ledger *journal, struct du_error *error);
/* Waits for the changes that are under way, so the journal still stands. Tables and members that
 * are held outlive it. */
void du_members_free(struct du_members **members);

/* The table of now; a reference. */
struct du_member_table *du_members_table(struct du_members *members);
void du_member_table_unref(struct du_member_table **table);
/* Borrowed from the table, NULL when there is none. */
const struct du_member *du_member_table_find(const struct du_member_table *table, const char *id);
const struct du_member *du_member_table_find_email(const struct du_member_table *table,
                                                   const char *email);
/* The member of now, by id; a reference, or NULL. */
struct du_member *du_members_find(struct du_members *members, const char *id);
struct du_member *du_members_find_email(struct du_members *members, const char *email);
void du_member_unref(struct du_member **member);
bool du_member_entitled(const struct du_member *member, const char *application);
uint64_t du_members_generation(struct du_members *members);

/* A member of no table: one who is kept elsewhere. DU_STORE names what is not well formed. */
enum du_error_kind du_members_outside(struct du_member **member, const struct du_member_data *data,
                                      struct du_error *error);

/* Replaces the static members; data lives until it returns. A member that clashes is logged and
 * left out. Takes effect at once. DU_STORE names a member that is not well formed. */
enum du_error_kind du_members_set_static(struct du_members *members,
                                         const struct du_member_data *data, size_t count,
                                         struct du_error *error);

/* Changes. DU_OK: done will be called, once, with how it went. Otherwise it will not. */
enum du_error_kind du_members_add(struct du_members *members, const struct du_member_data *data,
                                  du_members_done *done, void *user, struct du_error *error);
enum du_error_kind du_members_set_password(struct du_members *members, const char *id,
                                           const char *password_hash, du_members_done *done,
                                           void *user, struct du_error *error);
/* The same, but only while the hash is still `old`: else DU_NOT_FOUND. done may be NULL. */
enum du_error_kind du_members_rehash(struct du_members *members, const char *id, const char *old,
                                     const char *password_hash, du_members_done *done, void *user,
                                     struct du_error *error);
enum du_error_kind du_members_set_active(struct du_members *members, const char *id, bool active,
                                         du_members_done *done, void *user, struct du_error *error);
enum du_error_kind du_members_set_entitlements(struct du_members *members, const char *id,
                                               const char *const *entitlements, size_t count,
                                               du_members_done *done, void *user,
                                               struct du_error *error);
enum du_error_kind du_members_remove(struct du_members *members, const char *id,
                                     du_members_done *done, void *user, struct du_error *error);

#endif
