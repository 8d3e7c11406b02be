#ifndef DU_CONFIG_H
#define DU_CONFIG_H

/* The settings of a deployment that C needs, read out of the table that scripts/dunite/boot.lua
 * made.
 *
 * Invariants
 *  1. What is here was checked by the schema in Lua; reading it can only run out of memory.
 *  2. All strings are the config's own. Secrets stay in here and in the origins made from it.
 */

#include "error.h"
#include "log.h"
#include "upstream.h"

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct du_names {
    char **list;
    size_t count;
};

struct du_config_origin {
    struct du_origin_options options; /* its strings and lists are owned here */
};

struct du_config_member {
    char *id, *email, *password_hash;
    bool active, admin;
    struct du_names entitlements;
};

struct du_config {
    char *name, *data_dir, *cache_dir, *external_url, *log_file;
    struct du_names listen, admin_listen, limits, flights;
    struct du_config_origin *origins;
    size_t origin_count;
    struct du_config_member *members;
    size_t member_count;
    unsigned workers;      /* 0: one per core */
    int64_t audit_keep_ms; /* 0: for ever */
    int64_t fills_per_upstream, fills_per_member;
    int64_t drain_ms, reload_specs_ms, cache_bytes, cache_min_free, instructions, memory_bytes;
    bool accept_empty_cache;
    bool reload_specs; /* a reload runs the deployment's specs first */
    enum du_log_format log_format;
    enum du_log_level log_level;
};

/* `at`: the stack index of what boot.load gave (its settings and members are read). */
enum du_error_kind du_config_read(lua_State *L, int at, struct du_config *config,
                                  struct du_error *error);
void du_config_deinit(struct du_config *config);

#endif
