#ifndef DU_INDEX_INT_H
#define DU_INDEX_INT_H

/* What the index's files share: index.c (pins and changes), index_table.c (entries and names),
 * index_space.c (limit, last use), index_load.c, and stock.c. All calls are made with the index's
 * lock held, unless they say otherwise.
 *
 * A blob's life in the index:
 *
 *     LISTED   found by digest, and by its names
 *       |      leave: its last reference went (forget, a replaced name); or it proved wrong, or
 * room |      is made (drop) LEAVING  found by nobody; once its last pin is gone its file and row
 * go |      let_go, removed (freed)
 *
 * What is added while its digest is LEAVING, or whose file was removed under its writer, is born
 * LEAVING and outside the table: its readers have the descriptor, the next request fetches anew.
 */

#include "index.h"
#include "list.h"
#include "map.h"

#include <pthread.h>
#include <stdatomic.h>

enum du_index_state { LISTED, LEAVING };

struct du_index_entry {
    UT_hash_handle hh; /* in blobs, while tabled */
    struct du_digest digest;
    int64_t size;
    enum du_index_state state;
    bool tabled;
    bool by_digest;    /* stored by digest: stays without a name */
    bool seen;         /* its file was, while the folder was walked, or written in this life */
    atomic_bool wrong; /* its bytes are not what its digest says */
    size_t pins;
    struct du_list names;
    struct du_list idle; /* in the index's list, while LISTED and not pinned */
    int64_t used_ms;     /* wall time; the last use that was noted */
    uint64_t number;     /* in the order of entering */
    int fd;              /* while pinned, once opened */
    struct du_index *index;
};

struct du_index_name {
    UT_hash_handle hh;            /* in names */
    struct du_index_entry *entry; /* NULL: forgotten while the names are read (tombstone) */
    struct du_list node;          /* in its entry's names */
    char *version;                /* NULL: none */
    char text[];
};

struct du_blob {
    struct du_index_entry *entry;
    atomic_int references;
};

/* How far loading is (index_load.c):
 *
 *     COUNTING  how many rows there are, and of how many bytes
 *     READING   rows, the least recently used first, then names
 *     WALKING   memory knows what the journal knows; files are compared with it
 *     LOADED
 */
enum du_index_stage { COUNTING, READING, WALKING, LOADED };

struct du_index {
    struct du_base *base;
    struct du_blobs *files;
    struct du_ledger *journal;
    pthread_mutex_t lock; /* all below, and all entries and names */
    struct du_index_entry *blobs;
    struct du_index_name *names;
    size_t count;  /* of LISTED */
    int64_t bytes; /* of LISTED, */
    int64_t held;  /* of LEAVING and still read, */
    int64_t reserved;
    int64_t max_bytes;                  /* all these together; -1: no limit */
    atomic_int_fast64_t min_free_bytes; /* set at start */
    struct du_list idle;                /* the least recently used first */
    int64_t idle_bytes;
    uint64_t evictions;
    uint64_t number; /* of the latest entry */

    enum du_index_stage stage;
    pthread_cond_t entered;         /* the next stage */
    int64_t unread, unread_bytes;   /* rows that are not in memory yet */
    struct du_list old;             /* idle ones whose rows were read; before idle, once all are */
    size_t tombstones;              /* among names */
    struct du_index_lookup *lookup; /* until WALKING */
    pthread_t loader;
    bool loader_runs;
    bool whole;       /* the loader's: no row was left unread */
    atomic_bool stop; /* the loader is to end */
};

/* Where a walk over the entries, in the order of their numbers, goes on. Zeroed: at the first. */
struct du_index_place {
    struct du_digest digest;
    uint64_t number;
};

/* LEAVING, in no table. NULL: out of memory. */
struct du_index_entry *du_index_entry_new(struct du_index *index, const struct du_digest *digest,
                                          int64_t size);
/* One that is there, or, while rows are read, in the journal. */
struct du_index_entry *du_index_entry(struct du_index *index, const struct du_digest *digest);
/* One that is in the table. */
struct du_index_entry *du_index_entry_tabled(struct du_index *index,
                                             const struct du_digest *digest);
/* The first behind the place, which may have gone; NULL: the end. */
struct du_index_entry *du_index_entry_from(struct du_index *index,
                                           const struct du_index_place *place);
/* A new entry, found from now on. NULL: out of memory. */
struct du_index_entry *du_index_entry_listed(struct du_index *index, const struct du_digest *digest,
                                             int64_t size);
/* Its row goes to the journal. */
void du_index_entry_save(const struct du_index_entry *entry);
void du_index_entry_leave(struct du_index_entry *entry);
void du_index_entry_leave_if_unwanted(struct du_index_entry *entry);
/* Leaves with all its names. */
void du_index_entry_drop(struct du_index_entry *entry);
/* For a LEAVING entry that nobody pins. */
void du_index_entry_let_go(struct du_index_entry *entry);
/* Takes it out of the table and frees it. */
void du_index_entry_take_off(struct du_index_entry *entry);

/* Nobody pins it any more, or not yet: it may be evicted, but those that rest already go first. */
void du_index_entry_rest(struct du_index_entry *entry);
/* Harmless when it does not rest. */
void du_index_entry_wake(struct du_index_entry *entry);
/* Notes the use, in the journal if the last note is a minute old. */
void du_index_entry_touch(struct du_index_entry *entry);

/* One that is there, or, while names are read, in the journal. */
struct du_index_name *du_index_name(struct du_index *index, const char *text);
/* Memory knows of it, be it that it was forgotten: its row is old. */
bool du_index_name_is_settled(struct du_index *index, const char *text);
/* All names are read: forgets the tombstones. */
void du_index_names_settle(struct du_index *index);
/* Points the name at the entry, in memory; the entry of its older row may go for it. False: out of
 * memory. */
bool du_index_name_set(struct du_index_entry *entry, const char *text, const char *version);
void du_index_name_remove(struct du_index *index, struct du_index_name *name);
void du_index_name_free(struct du_index_name *name);

/* What the journal knows of one that is in no table yet. NULL: nothing. */
struct du_index_entry *du_index_entry_adopt(struct du_index *index, const struct du_digest *digest);
void du_index_name_adopt(struct du_index *index, const char *text);
/* Waits for the stage; lanes only. */
void du_index_await(struct du_index *index, enum du_index_stage stage);
/* What is there beyond the limit goes. Without the lock. */
void du_index_keep_limit(struct du_index *index);

/* Gets ready to load, or, without a journal, loads. Both without the lock. */
enum du_error_kind du_index_prepare(struct du_index *index, struct du_error *error);
void du_index_stop_loading(struct du_index *index);

#endif
