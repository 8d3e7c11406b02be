#include "lua_answer.h"

#include "box.h"
#include "file_body.h"
#include "lua_audit.h"
#include "lua_double.h"
#include "lua_errors.h"
#include "lua_lease.h"
#include "lua_source.h"
#include "range.h"
#include "watched_body.h"

#include <stdio.h>
#include <string.h>

/* What of the answer is needed more than once. */
struct answer {
    lua_State *L;
    int index;
    struct du_request *request;
    struct du_reply *reply;
    struct du_cache_open *source;   /* this, */
    const struct du_lua_file *file; /* or this, or NULL both: bytes */
    const char *etag;               /* the table keeps it */
    int64_t modified_ms;            /* -1: not said */
    bool ranges;
};

/* Pushes a field, without metamethods. Gives its type. */
static int get(const struct answer *answer, const char *key) {
    lua_pushstring(answer->L, key);
    return lua_rawget(answer->L, answer->index);
}

static void wrong(const struct answer *answer, const char *key, const char *wanted) {
    luaL_error(answer->L, "an answer's %s is %s, not a %s", key, wanted,
               luaL_typename(answer->L, -1));
}

static void add_header(const struct answer *answer, const char *name, const char *value,
                       size_t size) {
    struct du_error error;
    enum du_error_kind kind =
        du_reply_header(answer->reply, name, strlen(name), value, size, &error);
    if (kind == DU_MEMORY)
        du_lua_raise(answer->L, du_error_of(DU_MEMORY));
    if (kind != DU_OK)
        luaL_error(answer->L, "an answer's header: %s", error.message);
}

static void add_text_header(const struct answer *answer, const char *name, const char *value) {
    add_header(answer, name, value, strlen(value));
}

static void read_status(const struct answer *answer) {
    int is_integer = 0;
    get(answer, "status");
    lua_Integer status = lua_tointegerx(answer->L, -1, &is_integer);
    if (!is_integer)
        wrong(answer, "status", "an integer");
    if (status < 200 || status > 599)
        luaL_error(answer->L, "an answer's status is 200 to 599, not %d", (int)status);
    answer->reply->status = (int)status;
    lua_pop(answer->L, 1);
}

/* The name at -2, the text at -1. */
static void add_lua_header(const struct answer *answer, int name, int value) {
    size_t size;
    if (!lua_isstring(answer->L, value))
        luaL_error(answer->L, "an answer's header %s is a string or a list of strings, not a %s",
                   lua_tostring(answer->L, name), luaL_typename(answer->L, value));
    lua_pushvalue(answer->L, value); /* converting a number must not change the table */
    const char *text = lua_tolstring(answer->L, -1, &size);
    add_header(answer, lua_tostring(answer->L, name), text, size);
    lua_pop(answer->L, 1);
}

static void read_headers(const struct answer *answer) {
    lua_State *L = answer->L;
    int type = get(answer, "headers");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        wrong(answer, "headers", "a table");
    int headers = lua_gettop(L), name = headers + 1, value = headers + 2;
    if (type == LUA_TTABLE) {
        lua_pushnil(L);
        while (lua_next(L, headers)) {
            if (lua_type(L, name) != LUA_TSTRING)
                luaL_error(L, "an answer's headers have names, not a %s", luaL_typename(L, name));
            lua_Integer count = lua_istable(L, value) ? (lua_Integer)lua_rawlen(L, value) : 0;
            for (lua_Integer i = 1; i <= count; i++) {
                lua_rawgeti(L, value, i);
                add_lua_header(answer, name, value + 1);
                lua_pop(L, 1);
            }
            if (!lua_istable(L, value))
                add_lua_header(answer, name, value);
            lua_pop(L, 1);
        }
    }
    lua_settop(L, headers - 1);
}

static void read_validators(struct answer *answer) {
    lua_State *L = answer->L;
    char date[DU_CLOCK_TEXT];
    int type = get(answer, "etag");
    if (type != LUA_TNIL && type != LUA_TSTRING)
        wrong(answer, "etag", "a string");
    answer->etag = lua_tostring(L, -1);
    if (answer->etag != NULL)
        add_text_header(answer, "ETag", answer->etag);
    lua_pop(L, 1);
    answer->modified_ms = -1;
    if (get(answer, "modified") != LUA_TNIL) {
        int is_integer = 0;
        answer->modified_ms = lua_tointegerx(L, -1, &is_integer) * 1000;
        if (!is_integer || answer->modified_ms < 0)
            wrong(answer, "modified", "seconds since 1970");
        add_text_header(answer, "Last-Modified", du_clock_http_date(answer->modified_ms, date));
    }
    lua_pop(L, 1);
}

/* RFC 9211. */
static const char *cache_status(enum du_cache_status status) {
    switch (status) {
    case DU_CACHE_HIT:
        return "dunite; hit";
    case DU_CACHE_MISS:
        return "dunite; fwd=miss";
    case DU_CACHE_COALESCED:
        return "dunite; fwd=miss; collapsed";
    case DU_CACHE_BYPASS:
        return "dunite; fwd=bypass";
    }
    return "";
}

static void read_source(struct answer *answer) {
    lua_State *L = answer->L;
    answer->ranges = get(answer, "ranges") == LUA_TNIL || lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (get(answer, "source") != LUA_TNIL) { /* the table keeps it */
        answer->source = du_lua_check_source(L, lua_gettop(L));
        du_lua_source_digest(L, lua_gettop(L), answer->request->digest);
        answer->request->cache_status = du_lua_source_status(answer->source->status);
        add_text_header(answer, "Cache-Status", cache_status(answer->source->status));
        if (answer->ranges)
            add_text_header(answer, "Accept-Ranges", "bytes");
    }
    lua_pop(L, 1);
}

/* What a double's answer may have besides. */
static void read_file(struct answer *answer) {
    if (get(answer, "file") != LUA_TNIL) /* the table keeps it */
        answer->file = du_lua_check_file(answer->L, lua_gettop(answer->L));
    if (answer->file != NULL && answer->ranges)
        add_text_header(answer, "Accept-Ranges", "bytes");
    lua_pop(answer->L, 1);
}

static bool is_bytes(const struct answer *answer) {
    return answer->source == NULL && answer->file == NULL;
}

static void read_bytes(const struct answer *answer) {
    lua_State *L = answer->L;
    size_t size;
    int type = get(answer, "body");
    if (type != LUA_TNIL && type != LUA_TSTRING)
        wrong(answer, "body", "a string");
    if (type == LUA_TSTRING && is_bytes(answer)) {
        const char *bytes = lua_tolstring(L, -1, &size);
        du_bytes_add(&answer->reply->bytes, bytes, size);
        if (answer->reply->bytes.failed)
            du_lua_raise(L, du_error_of(DU_MEMORY));
    }
    lua_pop(L, 1);
    if (get(answer, "length") != LUA_TNIL) {
        int is_integer = 0;
        answer->reply->length = lua_tointegerx(L, -1, &is_integer);
        if (!is_integer)
            wrong(answer, "length", "an integer");
    }
    lua_pop(L, 1);
}

static void read_problem(const struct answer *answer) {
    struct du_error error;
    get(answer, "problem");
    if (du_lua_read_error(answer->L, lua_gettop(answer->L), &error))
        answer->request->problem = error.kind;
    lua_pop(answer->L, 1);
}

/* Last of all: from here on they are the request's. */
static void take_holds(const struct answer *answer) {
    lua_State *L = answer->L;
    int type = get(answer, "leases");
    if (type != LUA_TNIL && type != LUA_TTABLE)
        wrong(answer, "leases", "a list");
    lua_Integer count = type == LUA_TTABLE ? (lua_Integer)lua_rawlen(L, -1) : 0;
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        struct du_hold *lease = du_lua_check_lease(L, lua_gettop(L));
        if (lease != NULL)
            du_hold_give(lease, &answer->request->holds);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    if (get(answer, "audit") != LUA_TNIL) {
        struct du_hold *event = du_lua_check_event(L, lua_gettop(L));
        if (event != NULL)
            du_hold_give(event, &answer->request->holds);
    }
    lua_pop(L, 1);
}

/* What the request asks for, against what there is. */

static void find(const struct du_exchange *exchange, const char *name, struct du_slice *value) {
    size_t from = 0;
    if (!du_exchange_header(exchange, name, &from, value))
        *value = (struct du_slice){NULL, 0};
}

/* A file without a validator that gives no ranges is whole whatever a request says. */
static bool has_conditions(const struct answer *answer) {
    return answer->source != NULL || (answer->file != NULL && answer->ranges) ||
           answer->etag != NULL || answer->modified_ms >= 0;
}

static enum du_range_outcome decide(const struct answer *answer, int64_t size, int64_t *first,
                                    int64_t *length) {
    const struct du_exchange *exchange = answer->request->exchange;
    struct du_slice method = du_exchange_method(exchange);
    bool get = du_slice_equal(method, DU_SLICE("GET"));
    struct du_range_request wanted = {.get = get && !is_bytes(answer) && answer->ranges};
    struct du_range_thing thing = {size, answer->etag, answer->modified_ms};
    *first = 0;
    *length = -1;
    if (answer->reply->status != 200 || !(get || du_exchange_is_head(exchange)) ||
        !has_conditions(answer))
        return DU_RANGE_WHOLE;
    find(exchange, "if-match", &wanted.if_match);
    find(exchange, "if-none-match", &wanted.if_none_match);
    find(exchange, "if-modified-since", &wanted.if_modified_since);
    find(exchange, "if-unmodified-since", &wanted.if_unmodified_since);
    if (wanted.get) {
        find(exchange, "range", &wanted.range);
        find(exchange, "if-range", &wanted.if_range);
    }
    return du_range_decide(&wanted, &thing, first, length);
}

static void become_part(const struct answer *answer, int64_t size, int64_t first, int64_t length) {
    char text[80];
    answer->reply->status = 206;
    snprintf(text, sizeof text, "bytes %lld-%lld/%lld", (long long)first,
             (long long)(first + length - 1), (long long)size);
    add_text_header(answer, "Content-Range", text);
}

static void become_empty(const struct answer *answer, int status) {
    answer->reply->status = status;
    answer->reply->length = -1;
    du_bytes_clear(&answer->reply->bytes);
}

static void become_unsatisfiable(const struct answer *answer, int64_t size) {
    char text[40];
    become_empty(answer, 416);
    snprintf(text, sizeof text, "bytes */%lld", (long long)size);
    add_text_header(answer, "Content-Range", text);
}

static struct du_body *source_body(const struct answer *answer, int64_t first, int64_t length) {
    struct du_error error = du_error_of(DU_MEMORY);
    struct du_body *reader = du_reader_new(answer->source, first, length, &error);
    if (reader == NULL)
        du_lua_raise(answer->L, error);
    struct du_body *body = du_watched_body_new(&reader, answer->request);
    if (body == NULL)
        reader->type->close(reader);
    return body;
}

static struct du_body *file_body(const struct answer *answer, int64_t first, int64_t length) {
    int64_t rest = answer->file->size - first;
    return du_file_body_new(answer->file->fd, first, length < 0 ? rest : length);
}

static void attach_body(const struct answer *answer, int64_t first, int64_t length) {
    if (is_bytes(answer))
        return;
    answer->reply->body = answer->source != NULL ? source_body(answer, first, length)
                                                 : file_body(answer, first, length);
    if (answer->reply->body == NULL)
        du_lua_raise(answer->L, du_error_of(DU_MEMORY));
}

/* A double's: what it stands behind, or how fast it may go. */
static void hold_back(const struct answer *answer) {
    lua_State *L = answer->L;
    struct du_gate *gate =
        get(answer, "gate") != LUA_TNIL ? du_lua_check_gate(L, lua_gettop(L)) : NULL;
    get(answer, "pace");
    lua_Integer pace = lua_tointeger(L, -1);
    if (answer->reply->body != NULL && (gate != NULL || pace > 0)) {
        struct du_body *held =
            du_gated_body_new(&answer->reply->body, answer->request->context, gate, pace);
        if (held == NULL)
            du_lua_raise(L, du_error_of(DU_MEMORY));
        answer->reply->body = held;
    }
    lua_pop(L, 2);
}

static int64_t size_of(const struct answer *answer) {
    if (answer->source != NULL)
        return du_lua_source_size(answer->source);
    return answer->file != NULL ? answer->file->size : (int64_t)answer->reply->bytes.size;
}

static void fulfil(const struct answer *answer) {
    int64_t first, length;
    int64_t size = size_of(answer);
    enum du_range_outcome outcome = decide(answer, size, &first, &length);
    switch (outcome) {
    case DU_RANGE_PART:
        become_part(answer, size, first, length);
        attach_body(answer, first, length);
        return;
    case DU_RANGE_WHOLE:
        attach_body(answer, 0, -1);
        return;
    case DU_RANGE_NOT_MODIFIED:
        become_empty(answer, 304);
        break;
    case DU_RANGE_FAILED:
        become_empty(answer, 412);
        break;
    case DU_RANGE_UNSATISFIABLE:
        become_unsatisfiable(answer, size);
        break;
    }
    if (answer->source != NULL)
        du_cache_release(answer->source);
}

void du_lua_answer_read(lua_State *L, int index, struct du_request *request) {
    struct answer answer = {.L = L, .index = index, .request = request, .reply = &request->reply};
    if (!lua_istable(L, index))
        luaL_error(L, "a handler gave a %s, not an answer", luaL_typename(L, index));
    luaL_checkstack(L, 8, NULL);
    read_status(&answer);
    read_headers(&answer);
    read_source(&answer);
    read_file(&answer);
    read_validators(&answer);
    read_bytes(&answer);
    read_problem(&answer);
    take_holds(&answer);
    fulfil(&answer);
    hold_back(&answer);
}
