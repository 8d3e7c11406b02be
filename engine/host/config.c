#include "config.h"

#include "mem.h"

#include <lauxlib.h>
#include <string.h>

enum { DEFAULT_INSTRUCTIONS = 20000000, DEFAULT_MEMORY = 256 << 20 };
enum { DEFAULT_PER_UPSTREAM = 32, DEFAULT_PER_MEMBER = 16 };

/* Reading goes on after a failed allocation and tells at the end: one flag instead of forty tests.
 */
struct reading {
    lua_State *L;
    bool failed;
};

static char *copied(struct reading *reading, const char *text) {
    char *copy = du_strdup(text);
    reading->failed |= copy == NULL;
    return copy;
}

/* The string field of the table on top; NULL when it is absent. */
static char *string_of(struct reading *reading, const char *key) {
    lua_State *L = reading->L;
    char *text = NULL;
    if (lua_getfield(L, -1, key) == LUA_TSTRING)
        text = copied(reading, lua_tostring(L, -1));
    lua_pop(L, 1);
    return text;
}

static int64_t integer_of(struct reading *reading, const char *key, int64_t otherwise) {
    lua_State *L = reading->L;
    lua_getfield(L, -1, key);
    int64_t value = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : otherwise;
    lua_pop(L, 1);
    return value;
}

static bool boolean_of(struct reading *reading, const char *key, bool otherwise) {
    lua_State *L = reading->L;
    bool value = lua_getfield(L, -1, key) == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static void *room(struct reading *reading, size_t count, size_t size) {
    void *block = count > 0 ? du_calloc(count, size) : NULL;
    reading->failed |= count > 0 && block == NULL;
    return block;
}

/* The list of strings in the field. */
static struct du_names list_of(struct reading *reading, const char *key) {
    lua_State *L = reading->L;
    struct du_names names = {0};
    if (lua_getfield(L, -1, key) == LUA_TTABLE) {
        size_t count = lua_rawlen(L, -1);
        names.list = room(reading, count, sizeof *names.list);
        for (size_t i = 0; names.list != NULL && i < count; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i + 1);
            const char *text = lua_tostring(L, -1);
            if (text != NULL && (names.list[names.count] = copied(reading, text)) != NULL)
                names.count++;
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return names;
}

/* The names that the table in the field has as keys. */
static struct du_names keys_of(struct reading *reading, const char *field) {
    lua_State *L = reading->L;
    struct du_names names = {0};
    if (lua_getfield(L, -1, field) == LUA_TTABLE) {
        size_t count = 0;
        for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
            count++;
        names.list = room(reading, count, sizeof *names.list);
        if (names.list != NULL)
            lua_pushnil(L);
        for (; names.list != NULL && lua_next(L, -2) != 0; lua_pop(L, 1)) {
            char *key =
                lua_type(L, -2) == LUA_TSTRING ? copied(reading, lua_tostring(L, -2)) : NULL;
            if (key != NULL)
                names.list[names.count++] = key;
        }
    }
    lua_pop(L, 1);
    return names;
}

static void free_names(struct du_names *names) {
    for (size_t i = 0; i < names->count; i++)
        du_free(names->list[i]);
    du_free(names->list);
}

static enum du_origin_kind origin_kind(const char *name) {
    if (name != NULL && strcmp(name, "forgejo") == 0)
        return DU_ORIGIN_FORGEJO;
    return name != NULL && strcmp(name, "oci") == 0 ? DU_ORIGIN_OCI : DU_ORIGIN_PLAIN;
}

static void read_ranges(struct reading *reading, struct du_origin_options *options) {
    struct du_names texts = list_of(reading, "allow_private");
    struct du_cidr *ranges = room(reading, texts.count, sizeof *ranges);
    for (size_t i = 0; ranges != NULL && i < texts.count; i++) {
        if (du_cidr_parse(texts.list[i], &ranges[options->allow_private_count], NULL) == DU_OK)
            options->allow_private_count++;
    }
    options->allow_private = ranges;
    free_names(&texts);
}

/* The table of one upstream is on top, its name below. */
static void read_origin(struct reading *reading, struct du_origin_options *options) {
    options->name = copied(reading, lua_tostring(reading->L, -2));
    char *kind = string_of(reading, "kind");
    options->kind = origin_kind(kind);
    du_free(kind);
    options->url = string_of(reading, "url");
    options->token = string_of(reading, "token");
    options->username = string_of(reading, "username");
    options->password = string_of(reading, "password");
    options->ca_file = string_of(reading, "ca_file");
    read_ranges(reading, options);
    struct du_names hosts = list_of(reading, "credential_hosts");
    options->credential_hosts = (const char *const *)hosts.list;
    options->credential_host_count = hosts.count;
    options->connect_ms = integer_of(reading, "connect_timeout", 0);
    options->first_byte_ms = integer_of(reading, "first_byte_timeout", 0);
    options->stall_ms = integer_of(reading, "stall_timeout", 0);
    options->connections = (long)integer_of(reading, "connections", 0);
}

static void read_origins(struct reading *reading, struct du_config *config) {
    lua_State *L = reading->L;
    if (lua_getfield(L, -1, "upstreams") == LUA_TTABLE) {
        size_t count = 0;
        for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1))
            count++;
        config->origins = room(reading, count, sizeof *config->origins);
        for (lua_pushnil(L); config->origins != NULL && lua_next(L, -2) != 0; lua_pop(L, 1))
            read_origin(reading, &config->origins[config->origin_count++].options);
    }
    lua_pop(L, 1);
}

static void read_member(struct reading *reading, struct du_config_member *member) {
    member->id = string_of(reading, "id");
    member->email = string_of(reading, "email");
    member->password_hash = string_of(reading, "password_hash");
    member->active = boolean_of(reading, "active", true);
    member->admin = boolean_of(reading, "admin", false);
    member->entitlements = list_of(reading, "entitlements");
}

static void read_members(struct reading *reading, struct du_config *config) {
    lua_State *L = reading->L;
    if (lua_getfield(L, -1, "members") == LUA_TTABLE) {
        size_t count = lua_rawlen(L, -1);
        config->members = room(reading, count, sizeof *config->members);
        for (size_t i = 0; config->members != NULL && i < count; i++) {
            if (lua_rawgeti(L, -1, (lua_Integer)i + 1) == LUA_TTABLE)
                read_member(reading, &config->members[config->member_count++]);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

static void read_log(struct reading *reading, struct du_config *config) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    config->log_level = DU_LOG_INFO;
    if (lua_getfield(reading->L, -1, "log") == LUA_TTABLE) {
        char *format = string_of(reading, "format"), *level = string_of(reading, "level");
        if (format != NULL && strcmp(format, "json") == 0)
            config->log_format = DU_LOG_JSON;
        for (int i = 0; level != NULL && i < 4; i++) {
            if (strcmp(level, levels[i]) == 0)
                config->log_level = (enum du_log_level)i;
        }
        config->log_file = string_of(reading, "file");
        du_free(format);
        du_free(level);
    }
    lua_pop(reading->L, 1);
}

static void read_cache_and_budget(struct reading *reading, struct du_config *config) {
    lua_State *L = reading->L;
    config->cache_bytes = config->cache_min_free = -1;
    config->fills_per_upstream = DEFAULT_PER_UPSTREAM;
    config->fills_per_member = DEFAULT_PER_MEMBER;
    config->instructions = DEFAULT_INSTRUCTIONS;
    config->memory_bytes = DEFAULT_MEMORY;
    if (lua_getfield(L, -1, "cache") == LUA_TTABLE) {
        config->cache_bytes = integer_of(reading, "max_bytes", -1);
        config->cache_min_free = integer_of(reading, "min_free_bytes", -1);
        config->fills_per_upstream =
            integer_of(reading, "fills_per_upstream", DEFAULT_PER_UPSTREAM);
        config->fills_per_member = integer_of(reading, "fills_per_member", DEFAULT_PER_MEMBER);
        config->accept_empty_cache = boolean_of(reading, "accept_empty", false);
        config->cache_dir = string_of(reading, "dir");
    }
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "budget") == LUA_TTABLE) {
        config->instructions = integer_of(reading, "instructions", DEFAULT_INSTRUCTIONS);
        config->memory_bytes = integer_of(reading, "memory", DEFAULT_MEMORY);
    }
    lua_pop(L, 1);
}

static void read_audit(struct reading *reading, struct du_config *config) {
    if (lua_getfield(reading->L, -1, "audit") == LUA_TTABLE)
        config->audit_keep_ms = integer_of(reading, "keep", 0);
    lua_pop(reading->L, 1);
}

static void read_reload(struct reading *reading, struct du_config *config) {
    if (lua_getfield(reading->L, -1, "reload") == LUA_TTABLE) {
        config->reload_specs = boolean_of(reading, "specs", false);
        config->reload_specs_ms = integer_of(reading, "specs_timeout", 0);
    }
    lua_pop(reading->L, 1);
}

static void read_settings(struct reading *reading, struct du_config *config) {
    config->name = string_of(reading, "name");
    config->data_dir = string_of(reading, "data_dir");
    config->external_url = string_of(reading, "external_url");
    config->listen = list_of(reading, "listen");
    config->admin_listen = list_of(reading, "admin_listen");
    config->limits = keys_of(reading, "limits");
    config->flights = list_of(reading, "flights");
    config->workers = (unsigned)integer_of(reading, "workers", 0);
    config->drain_ms = integer_of(reading, "drain", 30000);
    read_log(reading, config);
    read_reload(reading, config);
    read_cache_and_budget(reading, config);
    read_audit(reading, config);
    read_origins(reading, config);
}

enum du_error_kind du_config_read(lua_State *L, int at, struct du_config *config,
                                  struct du_error *error) {
    struct reading reading = {.L = L};
    memset(config, 0, sizeof *config);
    if (!lua_checkstack(L, 12))
        return du_error_set(error, DU_MEMORY, "reading the configuration");
    lua_pushvalue(L, at);
    if (lua_getfield(L, -1, "settings") == LUA_TTABLE)
        read_settings(&reading, config);
    lua_pop(L, 1);
    read_members(&reading, config);
    lua_pop(L, 1);
    if (!reading.failed)
        return DU_OK;
    du_config_deinit(config);
    return du_error_set(error, DU_MEMORY, "reading the configuration");
}

static void free_origin(struct du_origin_options *options) {
    du_free((char *)options->name);
    du_free((char *)options->url);
    du_free((char *)options->token);
    du_free((char *)options->username);
    du_free((char *)options->password);
    du_free((char *)options->ca_file);
    du_free((struct du_cidr *)options->allow_private);
    for (size_t i = 0; i < options->credential_host_count; i++)
        du_free((char *)options->credential_hosts[i]);
    du_free((char **)options->credential_hosts);
}

static void free_member(struct du_config_member *member) {
    du_free(member->id);
    du_free(member->email);
    du_free(member->password_hash);
    free_names(&member->entitlements);
}

void du_config_deinit(struct du_config *config) {
    du_free(config->name);
    du_free(config->data_dir);
    du_free(config->cache_dir);
    du_free(config->external_url);
    du_free(config->log_file);
    free_names(&config->listen);
    free_names(&config->admin_listen);
    free_names(&config->limits);
    free_names(&config->flights);
    for (size_t i = 0; i < config->origin_count; i++)
        free_origin(&config->origins[i].options);
    du_free(config->origins);
    for (size_t i = 0; i < config->member_count; i++)
        free_member(&config->members[i]);
    du_free(config->members);
    memset(config, 0, sizeof *config);
}
