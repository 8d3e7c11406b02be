#ifndef DU_RECORDS_H
#define DU_RECORDS_H

/* A durable map in memory: buckets of keys with bytes for values (which repository holds a blob,
 * what a tag points at, a release's metadata, the cache's mark). Loaded at start, written behind.
 *
 * Invariants
 *  1. A record is immutable: a change puts another in its place, and who holds the old one keeps
 *     it.
 *  2. Memory rules: a change is seen by the next get, on any thread; the journal gets changes in
 *     the same order. A lost tail is a change that was never made.
 *  3. done, where given, is called once when DU_OK was returned: when the change is in the journal,
 *     or with DU_STORE when it is not (it then lasts until the next start). On the journal's
 *     writer.
 *
 * Thread: any.
 */

#include "base.h"
#include "ledger.h"
#include "value.h"

#include <stddef.h>

#define DU_RECORDS_SCHEMA                                                                          \
    "CREATE TABLE IF NOT EXISTS records (bucket TEXT NOT NULL, key TEXT NOT NULL,"                 \
    " value BLOB NOT NULL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;"

enum { DU_RECORDS_BUCKET_MOST = 64, DU_RECORDS_KEY_MOST = 1024, DU_RECORDS_VALUE_MOST = 1 << 20 };

struct du_records;

struct du_record {
    struct du_value value;
    const char *bucket, *key;
    size_t size;
    const char *data; /* a NUL follows it */
};

typedef void du_records_done(void *user, enum du_error_kind result);

/* journal may be NULL: memory only, and done is called at once. */
enum du_error_kind du_records_new(struct du_records **records, struct du_base *base,
                                  struct du_ledger *journal, struct du_error *error);
/* Records that are held outlive it. */
void du_records_free(struct du_records **records);

/* A reference, or NULL: no such key. */
struct du_record *du_records_get(struct du_records *records, const char *bucket, const char *key);
void du_record_unref(struct du_record **record);

/* DU_STORE: an empty or over-long bucket or key, an over-long value. done may be NULL. */
enum du_error_kind du_records_put(struct du_records *records, const char *bucket, const char *key,
                                  const void *data, size_t size, du_records_done *done, void *user,
                                  struct du_error *error);
/* Deleting what is not there is no error. */
enum du_error_kind du_records_delete(struct du_records *records, const char *bucket,
                                     const char *key, du_records_done *done, void *user,
                                     struct du_error *error);

/* Calls each with every record of the bucket whose key begins with prefix, in the order of the
 * keys' bytes, until it says false. It walks a snapshot: each may change the map. */
enum du_error_kind du_records_each(struct du_records *records, const char *bucket,
                                   const char *prefix,
                                   bool (*each)(void *user, const struct du_record *record),
                                   void *user);
size_t du_records_count(struct du_records *records);

#endif
