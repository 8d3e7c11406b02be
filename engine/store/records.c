#include "records.h"

#include "list.h"
#include "map.h"
#include "mem.h"
#include "sql.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct row {
    UT_hash_handle hh; /* by text */
    struct du_record *record;
    char text[]; /* bucket, NUL, key, NUL */
};

struct du_records {
    struct du_base *base;
    struct du_ledger *journal;
    pthread_mutex_t lock; /* rows, and the order of posts */
    struct row *rows;
};

struct change {
    struct du_entry entry;
    struct du_record *record; /* to put, or whose key to delete */
    struct du_base *base;
    du_records_done *done;
    void *user;
};

/* Records ----------------------------------------------------------------------------------- */

static void record_free(struct du_value *value) {
    du_free(value);
}

static const struct du_value_type record_type = {"record", record_free};

static struct du_record *record_new(const char *bucket, const char *key, const void *data,
                                    size_t size) {
    size_t bucket_size = strlen(bucket) + 1, key_size = strlen(key) + 1;
    struct du_record *record = du_malloc(sizeof *record + bucket_size + key_size + size + 1);
    if (record == NULL)
        return NULL;
    char *at = (char *)(record + 1);
    du_value_init(&record->value, &record_type);
    record->bucket = memcpy(at, bucket, bucket_size);
    record->key = memcpy(at + bucket_size, key, key_size);
    at += bucket_size + key_size;
    if (size > 0)
        memcpy(at, data, size);
    at[size] = '\0';
    record->data = at;
    record->size = size;
    return record;
}

static struct du_record *record_ref(struct du_record *record) {
    du_value_ref(&record->value);
    return record;
}

void du_record_unref(struct du_record **record) {
    struct du_value *value = *record != NULL ? &(*record)->value : NULL;
    *record = NULL;
    du_value_unref(&value);
}

/* Rows -------------------------------------------------------------------------------------- */

enum { TEXT_MOST = DU_RECORDS_BUCKET_MOST + DU_RECORDS_KEY_MOST + 2 };

/* bucket and key as a row's text; 0 when one is empty or too long. */
static size_t text_of(const char *bucket, const char *key, char text[TEXT_MOST]) {
    size_t bucket_size = strlen(bucket), key_size = strlen(key);
    if (bucket_size == 0 || bucket_size > DU_RECORDS_BUCKET_MOST || key_size == 0 ||
        key_size > DU_RECORDS_KEY_MOST)
        return 0;
    memcpy(text, bucket, bucket_size + 1);
    memcpy(text + bucket_size + 1, key, key_size + 1);
    return bucket_size + key_size + 2;
}

static struct row *find(struct du_records *records, const char *text, size_t size) {
    struct row *row;
    HASH_FIND(hh, records->rows, text, size, row);
    return row;
}

static struct row *row_new(struct du_records *records, const char *text, size_t size) {
    struct row *row = du_calloc(1, sizeof *row + size);
    if (row == NULL)
        return NULL;
    memcpy(row->text, text, size);
    HASH_ADD(hh, records->rows, text, size, row);
    if (!du_map_failed(row))
        return row;
    du_free(row);
    return NULL;
}

static void row_free(struct du_records *records, struct row *row) {
    HASH_DEL(records->rows, row);
    du_record_unref(&row->record);
    du_free(row);
}

/* Takes over the reference. */
static bool set(struct du_records *records, struct du_record *record) {
    char text[TEXT_MOST];
    size_t size = text_of(record->bucket, record->key, text);
    struct row *row = find(records, text, size);
    if (row == NULL)
        row = row_new(records, text, size);
    if (row == NULL)
        return false;
    du_record_unref(&row->record);
    row->record = record;
    return true;
}

/* The journal ------------------------------------------------------------------------------- */

static int apply_put(struct du_entry *entry, sqlite3 *database) {
    struct du_record *record = ((struct change *)entry)->record;
    return DU_SQL(database, "INSERT OR REPLACE INTO records (bucket, key, value) VALUES (?,?,?)",
                  du_sql_text(record->bucket), du_sql_text(record->key),
                  du_sql_blob(record->data, record->size));
}

static int apply_delete(struct du_entry *entry, sqlite3 *database) {
    struct du_record *record = ((struct change *)entry)->record;
    return DU_SQL(database, "DELETE FROM records WHERE bucket = ? AND key = ?",
                  du_sql_text(record->bucket), du_sql_text(record->key));
}

static void change_done(struct du_entry *entry, enum du_error_kind result, const char *message) {
    struct change *change = (struct change *)entry;
    if (result != DU_OK)
        du_log_format(change->base->log, DU_LOG_WARN, "record %s %s is not kept: %s",
                      change->record->bucket, change->record->key, message);
    if (change->done != NULL)
        change->done(change->user, result);
    du_record_unref(&change->record);
    du_free(change);
}

/* A change with the record made for it, and its place in the table (unless it is a deletion). */
static struct change *change_new(struct du_records *records, struct du_record *record,
                                 du_records_done *done, void *user) {
    struct change *change = record != NULL ? du_malloc(sizeof *change) : NULL;
    if (change == NULL)
        return NULL;
    *change = (struct change){.entry = {.done = change_done},
                              .record = record,
                              .base = records->base,
                              .done = done,
                              .user = user};
    return change;
}

static void post(struct du_records *records, struct change *change) {
    if (records->journal != NULL)
        du_ledger_post(records->journal, &change->entry);
}

/* After the lock is left: without a journal it is done at once. */
static void finish(struct du_records *records, struct change *change) {
    if (records->journal == NULL)
        change_done(&change->entry, DU_OK, "");
}

/* Changes ----------------------------------------------------------------------------------- */

static enum du_error_kind check(const char *bucket, const char *key, size_t size,
                                struct du_error *error) {
    char text[TEXT_MOST];
    if (text_of(bucket, key, text) == 0)
        return du_error_set(error, DU_STORE, "a record's bucket or key is empty or too long: %.80s",
                            key);
    if (size > DU_RECORDS_VALUE_MOST)
        return du_error_set(error, DU_STORE, "the record %s %.80s is too long (%zu bytes)", bucket,
                            key, size);
    return DU_OK;
}

static enum du_error_kind no_memory(struct du_record **record, struct change *change,
                                    struct du_error *error) {
    du_record_unref(record);
    du_free(change);
    return du_error_set(error, DU_MEMORY, "change a record");
}

enum du_error_kind du_records_put(struct du_records *records, const char *bucket, const char *key,
                                  const void *data, size_t size, du_records_done *done, void *user,
                                  struct du_error *error) {
    enum du_error_kind kind = check(bucket, key, size, error);
    if (kind != DU_OK)
        return kind;
    struct du_record *record = record_new(bucket, key, data, size);
    struct change *change = change_new(records, record, done, user);
    if (change == NULL)
        return no_memory(&record, NULL, error);
    change->entry.apply = apply_put;
    pthread_mutex_lock(&records->lock);
    bool good = set(records, record);
    if (good) {
        record_ref(record);
        post(records, change);
    }
    pthread_mutex_unlock(&records->lock);
    if (!good)
        return no_memory(&record, change, error);
    finish(records, change);
    return DU_OK;
}

enum du_error_kind du_records_delete(struct du_records *records, const char *bucket,
                                     const char *key, du_records_done *done, void *user,
                                     struct du_error *error) {
    enum du_error_kind kind = check(bucket, key, 0, error);
    if (kind != DU_OK)
        return kind;
    struct du_record *record = record_new(bucket, key, NULL, 0);
    struct change *change = change_new(records, record, done, user);
    if (change == NULL)
        return no_memory(&record, NULL, error);
    change->entry.apply = apply_delete;
    char text[TEXT_MOST];
    size_t size = text_of(bucket, key, text);
    pthread_mutex_lock(&records->lock);
    struct row *row = find(records, text, size);
    if (row != NULL)
        row_free(records, row);
    post(records, change);
    pthread_mutex_unlock(&records->lock);
    finish(records, change);
    return DU_OK;
}

/* Reading ----------------------------------------------------------------------------------- */

struct du_record *du_records_get(struct du_records *records, const char *bucket, const char *key) {
    char text[TEXT_MOST];
    size_t size = text_of(bucket, key, text);
    if (size == 0)
        return NULL;
    pthread_mutex_lock(&records->lock);
    struct row *row = find(records, text, size);
    struct du_record *record = row != NULL ? record_ref(row->record) : NULL;
    pthread_mutex_unlock(&records->lock);
    return record;
}

static bool matches(const struct du_record *record, const char *bucket, const char *prefix) {
    return strcmp(record->bucket, bucket) == 0 && strncmp(record->key, prefix, strlen(prefix)) == 0;
}

/* References to all that match; *found NULL and false: out of memory. */
static bool snapshot(struct du_records *records, const char *bucket, const char *prefix,
                     struct du_record ***found, size_t *count) {
    pthread_mutex_lock(&records->lock);
    *count = 0;
    *found = du_malloc(HASH_COUNT(records->rows) * sizeof **found);
    struct row *row, *next;
    HASH_ITER(hh, records->rows, row, next) {
        if (*found != NULL && matches(row->record, bucket, prefix))
            (*found)[(*count)++] = record_ref(row->record);
    }
    pthread_mutex_unlock(&records->lock);
    return *found != NULL;
}

static int by_key(const void *a, const void *b) {
    const struct du_record *const *left = a, *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

enum du_error_kind du_records_each(struct du_records *records, const char *bucket,
                                   const char *prefix,
                                   bool (*each)(void *user, const struct du_record *record),
                                   void *user) {
    struct du_record **found;
    size_t count;
    if (!snapshot(records, bucket, prefix, &found, &count))
        return DU_MEMORY;
    qsort(found, count, sizeof *found, by_key);
    bool more = true;
    for (size_t i = 0; i < count; i++) {
        more = more && each(user, found[i]);
        du_record_unref(&found[i]);
    }
    du_free(found);
    return DU_OK;
}

size_t du_records_count(struct du_records *records) {
    pthread_mutex_lock(&records->lock);
    size_t count = HASH_COUNT(records->rows);
    pthread_mutex_unlock(&records->lock);
    return count;
}

/* Start and end ----------------------------------------------------------------------------- */

struct load {
    struct du_records *records;
    bool failed;
};

static bool load_row(void *user, sqlite3_stmt *statement) {
    struct load *load = user;
    const char *bucket = (const char *)sqlite3_column_text(statement, 0);
    const char *key = (const char *)sqlite3_column_text(statement, 1);
    const void *data = sqlite3_column_blob(statement, 2);
    size_t size = (size_t)sqlite3_column_bytes(statement, 2);
    if (bucket == NULL || key == NULL || check(bucket, key, size, NULL) != DU_OK)
        return true;
    struct du_record *record = record_new(bucket, key, data, size);
    load->failed = record == NULL || !set(load->records, record);
    if (load->failed)
        du_record_unref(&record);
    return !load->failed;
}

static enum du_error_kind load(struct du_records *records, struct du_error *error) {
    struct load state = {.records = records};
    enum du_error_kind kind = du_ledger_read(
        records->journal, "SELECT bucket, key, value FROM records", load_row, &state, error);
    if (kind == DU_OK && state.failed)
        kind = du_error_set(error, DU_MEMORY, "load the records");
    return kind;
}

enum du_error_kind du_records_new(struct du_records **records, struct du_base *base,
                                  struct du_ledger *journal, struct du_error *error) {
    struct du_records *made = du_calloc(1, sizeof *made);
    *records = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "load the records");
    made->base = base;
    made->journal = journal;
    pthread_mutex_init(&made->lock, NULL);
    enum du_error_kind kind = journal != NULL ? load(made, error) : DU_OK;
    if (kind != DU_OK)
        du_records_free(&made);
    *records = made;
    return kind;
}

void du_records_free(struct du_records **records) {
    struct du_records *old = *records;
    if (old == NULL)
        return;
    struct row *row, *next;
    HASH_ITER(hh, old->rows, row, next) {
        row_free(old, row);
    }
    pthread_mutex_destroy(&old->lock);
    du_free(old);
    *records = NULL;
}
