#include "named.h"

#include "mem.h"

#include <string.h>

struct entry {
    char *name;
    struct du_limiter *limiter; /* one of these */
    struct du_single_flight *flights;
    struct du_origin *origin;
};

struct du_named {
    struct entry *entries;
    size_t count;
};

static struct entry *find(struct du_named *named, const char *name, bool (*sort)(struct entry *)) {
    for (size_t i = 0; i < named->count; i++) {
        struct entry *entry = &named->entries[i];
        if (sort(entry) && strcmp(entry->name, name) == 0)
            return entry;
    }
    return NULL;
}

static bool is_limiter(struct entry *entry) {
    return entry->limiter != NULL;
}

static bool is_flights(struct entry *entry) {
    return entry->flights != NULL;
}

static bool is_origin(struct entry *entry) {
    return entry->origin != NULL;
}

struct du_limiter *du_named_limiter(struct du_named *named, const char *name) {
    struct entry *entry = find(named, name, is_limiter);
    return entry == NULL ? NULL : entry->limiter;
}

struct du_single_flight *du_named_flights(struct du_named *named, const char *name) {
    struct entry *entry = find(named, name, is_flights);
    return entry == NULL ? NULL : entry->flights;
}

struct du_origin *du_named_origin(struct du_named *named, const char *name) {
    struct entry *entry = find(named, name, is_origin);
    return entry == NULL ? NULL : entry->origin;
}

static struct entry *add(struct du_named *named, const char *name) {
    struct entry *entry = &named->entries[named->count];
    entry->name = du_strdup(name);
    if (entry->name == NULL)
        return NULL;
    named->count++;
    return entry;
}

static enum du_error_kind fill(struct du_named *named, const struct du_config *config,
                               struct du_flight_domain *domain, struct du_counter *counter,
                               struct du_base *base, struct du_error *error) {
    enum du_error_kind kind = DU_OK;
    for (size_t i = 0; kind == DU_OK && i < config->limits.count; i++) {
        struct entry *entry = add(named, config->limits.list[i]);
        kind =
            entry == NULL ? DU_MEMORY : du_limiter_new(&entry->limiter, entry->name, counter, base);
    }
    for (size_t i = 0; kind == DU_OK && i < config->flights.count; i++) {
        struct entry *entry = add(named, config->flights.list[i]);
        kind = entry == NULL ? DU_MEMORY : du_single_flight_new(&entry->flights, domain);
    }
    if (kind != DU_OK)
        return du_error_set(error, kind, "making what the deployment declares");
    for (size_t i = 0; kind == DU_OK && i < config->origin_count; i++) {
        struct entry *entry = add(named, config->origins[i].options.name);
        kind = entry == NULL ? du_error_set(error, DU_MEMORY, "making an upstream")
                             : du_origin_new(&entry->origin, domain, base,
                                             &config->origins[i].options, error);
    }
    return kind;
}

enum du_error_kind du_named_new(struct du_named **out, const struct du_config *config,
                                struct du_flight_domain *domain, struct du_counter *counter,
                                struct du_base *base, struct du_error *error) {
    struct du_named *named = du_calloc(1, sizeof *named);
    size_t room = config->limits.count + config->flights.count + config->origin_count;
    if (named != NULL)
        named->entries = du_calloc(room, sizeof *named->entries);
    if (named == NULL || named->entries == NULL) {
        du_free(named);
        return du_error_set(error, DU_MEMORY, "making what the deployment declares");
    }
    enum du_error_kind kind = fill(named, config, domain, counter, base, error);
    if (kind == DU_OK)
        *out = named;
    else
        du_named_free(&named);
    return kind;
}

void du_named_free(struct du_named **taken) {
    struct du_named *named = *taken;
    *taken = NULL;
    if (named == NULL)
        return;
    for (size_t i = 0; i < named->count; i++) {
        struct entry *entry = &named->entries[i];
        if (entry->limiter != NULL)
            du_limiter_free(&entry->limiter);
        if (entry->flights != NULL)
            du_single_flight_free(&entry->flights);
        if (entry->origin != NULL)
            du_origin_unref(&entry->origin);
        du_free(entry->name);
    }
    du_free(named->entries);
    du_free(named);
}

void du_named_visit(struct du_named *named, const struct du_named_visitor *visitor, void *user) {
    for (size_t i = 0; i < named->count; i++) {
        struct entry *entry = &named->entries[i];
        if (entry->limiter != NULL && visitor->limiter != NULL)
            visitor->limiter(user, entry->name, entry->limiter);
        if (entry->flights != NULL && visitor->flights != NULL)
            visitor->flights(user, entry->name, entry->flights);
        if (entry->origin != NULL && visitor->origin != NULL)
            visitor->origin(user, entry->name, entry->origin);
    }
}
