#include "rate.h"

#include "digest.h"
#include "list.h"
#include "map.h"
#include "mem.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

/* Keys are strangers' texts of any length: kept are their digests, with the rule. */
struct key {
    struct du_digest digest;
    size_t rule;
};

struct row {
    UT_hash_handle hh;
    struct du_list node; /* in age */
    struct key key;
    unsigned count, oldest; /* times: a ring of the rule's limit */
    int64_t times[];
};

struct du_rate {
    const struct du_rate_rule *rules;
    size_t most;
    pthread_mutex_t lock; /* all below */
    struct row *rows;
    struct du_list age; /* the longest untouched first */
};

enum du_error_kind du_rate_new(struct du_rate **rate, const struct du_rate_rule *rules,
                               size_t count, size_t most) {
    for (size_t i = 0; i < count; i++)
        assert(rules[i].limit > 0 && rules[i].window_ms > 0);
    struct du_rate *made = du_calloc(1, sizeof *made);
    *rate = made;
    if (made == NULL)
        return DU_MEMORY;
    made->rules = rules;
    made->most = most;
    du_list_init(&made->age);
    pthread_mutex_init(&made->lock, NULL);
    return DU_OK;
}

static void drop(struct du_rate *rate, struct row *row) {
    HASH_DEL(rate->rows, row);
    du_list_remove(&row->node);
    du_free(row);
}

static struct row *first(struct du_rate *rate) {
    return du_container_of(rate->age.next, struct row, node);
}

void du_rate_free(struct du_rate **rate) {
    if (*rate == NULL)
        return;
    while (!du_list_empty(&(*rate)->age))
        drop(*rate, first(*rate));
    pthread_mutex_destroy(&(*rate)->lock);
    du_free(*rate);
    *rate = NULL;
}

static bool make_key(size_t rule, const char *text, struct key *key) {
    memset(key, 0, sizeof *key);
    key->rule = rule;
    return du_digest_of(text, strlen(text), &key->digest) == DU_OK;
}

static struct row *find(struct du_rate *rate, const struct key *key) {
    struct row *row;
    HASH_FIND(hh, rate->rows, key, sizeof *key, row);
    return row;
}

static int64_t latest(const struct du_rate *rate, const struct row *row) {
    unsigned limit = rate->rules[row->key.rule].limit;
    return row->times[(row->oldest + row->count - 1) % limit];
}

/* Rows whose windows are over go, a few a call, so that a quiet table shrinks by itself. */
static void sweep(struct du_rate *rate, int64_t now) {
    for (int i = 0; i < 2 && !du_list_empty(&rate->age); i++) {
        struct row *row = first(rate);
        if (now - latest(rate, row) < rate->rules[row->key.rule].window_ms)
            return;
        drop(rate, row);
    }
}

static struct row *row_new(struct du_rate *rate, const struct key *key) {
    unsigned limit = rate->rules[key->rule].limit;
    if (HASH_COUNT(rate->rows) >= rate->most && !du_list_empty(&rate->age))
        drop(rate, first(rate));
    struct row *row = du_calloc(1, sizeof *row + limit * sizeof row->times[0]);
    if (row == NULL)
        return NULL;
    row->key = *key;
    HASH_ADD(hh, rate->rows, key, sizeof row->key, row);
    if (du_map_failed(row)) {
        du_free(row);
        return NULL;
    }
    du_list_append(&rate->age, &row->node);
    return row;
}

static bool allowed(struct du_rate *rate, const struct key *key, int64_t now,
                    int64_t *retry_after) {
    const struct du_rate_rule *rule = &rate->rules[key->rule];
    struct row *row = find(rate, key);
    if (row == NULL || row->count < rule->limit)
        return true;
    int64_t left = row->times[row->oldest] + rule->window_ms - now;
    if (left <= 0)
        return true;
    *retry_after = (left + 999) / 1000;
    return false;
}

static unsigned left(struct du_rate *rate, const struct key *key, int64_t now) {
    const struct du_rate_rule *rule = &rate->rules[key->rule];
    struct row *row = find(rate, key);
    unsigned counted = row != NULL ? row->count : 0;
    for (unsigned i = 0; row != NULL && i < row->count; i++)
        counted -= row->times[(row->oldest + i) % rule->limit] + rule->window_ms <= now;
    return rule->limit - counted;
}

static void count(struct du_rate *rate, const struct key *key, int64_t now) {
    unsigned limit = rate->rules[key->rule].limit;
    sweep(rate, now);
    struct row *row = find(rate, key);
    if (row == NULL)
        row = row_new(rate, key);
    if (row == NULL)
        return;
    if (row->count == limit)
        row->oldest = (row->oldest + 1) % limit;
    else
        row->count++;
    row->times[(row->oldest + row->count - 1) % limit] = now;
    du_list_remove(&row->node);
    du_list_append(&rate->age, &row->node);
}

bool du_rate_allowed(struct du_rate *rate, size_t rule, const char *text, int64_t mono_ms,
                     int64_t *retry_after) {
    struct key key;
    if (!make_key(rule, text, &key))
        return true;
    pthread_mutex_lock(&rate->lock);
    bool may = allowed(rate, &key, mono_ms, retry_after);
    pthread_mutex_unlock(&rate->lock);
    return may;
}

unsigned du_rate_left(struct du_rate *rate, size_t rule, const char *text, int64_t mono_ms,
                      int64_t *retry_after) {
    struct key key;
    if (!make_key(rule, text, &key))
        return rate->rules[rule].limit;
    pthread_mutex_lock(&rate->lock);
    unsigned more = allowed(rate, &key, mono_ms, retry_after) ? left(rate, &key, mono_ms) : 0;
    pthread_mutex_unlock(&rate->lock);
    return more;
}

void du_rate_count(struct du_rate *rate, size_t rule, const char *text, int64_t mono_ms) {
    struct key key;
    if (!make_key(rule, text, &key))
        return;
    pthread_mutex_lock(&rate->lock);
    count(rate, &key, mono_ms);
    pthread_mutex_unlock(&rate->lock);
}

bool du_rate_take(struct du_rate *rate, size_t rule, const char *text, int64_t mono_ms,
                  int64_t *retry_after) {
    struct key key;
    if (!make_key(rule, text, &key))
        return true;
    pthread_mutex_lock(&rate->lock);
    bool may = allowed(rate, &key, mono_ms, retry_after);
    if (may)
        count(rate, &key, mono_ms);
    pthread_mutex_unlock(&rate->lock);
    return may;
}

size_t du_rate_keys(struct du_rate *rate) {
    pthread_mutex_lock(&rate->lock);
    size_t keys = HASH_COUNT(rate->rows);
    pthread_mutex_unlock(&rate->lock);
    return keys;
}
