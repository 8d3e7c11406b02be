#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "lua_source.h"
#include "lua_upstream.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "request.h"
#include "wait.h"

/* native.cache: a table of functions that are called as methods. */

struct opening {
    struct du_wait wait;
    struct du_cache *cache;
    struct du_cache_open open;
    struct du_digest digest;
    bool has_digest;
};

struct storing {
    struct du_wait wait;
    struct du_cache_store store;
    struct du_digest expected;
    char *bytes;
};

static int push_opened(lua_State *L, struct du_wait *wait) {
    struct opening *opening = (struct opening *)wait;
    if (opening->open.error.kind != DU_OK)
        return du_lua_fail(L, &opening->open.error);
    du_lua_push_source(L, &opening->open, opening->has_digest ? &opening->digest : NULL);
    return 1;
}

static bool leave(struct du_wait *wait) {
    struct opening *opening = (struct opening *)wait;
    return du_cache_leave(opening->cache, &opening->open);
}

static void drop_opened(struct du_wait *wait) {
    du_cache_release(&((struct opening *)wait)->open);
}

static const struct du_wait_type open_type = {sizeof(struct opening), push_opened, leave,
                                              drop_opened};

static void opened(struct du_cache_open *open) {
    du_wait_settle(&du_container_of(open, struct opening, open)->wait);
}

/* False: there is none. */
static bool read_digest(lua_State *L, const char *text, size_t size, struct du_digest *digest) {
    if (text == NULL)
        return false;
    if (!du_digest_parse(text, size, digest))
        luaL_error(L, "\"%s\" is no digest; one is sha256: and 64 hex digits", text);
    return true;
}

static void read_options(lua_State *L, struct du_cache_options *options, struct du_digest *digest) {
    static const char *const keys[] = {"digest",   "name",    "version",    "size",
                                       "upstream", "url",     "headers",    "scope",
                                       "source",   "foreign", "on_abandon", NULL};
    static const char *const choices[] = {"cancel", "finish", NULL};
    size_t size;
    luaL_checktype(L, 2, LUA_TTABLE);
    du_options_check(L, 2, keys);
    const char *text = du_options_text(L, 2, "digest", NULL, &size);
    options->digest = read_digest(L, text, size, digest) ? digest : NULL;
    options->name = du_options_text(L, 2, "name", NULL, NULL);
    options->version = du_options_text(L, 2, "version", NULL, NULL);
    options->size = du_options_integer(L, 2, "size", -1);
    options->source = du_options_text(L, 2, "source", NULL, NULL);
    options->url = du_options_text(L, 2, "url", NULL, NULL);
    options->scope = du_options_text(L, 2, "scope", NULL, NULL);
    options->foreign = du_options_flag(L, 2, "foreign", false);
    options->cancel_when_abandoned = du_options_choice(L, 2, "on_abandon", choices, 1) == 0;
    if ((options->digest == NULL) == (options->name == NULL))
        luaL_error(L, "a cache entry has either a digest or a name");
    lua_getfield(L, 2, "upstream");
    if (!lua_isnil(L, -1)) {
        options->origin = du_lua_check_upstream(L, -1);
        if (options->url == NULL)
            luaL_error(L, "url is missing: what to ask the upstream for");
    }
    options->headers = du_options_headers(L, 2, "headers");
}

/* cache:open(options) */
static int open_entry(lua_State *L) {
    struct du_cache_options options = {.size = -1};
    struct du_digest digest;
    DU_EXPLAINED(L, "cache.open");
    read_options(L, &options, &digest);
    struct du_shared *shared = du_module_shared(L);
    struct du_request *request = du_request_of(L);
    if (request != NULL)
        options.member = request->member;
    struct opening *opening = du_wait_new(L, &open_type);
    opening->cache = shared->cache;
    opening->has_digest = options.digest != NULL;
    if (opening->has_digest)
        opening->digest = digest;
    opening->open.error = du_error_of(DU_OK);
    opening->open.home = opening->wait.context->mailbox;
    opening->open.opened = opened;
    if (du_cache_open(shared->cache, opening->wait.context->client, &options, &opening->open) !=
        DU_STEP_PENDING)
        return du_wait_answer(L, &opening->wait);
    return du_wait_park(L, &opening->wait);
}

/* cache:peek(options) */
static int peek(lua_State *L) {
    struct du_cache_options options = {.size = -1};
    struct du_digest digest;
    int64_t size;
    read_options(L, &options, &digest);
    enum du_cache_status status = du_cache_peek(du_module_shared(L)->cache, &options, &size);
    lua_pushstring(L, du_lua_source_status(status));
    if (size < 0)
        return 1;
    lua_pushinteger(L, size);
    return 2;
}

static int push_stored(lua_State *L, struct du_wait *wait) {
    struct storing *storing = (struct storing *)wait;
    char text[DU_DIGEST_TEXT];
    if (storing->store.error.kind != DU_OK)
        return du_lua_fail(L, &storing->store.error);
    lua_pushstring(L, du_digest_format(&storing->store.digest, text));
    return 1;
}

/* What the disk lane has begun is finished. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_stored(struct du_wait *wait) {
    du_free(((struct storing *)wait)->bytes);
}

static const struct du_wait_type store_type = {sizeof(struct storing), push_stored, cannot_withdraw,
                                               drop_stored};

static void stored(struct du_cache_store *store) {
    du_wait_settle(&du_container_of(store, struct storing, store)->wait);
}

/* cache:store(bytes, digest) */
static int store(lua_State *L) {
    size_t size, text_size;
    struct du_digest expected;
    DU_EXPLAINED(L, "cache.store");
    const char *bytes = luaL_checklstring(L, 2, &size);
    const char *text = luaL_optlstring(L, 3, NULL, &text_size);
    bool has_digest = read_digest(L, text, text_size, &expected);
    struct du_cache *cache = du_module_shared(L)->cache;
    struct storing *storing = du_wait_new(L, &store_type);
    storing->bytes = du_memdup(bytes, size);
    storing->store.error = du_error_of(storing->bytes != NULL ? DU_OK : DU_MEMORY);
    storing->store.home = storing->wait.context->mailbox;
    storing->store.stored = stored;
    storing->store.data = storing->bytes;
    storing->store.size = size;
    if (has_digest) {
        storing->expected = expected;
        storing->store.expected = &storing->expected;
    }
    if (storing->bytes != NULL) {
        enum du_error_kind kind = du_cache_store(cache, &storing->store);
        if (kind == DU_OK)
            return du_wait_park(L, &storing->wait);
        storing->store.error = du_error_of(kind);
    }
    return du_wait_answer(L, &storing->wait);
}

/* cache:forget(name) */
static int forget(lua_State *L) {
    DU_EXPLAINED(L, "cache.forget");
    const char *name = luaL_checkstring(L, 2);
    lua_pushboolean(L, du_index_forget(du_cache_index(du_module_shared(L)->cache), name));
    return 1;
}

void du_lua_cache_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"open", open_entry}, {"peek", peek}, {"store", store}, {"forget", forget}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "cache");
}
