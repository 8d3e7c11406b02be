#include "named.h"

#include "digest.h"
#include "mem.h"

#include <pthread.h>
#include <string.h>

struct entry {
    char *name;
    struct du_limiter *limiter; /* one of these */
    struct du_single_flight *flights;
    struct du_origin *origin;  /* a reference */
    struct du_digest settings; /* an origin's */
    uint64_t requests_before;  /* of the origins whose place it took */
    bool declared;
    bool fresh; /* made by a change that was not made yet */
};

struct du_named_change {
    struct entry *entries;
    size_t count;
};

struct du_named {
    pthread_mutex_t lock; /* of the entries */
    struct du_named_change *now;
    struct du_flight_domain *domain;
    struct du_counter *counter;
    struct du_base *base;
};

/* --- finding --- */

static bool is_limiter(const struct entry *entry) {
    return entry->limiter != NULL;
}

static bool is_flights(const struct entry *entry) {
    return entry->flights != NULL;
}

static bool is_origin(const struct entry *entry) {
    return entry->origin != NULL;
}

static struct entry *find(const struct du_named_change *table, const char *name,
                          bool (*sort)(const struct entry *)) {
    for (size_t i = 0; i < table->count; i++) {
        struct entry *entry = &table->entries[i];
        if (sort(entry) && strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

struct du_limiter *du_named_limiter(struct du_named *named, const char *name) {
    pthread_mutex_lock(&named->lock);
    struct entry *entry = find(named->now, name, is_limiter);
    struct du_limiter *limiter = entry == NULL ? NULL : entry->limiter;
    pthread_mutex_unlock(&named->lock);
    return limiter;
}

struct du_single_flight *du_named_flights(struct du_named *named, const char *name) {
    pthread_mutex_lock(&named->lock);
    struct entry *entry = find(named->now, name, is_flights);
    struct du_single_flight *flights = entry == NULL ? NULL : entry->flights;
    pthread_mutex_unlock(&named->lock);
    return flights;
}

struct du_origin *du_named_origin(struct du_named *named, const char *name) {
    pthread_mutex_lock(&named->lock);
    struct entry *entry = find(named->now, name, is_origin);
    struct du_origin *origin = entry == NULL ? NULL : du_origin_ref(entry->origin);
    pthread_mutex_unlock(&named->lock);
    return origin;
}

/* --- what an upstream is made of --- */

static void add_text(struct du_bytes *all, const char *text) {
    du_bytes_format(all, "%zd:%s", text != NULL ? (ssize_t)strlen(text) : (ssize_t)-1,
                    text != NULL ? text : "");
}

static bool digest_of(const struct du_origin_options *options, struct du_digest *digest) {
    struct du_bytes all;
    du_bytes_init(&all);
    const char *const texts[] = {options->url, options->token, options->username, options->password,
                                 options->ca_file};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_text(&all, texts[i]);
    for (size_t i = 0; i < options->credential_host_count; i++)
        add_text(&all, options->credential_hosts[i]);
    du_bytes_format(&all, "|%d %lld %lld %lld %ld|", (int)options->kind,
                    (long long)options->connect_ms, (long long)options->first_byte_ms,
                    (long long)options->stall_ms, options->connections);
    for (size_t i = 0; i < options->allow_private_count; i++)
        du_bytes_hex(&all, &options->allow_private[i], sizeof *options->allow_private);
    bool fine = !all.failed;
    if (fine)
        du_digest_of(all.data, all.size, digest);
    if (all.data != NULL)
        explicit_bzero(all.data, all.size);
    du_bytes_deinit(&all);
    return fine;
}

/* --- changing --- */

static struct entry *add(struct du_named_change *table, const char *name) {
    struct entry *entry = &table->entries[table->count];
    entry->name = du_strdup(name);
    if (entry->name == NULL)
        return NULL;
    table->count++;
    return entry;
}

/* What is there already goes on; what is not is made. */
static enum du_error_kind take_limiter(struct du_named *named, struct du_named_change *table,
                                       const char *name, bool declared) {
    struct entry *old = find(named->now, name, is_limiter), *entry = add(table, name);
    if (entry == NULL)
        return DU_MEMORY;
    entry->declared = declared;
    entry->fresh = old == NULL;
    if (old == NULL)
        return du_limiter_new(&entry->limiter, name, named->counter, named->base);
    entry->limiter = old->limiter;
    return DU_OK;
}

static enum du_error_kind take_flights(struct du_named *named, struct du_named_change *table,
                                       const char *name, bool declared) {
    struct entry *old = find(named->now, name, is_flights), *entry = add(table, name);
    if (entry == NULL)
        return DU_MEMORY;
    entry->declared = declared;
    entry->fresh = old == NULL;
    if (old == NULL)
        return du_single_flight_new(&entry->flights, named->domain);
    entry->flights = old->flights;
    return DU_OK;
}

static enum du_error_kind take_origin(struct du_named *named, struct du_named_change *table,
                                      const struct du_origin_options *options,
                                      struct du_error *error) {
    struct entry *old = find(named->now, options->name, is_origin);
    struct entry *entry = add(table, options->name);
    if (entry == NULL || !digest_of(options, &entry->settings))
        return du_error_set(error, DU_MEMORY, "making an upstream");
    entry->declared = true;
    if (old != NULL && du_digest_equal(&old->settings, &entry->settings)) {
        entry->origin = du_origin_ref(old->origin);
        return DU_OK;
    }
    return du_origin_new(&entry->origin, named->domain, named->base, options, error);
}

/* What is not declared any more, but stays. */
static enum du_error_kind take_rest(struct du_named *named, struct du_named_change *table) {
    enum du_error_kind kind = DU_OK;
    for (size_t i = 0; kind == DU_OK && i < named->now->count; i++) {
        const struct entry *old = &named->now->entries[i];
        if (is_limiter(old) && find(table, old->name, is_limiter) == NULL)
            kind = take_limiter(named, table, old->name, false);
        if (is_flights(old) && find(table, old->name, is_flights) == NULL)
            kind = take_flights(named, table, old->name, false);
    }
    return kind;
}

static enum du_error_kind take_all(struct du_named *named, const struct du_config *config,
                                   struct du_named_change *table, struct du_error *error) {
    enum du_error_kind kind = DU_OK;
    for (size_t i = 0; kind == DU_OK && i < config->limits.count; i++)
        kind = take_limiter(named, table, config->limits.list[i], true);
    for (size_t i = 0; kind == DU_OK && i < config->flights.count; i++)
        kind = take_flights(named, table, config->flights.list[i], true);
    if (kind == DU_OK)
        kind = take_rest(named, table);
    if (kind != DU_OK)
        return du_error_set(error, kind, "making what the deployment declares");
    for (size_t i = 0; kind == DU_OK && i < config->origin_count; i++)
        kind = take_origin(named, table, &config->origins[i].options, error);
    return kind;
}

enum du_error_kind du_named_prepare(struct du_named *named, const struct du_config *config,
                                    struct du_named_change **out, struct du_error *error) {
    size_t room = config->limits.count + config->flights.count + config->origin_count;
    struct du_named_change *change = du_calloc(1, sizeof *change);
    if (change != NULL)
        change->entries = du_calloc(room + named->now->count, sizeof *change->entries);
    if (change == NULL || change->entries == NULL) {
        du_free(change);
        return du_error_set(error, DU_MEMORY, "making what the deployment declares");
    }
    enum du_error_kind kind = take_all(named, config, change, error);
    if (kind == DU_OK)
        *out = change;
    else
        du_named_discard(&change);
    return kind;
}

/* all: also what is there already. */
static void free_table(struct du_named_change *table, bool all) {
    for (size_t i = 0; i < table->count; i++) {
        struct entry *entry = &table->entries[i];
        if (entry->limiter != NULL && (all || entry->fresh))
            du_limiter_free(&entry->limiter);
        if (entry->flights != NULL && (all || entry->fresh))
            du_single_flight_free(&entry->flights);
        if (entry->origin != NULL)
            du_origin_unref(&entry->origin);
        du_free(entry->name);
    }
    du_free(table->entries);
    du_free(table);
}

void du_named_discard(struct du_named_change **change) {
    free_table(*change, false);
    *change = NULL;
}

/* Only now: the old one was asked until now, and a counter that fell would look like a restart. */
static void count_on(struct entry *entry, const struct entry *old) {
    if (old == NULL)
        return;
    entry->requests_before = old->requests_before;
    if (entry->origin != old->origin)
        entry->requests_before += du_origin_requests(old->origin);
}

void du_named_make(struct du_named *named, struct du_named_change **change) {
    pthread_mutex_lock(&named->lock);
    struct du_named_change *old = named->now;
    named->now = *change;
    for (size_t i = 0; i < named->now->count; i++) {
        struct entry *entry = &named->now->entries[i];
        entry->fresh = false;
        if (is_origin(entry))
            count_on(entry, find(old, entry->name, is_origin));
    }
    pthread_mutex_unlock(&named->lock);
    *change = NULL;
    free_table(old, false);
}

/* --- lifetime --- */

enum du_error_kind du_named_new(struct du_named **out, const struct du_config *config,
                                struct du_flight_domain *domain, struct du_counter *counter,
                                struct du_base *base, struct du_error *error) {
    struct du_named_change *change = NULL;
    struct du_named *named = du_calloc(1, sizeof *named);
    if (named != NULL)
        named->now = du_calloc(1, sizeof *named->now);
    if (named == NULL || named->now == NULL) {
        du_free(named);
        return du_error_set(error, DU_MEMORY, "making what the deployment declares");
    }
    pthread_mutex_init(&named->lock, NULL);
    named->domain = domain;
    named->counter = counter;
    named->base = base;
    enum du_error_kind kind = du_named_prepare(named, config, &change, error);
    if (kind != DU_OK) {
        du_named_free(&named);
        return kind;
    }
    du_named_make(named, &change);
    *out = named;
    return DU_OK;
}

void du_named_free(struct du_named **taken) {
    struct du_named *named = *taken;
    *taken = NULL;
    if (named == NULL)
        return;
    free_table(named->now, true);
    pthread_mutex_destroy(&named->lock);
    du_free(named);
}

void du_named_visit(struct du_named *named, const struct du_named_visitor *visitor, void *user) {
    pthread_mutex_lock(&named->lock);
    for (size_t i = 0; i < named->now->count; i++) {
        const struct entry *entry = &named->now->entries[i];
        if (!entry->declared)
            continue;
        if (entry->limiter != NULL && visitor->limiter != NULL)
            visitor->limiter(user, entry->name, entry->limiter);
        if (entry->flights != NULL && visitor->flights != NULL)
            visitor->flights(user, entry->name, entry->flights);
        if (entry->origin != NULL && visitor->origin != NULL)
            visitor->origin(user, entry->name,
                            entry->requests_before + du_origin_requests(entry->origin));
    }
    pthread_mutex_unlock(&named->lock);
}
