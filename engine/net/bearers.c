#include "bearer.h"
#include "map.h"
#include "mem.h"

#include <pthread.h>
#include <string.h>

/* Scopes are as many as an upstream has repositories; what expired goes when this many are there.
 */
enum { SWEEP_AT = 256 };

struct entry {
    UT_hash_handle hh;
    struct du_bearer *token;
    char scope[];
};

struct du_bearers {
    pthread_mutex_t lock;
    struct entry *entries;
};

enum du_error_kind du_bearers_new(struct du_bearers **tokens) {
    *tokens = du_calloc(1, sizeof **tokens);
    if (*tokens == NULL)
        return DU_MEMORY;
    pthread_mutex_init(&(*tokens)->lock, NULL);
    return DU_OK;
}

static void drop(struct du_bearers *tokens, struct entry *entry) {
    HASH_DEL(tokens->entries, entry);
    du_bearer_unref(&entry->token);
    du_free(entry);
}

void du_bearers_free(struct du_bearers **tokens) {
    if (*tokens == NULL)
        return;
    while ((*tokens)->entries != NULL)
        drop(*tokens, (*tokens)->entries);
    pthread_mutex_destroy(&(*tokens)->lock);
    du_free(*tokens);
    *tokens = NULL;
}

static struct entry *find(struct du_bearers *tokens, const char *scope) {
    struct entry *entry;
    HASH_FIND_STR(tokens->entries, scope, entry);
    return entry;
}

struct du_bearer *du_bearers_find(struct du_bearers *tokens, const char *scope, int64_t wall_ms) {
    pthread_mutex_lock(&tokens->lock);
    struct entry *entry = find(tokens, scope);
    struct du_bearer *token = NULL;
    if (entry != NULL && entry->token->good_until_ms > wall_ms)
        token = du_bearer_ref(entry->token);
    pthread_mutex_unlock(&tokens->lock);
    return token;
}

static void sweep(struct du_bearers *tokens, int64_t wall_ms) {
    struct entry *entry, *next;
    HASH_ITER(hh, tokens->entries, entry, next) {
        if (entry->token->good_until_ms <= wall_ms)
            drop(tokens, entry);
    }
}

static void add(struct du_bearers *tokens, const char *scope, struct du_bearer *token) {
    size_t size = strlen(scope);
    struct entry *entry = du_calloc(1, sizeof *entry + size + 1);
    if (entry == NULL)
        return;
    memcpy(entry->scope, scope, size + 1);
    HASH_ADD_STR(tokens->entries, scope, entry);
    if (du_map_failed(entry))
        du_free(entry);
    else
        entry->token = du_bearer_ref(token);
}

void du_bearers_keep(struct du_bearers *tokens, const char *scope, struct du_bearer *token,
                     int64_t wall_ms) {
    if (token->good_until_ms <= wall_ms)
        return;
    pthread_mutex_lock(&tokens->lock);
    if (HASH_COUNT(tokens->entries) >= SWEEP_AT)
        sweep(tokens, wall_ms);
    struct entry *entry = find(tokens, scope);
    if (entry != NULL) {
        du_bearer_unref(&entry->token);
        entry->token = du_bearer_ref(token);
    } else {
        add(tokens, scope, token);
    }
    pthread_mutex_unlock(&tokens->lock);
}

void du_bearers_forget(struct du_bearers *tokens, const char *scope,
                       const struct du_bearer *token) {
    pthread_mutex_lock(&tokens->lock);
    struct entry *entry = find(tokens, scope);
    if (entry != NULL && entry->token == token)
        drop(tokens, entry);
    pthread_mutex_unlock(&tokens->lock);
}
