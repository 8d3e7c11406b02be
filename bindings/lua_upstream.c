#include "lua_upstream.h"

#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "url.h"
#include "wait.h"

#include <string.h>

/* An upstream by name; what the name stands for is looked up at its first use. */
struct upstream_box {
    struct du_origin *origin; /* a reference: a reload may have put another in its place */
    char name[];
};

/* The headers of an answer that scripts are given. */
static const char *const header_names[] = {"cache-control",
                                           "content-disposition",
                                           "content-length",
                                           "content-range",
                                           "content-type",
                                           "date",
                                           "docker-content-digest",
                                           "docker-distribution-api-version",
                                           "etag",
                                           "last-modified",
                                           "link",
                                           "location",
                                           "oci-filters-applied",
                                           "oci-subject",
                                           "retry-after",
                                           "www-authenticate",
                                           "x-total-count",
                                           NULL};

struct fetching {
    struct du_wait wait;
    struct du_fetch *fetch;
    int64_t max;
    int status;
    struct du_bytes headers; /* "name\0value\0" … */
    struct du_bytes body;
    struct du_error error;
};

static const struct du_box_type upstream_type;

struct du_origin *du_lua_check_upstream(lua_State *L, int index) {
    struct upstream_box *box = du_box_check(L, index, &upstream_type);
    if (box->origin == NULL)
        box->origin = du_named_origin(du_module_shared(L)->named, box->name);
    if (box->origin == NULL)
        luaL_error(L, "no upstream \"%s\" is declared in this deployment", box->name);
    return box->origin;
}

static int close_upstream(lua_State *L) {
    struct upstream_box *box = du_box_check(L, 1, &upstream_type);
    du_origin_unref(&box->origin);
    return 0;
}

static void push_headers(lua_State *L, const struct du_bytes *headers) {
    lua_newtable(L);
    for (size_t at = 0; at < headers->size;) {
        const char *name = headers->data + at, *value = name + strlen(name) + 1;
        lua_pushstring(L, value);
        lua_setfield(L, -2, name);
        at += strlen(name) + strlen(value) + 2;
    }
}

static int push_answer(lua_State *L, struct du_wait *wait) {
    struct fetching *fetching = (struct fetching *)wait;
    if (fetching->error.kind != DU_OK)
        return du_lua_fail(L, &fetching->error);
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, fetching->status);
    lua_setfield(L, -2, "status");
    push_headers(L, &fetching->headers);
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, fetching->body.size > 0 ? fetching->body.data : "", fetching->body.size);
    lua_setfield(L, -2, "body");
    return 1;
}

static bool cancel_fetch(struct du_wait *wait) {
    struct fetching *fetching = (struct fetching *)wait;
    if (fetching->fetch != NULL)
        du_fetch_cancel(&fetching->fetch);
    return true;
}

static void drop_fetch(struct du_wait *wait) {
    struct fetching *fetching = (struct fetching *)wait;
    du_bytes_deinit(&fetching->headers);
    du_bytes_deinit(&fetching->body);
}

static const struct du_wait_type fetch_type = {sizeof(struct fetching), push_answer, cancel_fetch,
                                               drop_fetch};

/* It is over, in the midst of a hook: the fetch is stopped by the hook's false. */
static bool stop(struct fetching *fetching, enum du_error_kind kind, const char *why) {
    fetching->fetch = NULL;
    du_error_set(&fetching->error, kind, "%s", why);
    du_wait_post(&fetching->wait);
    return false;
}

/* Upstream's fault, not our load. */
static bool stop_too_large(struct fetching *fetching) {
    stop(fetching, DU_UPSTREAM, "upstream's answer is larger than allowed");
    fetching->error.status = fetching->status;
    return false;
}

static bool hear_head(void *user, const struct du_fetch_head *head) {
    struct fetching *fetching = user;
    fetching->status = head->status;
    for (const char *const *name = header_names; *name != NULL; name++) {
        const char *value = du_fetch_header(head->fetch, *name);
        if (value == NULL)
            continue;
        du_bytes_add(&fetching->headers, *name, strlen(*name) + 1);
        du_bytes_add(&fetching->headers, value, strlen(value) + 1);
    }
    if (fetching->headers.failed)
        return stop(fetching, DU_MEMORY, "out of memory for an answer's headers");
    if (head->length > fetching->max)
        return stop_too_large(fetching);
    return true;
}

static bool hear_data(void *user, const char *data, size_t size) {
    struct fetching *fetching = user;
    if ((int64_t)(fetching->body.size + size) > fetching->max)
        return stop_too_large(fetching);
    du_bytes_add(&fetching->body, data, size);
    if (fetching->body.failed)
        return stop(fetching, DU_MEMORY, "out of memory for an answer's body");
    return true;
}

static void hear_end(void *user, const struct du_error *error, bool complete) {
    struct fetching *fetching = user;
    fetching->fetch = NULL;
    fetching->error = *error;
    if (error->kind == DU_OK && !complete)
        du_error_set(&fetching->error, DU_TRANSPORT,
                     "the answer just ended; nothing says that it is whole");
    du_wait_settle(&fetching->wait);
}

/* An absolute URL must be of the upstream's own origin unless the script says otherwise. */
static enum du_error_kind check_origin(const struct du_origin *origin, const char *url,
                                       struct du_error *error) {
    struct du_url own = {0}, asked = {0};
    if (url[0] == '/')
        return DU_OK;
    enum du_error_kind kind = du_url_parse(du_origin_url(origin), &own, error);
    if (kind == DU_OK)
        kind = du_url_parse(url, &asked, error);
    if (kind == DU_OK && !du_url_same_origin(&own, &asked))
        kind = du_error_set(error, DU_INVALID_URL, "%s is not %s's, and not said to be foreign",
                            asked.host, du_origin_name(origin));
    du_url_deinit(&own);
    du_url_deinit(&asked);
    return kind;
}

/* upstream:fetch(options) */
static int fetch(lua_State *L) {
    static const char *const keys[] = {"url", "method",  "headers",    "body",    "scope",
                                       "max", "timeout", "any_status", "foreign", NULL};
    static const struct du_fetch_hooks hooks = {hear_head, hear_data, hear_end};
    DU_EXPLAINED(L, "upstream.fetch");
    struct du_fetch_options options = {.origin = du_lua_check_upstream(L, 1)};
    struct du_error error = du_error_of(DU_OK);
    luaL_checktype(L, 2, LUA_TTABLE);
    du_options_check(L, 2, keys);
    options.url = du_options_need(L, 2, "url");
    options.method = du_options_text(L, 2, "method", NULL, NULL);
    options.body = du_options_text(L, 2, "body", NULL, &options.body_size);
    options.scope = du_options_text(L, 2, "scope", NULL, NULL);
    options.total_ms = du_options_integer(L, 2, "timeout", 0);
    options.any_status = du_options_flag(L, 2, "any_status", false);
    int64_t max = du_options_integer(L, 2, "max", 1 << 20);
    bool foreign = du_options_flag(L, 2, "foreign", false);
    options.headers = du_options_headers(L, 2, "headers");
    if (!foreign && check_origin(options.origin, options.url, &error) != DU_OK)
        return du_lua_fail(L, &error);
    struct du_client *client = du_context_of(L)->client;
    struct fetching *fetching = du_wait_new(L, &fetch_type);
    fetching->max = max;
    fetching->error = du_error_of(DU_OK);
    if (du_fetch_start(client, &options, &hooks, fetching, &fetching->fetch, &fetching->error) !=
        DU_OK)
        return du_wait_answer(L, &fetching->wait);
    return du_wait_park(L, &fetching->wait);
}

static int url(lua_State *L) {
    lua_pushstring(L, du_origin_url(du_lua_check_upstream(L, 1)));
    return 1;
}

static int kind(lua_State *L) {
    switch (du_origin_kind(du_lua_check_upstream(L, 1))) {
    case DU_ORIGIN_FORGEJO:
        lua_pushliteral(L, "forgejo");
        break;
    case DU_ORIGIN_OCI:
        lua_pushliteral(L, "oci");
        break;
    case DU_ORIGIN_PLAIN:
        lua_pushliteral(L, "plain");
        break;
    }
    return 1;
}

static int name(lua_State *L) {
    struct upstream_box *box = du_box_check(L, 1, &upstream_type);
    lua_pushstring(L, box->name);
    return 1;
}

/* upstream(name) */
static int find(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    struct upstream_box *box = du_box_new(L, &upstream_type, sizeof *box + size + 1);
    memcpy(box->name, text, size);
    return 1;
}

static const luaL_Reg methods[] = {
    {"fetch", fetch}, {"url", url}, {"kind", kind}, {"name", name}, {NULL, NULL}};
static const struct du_box_type upstream_type = {"dunite.native.Upstream", methods, close_upstream};

void du_lua_upstream_open(lua_State *L) {
    du_box_define(L, &upstream_type);
    lua_pushcfunction(L, find);
    lua_setfield(L, -2, "upstream");
}
