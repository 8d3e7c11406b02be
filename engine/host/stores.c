#include "stores.h"

#include "audit.h"
#include "keys.h"
#include "mem.h"
#include "named.h"
#include "paths.h"

#include <string.h>

enum { DISK_THREADS = 4, PASSWORD_THREADS = 2, PASSWORD_QUEUE = 64 };
enum { CREDENTIALS_MOST = 10000, CREDENTIALS_MS = 300000, RATE_KEYS = 100000 };

/* The bucket of the engine's own records, and the cache's mark in it. */
static const char own[] = "dunite";
static const char cache_mark[] = "cache.mark";

static const char journal_schema[] =
    DU_INDEX_SCHEMA DU_RECORDS_SCHEMA DU_MEMBERS_SCHEMA DU_AUDIT_SCHEMA;

typedef enum du_error_kind step(struct du_stores *stores, const struct du_config *config,
                                const char *data_dir, struct du_error *error);

static enum du_error_kind short_of_memory(struct du_error *error) {
    return du_error_set(error, DU_MEMORY, "opening the store");
}

static enum du_error_kind open_ledger(struct du_stores *stores, struct du_ledger **ledger,
                                      const char *data_dir, const char *name, const char *schema,
                                      bool full_sync, struct du_error *error) {
    char *path = du_path_below(data_dir, name);
    if (path == NULL)
        return short_of_memory(error);
    enum du_error_kind kind = du_ledger_open(ledger, stores->base, path, schema, full_sync, error);
    du_free(path);
    return kind;
}

static enum du_error_kind open_ledgers(struct du_stores *stores, const struct du_config *config,
                                       const char *data_dir, struct du_error *error) {
    (void)config;
    enum du_error_kind kind = du_datadir_open(&stores->datadir, stores->base, data_dir, error);
    if (kind == DU_OK)
        kind = open_ledger(stores, &stores->counts_ledger, data_dir, "counts.db", DU_COUNTS_SCHEMA,
                           true, error);
    if (kind == DU_OK)
        kind = open_ledger(stores, &stores->journal, data_dir, "journal.db", journal_schema, false,
                           error);
    if (kind == DU_OK)
        kind = du_counts_new(&stores->counter, stores->base, stores->counts_ledger, error);
    if (kind == DU_OK)
        kind = du_records_new(&stores->shared.records, stores->base, stores->journal, error);
    return kind;
}

/* The cache's folder, by the mark that the journal knows it by. */
static enum du_error_kind open_blobs(struct du_stores *stores, const struct du_config *config,
                                     const char *data_dir, struct du_error *error) {
    char new_mark[33] = "";
    char *folder = du_path_below(data_dir, config->cache_dir == NULL ? "cache" : config->cache_dir);
    if (folder == NULL)
        return short_of_memory(error);
    struct du_record *mark = du_records_get(stores->shared.records, own, cache_mark);
    enum du_error_kind kind =
        du_blobs_open(&stores->blobs, stores->base, folder, mark == NULL ? NULL : mark->data,
                      config->accept_empty_cache, new_mark, error);
    if (mark != NULL)
        du_record_unref(&mark);
    du_free(folder);
    if (kind == DU_OK && new_mark[0] != '\0')
        kind = du_records_put(stores->shared.records, own, cache_mark, new_mark, strlen(new_mark),
                              NULL, NULL, error);
    return kind;
}

static enum du_error_kind open_cache(struct du_stores *stores, const struct du_config *config,
                                     const char *data_dir, struct du_error *error) {
    struct du_shared *shared = &stores->shared;
    enum du_error_kind kind = open_blobs(stores, config, data_dir, error);
    if (kind == DU_OK)
        kind = du_index_new(&stores->index, stores->base, stores->blobs, stores->journal, error);
    if (kind != DU_OK)
        return kind;
    du_index_limit(stores->index, config->cache_bytes, config->cache_min_free);
    kind = du_index_load(stores->index, error);
    if (kind != DU_OK)
        return kind;
    if (du_lane_new(&shared->disk, "disk", DISK_THREADS, 0) != DU_OK ||
        du_lane_new(&shared->password, "password", PASSWORD_THREADS, PASSWORD_QUEUE) != DU_OK ||
        du_flight_domain_new(&shared->domain) != DU_OK ||
        du_cache_new(&shared->cache, stores->base, shared->domain, stores->blobs, stores->index,
                     shared->disk) != DU_OK)
        return short_of_memory(error);
    du_cache_limit(shared->cache, (size_t)config->fills_per_upstream,
                   (size_t)config->fills_per_member);
    return DU_OK;
}

enum du_error_kind du_stores_set_members(struct du_stores *stores, const struct du_config *config,
                                         struct du_error *error) {
    struct du_member_data *data = du_calloc(config->member_count, sizeof *data);
    if (data == NULL)
        return short_of_memory(error);
    for (size_t i = 0; i < config->member_count; i++) {
        const struct du_config_member *member = &config->members[i];
        data[i] = (struct du_member_data){
            .id = member->id,
            .email = member->email,
            .password_hash = member->password_hash,
            .active = member->active,
            .admin = member->admin,
            .entitlements = (const char *const *)member->entitlements.list,
            .entitlement_count = member->entitlements.count,
        };
    }
    enum du_error_kind kind =
        du_members_set_static(stores->shared.members, data, config->member_count, error);
    du_free(data);
    return kind;
}

/* A deployment signs from its first start on: where there is no key, one is made. */
static enum du_error_kind open_keys(struct du_stores *stores, const char *folder,
                                    struct du_error *error) {
    struct du_keys **keys = &stores->shared.keys;
    char kid[DU_KEY_ID];
    enum du_error_kind kind = du_keys_open(keys, stores->base, folder, error);
    if (kind != DU_OK)
        return kind;
    struct du_key_set *set = du_keys_set(*keys);
    bool signs = set->active != NULL;
    du_key_set_unref(&set);
    return signs ? DU_OK : du_keys_make(*keys, kid, error);
}

static enum du_error_kind open_people(struct du_stores *stores, const struct du_config *config,
                                      const char *data_dir, struct du_error *error) {
    struct du_shared *shared = &stores->shared;
    char *keys = du_path_below(data_dir, "keys");
    if (keys == NULL)
        return short_of_memory(error);
    enum du_error_kind kind =
        du_members_new(&shared->members, stores->base, stores->journal, error);
    if (kind == DU_OK)
        kind = du_stores_set_members(stores, config, error);
    if (kind == DU_OK)
        kind = open_keys(stores, keys, error);
    if (kind == DU_OK)
        kind = du_audit_new(&shared->audit, stores->base, stores->journal, error);
    if (kind == DU_OK)
        du_audit_keep(shared->audit, config->audit_keep_ms);
    if (kind == DU_OK && (du_credentials_new(&shared->credentials, stores->base, CREDENTIALS_MOST,
                                             CREDENTIALS_MS) != DU_OK ||
                          du_failure_limiter_new(&shared->failures, stores->base) != DU_OK ||
                          du_rates_new(&shared->rate, RATE_KEYS) != DU_OK))
        kind = short_of_memory(error);
    du_free(keys);
    return kind;
}

static enum du_error_kind open_named(struct du_stores *stores, const struct du_config *config,
                                     const char *data_dir, struct du_error *error) {
    (void)data_dir;
    struct du_shared *shared = &stores->shared;
    if (du_metrics_new(&shared->metrics) != DU_OK)
        return short_of_memory(error);
    return du_named_new(&shared->named, config, shared->domain, stores->counter, stores->base,
                        error);
}

enum du_error_kind du_stores_open(struct du_stores *stores, struct du_base *base,
                                  const struct du_config *config, const char *data_dir,
                                  struct du_error *error) {
    static step *const steps[] = {open_ledgers, open_cache, open_people, open_named};
    memset(stores, 0, sizeof *stores);
    stores->base = stores->shared.base = base;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        enum du_error_kind kind = steps[i](stores, config, data_dir, error);
        if (kind != DU_OK) {
            du_stores_close(stores);
            return kind;
        }
    }
    return DU_OK;
}

void du_stores_settle(struct du_stores *stores) {
    if (stores->shared.disk != NULL)
        du_lane_free(&stores->shared.disk);
    if (stores->shared.password != NULL)
        du_lane_free(&stores->shared.password);
    if (stores->counts_ledger != NULL)
        du_ledger_flush(stores->counts_ledger);
    if (stores->journal != NULL)
        du_ledger_flush(stores->journal);
}

/* Frees what was opened, in the opposite order. */
#define CLOSE(close_it, pointer)                                                                   \
    do {                                                                                           \
        if ((pointer) != NULL)                                                                     \
            close_it(&(pointer));                                                                  \
    } while (0)

void du_stores_close(struct du_stores *stores) {
    struct du_shared *shared = &stores->shared;
    du_stores_settle(stores);
    CLOSE(du_named_free, shared->named);
    CLOSE(du_metrics_free, shared->metrics);
    CLOSE(du_rate_free, shared->rate);
    CLOSE(du_failure_limiter_free, shared->failures);
    CLOSE(du_credentials_free, shared->credentials);
    CLOSE(du_audit_free, shared->audit);
    CLOSE(du_keys_close, shared->keys);
    CLOSE(du_members_free, shared->members);
    CLOSE(du_cache_free, shared->cache);
    CLOSE(du_flight_domain_free, shared->domain);
    CLOSE(du_index_free, stores->index);
    CLOSE(du_blobs_close, stores->blobs);
    CLOSE(du_records_free, shared->records);
    CLOSE(du_counter_free, stores->counter);
    CLOSE(du_ledger_close, stores->journal);
    CLOSE(du_ledger_close, stores->counts_ledger);
    CLOSE(du_datadir_close, stores->datadir);
}

bool du_stores_degraded(struct du_stores *stores) {
    bool counts = false, journal = false;
    uint64_t entries, commits;
    du_ledger_figures(stores->counts_ledger, &entries, &commits, &counts);
    du_ledger_figures(stores->journal, &entries, &commits, &journal);
    return counts || journal;
}
