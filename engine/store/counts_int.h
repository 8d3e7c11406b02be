#ifndef DU_COUNTS_INT_H
#define DU_COUNTS_INT_H

/* The counter's table (counts_table.c), for counts.c. All calls are made with the lock held. */

#include "counts.h"
#include "map.h"

#include <pthread.h>

enum { DU_COUNTS_DAYS = 4, DU_COUNTS_KEY_ROOM = 1024 };

struct du_counts;

/*     IDLE --- pump: an add waits, or the ceiling was lowered ---> WRITING
 *     IDLE <-- written: waiters are granted or failed ------------ WRITING
 */
struct du_counts_row {
    UT_hash_handle hh;
    struct du_entry entry; /* its write, while writing */
    struct du_counts *counts;
    int64_t count, ceiling;
    int64_t durable; /* the highest ceiling that the ledger may hold */
    int64_t target;  /* the ceiling that is being written */
    int64_t block;   /* by which it is being raised; 0: it is lowered */
    bool writing;
    bool refused;                   /* the last write failed: lowering waits for the next refund */
    struct du_count *first, **last; /* adds that wait for a raise, linked by `link` */
    int32_t day;
    size_t key_size;
    char *subject; /* into key */
    char key[];    /* the day's bytes, scope, NUL, subject, NUL */
};

struct du_counts {
    struct du_counter counter;
    struct du_base *base;
    struct du_ledger *ledger;
    pthread_mutex_t lock;
    pthread_cond_t idle; /* nothing is being written */
    struct du_counts_row *rows;
    size_t writing;
    int32_t days[DU_COUNTS_DAYS]; /* that have rows */
    int day_count;
};

/* A key on the stack; too long is size 0. */
struct du_counts_key {
    size_t size, subject_at;
    char bytes[DU_COUNTS_KEY_ROOM];
};

void du_counts_key_make(struct du_counts_key *key, const char *scope, const char *subject,
                        int32_t day);

/* NULL: out of memory. Its entry is the caller's to fill. */
struct du_counts_row *du_counts_row_new(struct du_counts *counts, const struct du_counts_key *key,
                                        int32_t day);
struct du_counts_row *du_counts_row_find(struct du_counts *counts, const struct du_counts_key *key);
void du_counts_row_free(struct du_counts_row *row);
/* Remembers a day that gets its first row; for it the oldest day but keep goes. */
void du_counts_note_day(struct du_counts *counts, int32_t day, int32_t keep);

#endif
