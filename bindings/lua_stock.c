#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "stock.h"
#include "wait.h"

#include <stdlib.h>
#include <string.h>

/* native.stock: the store of blobs, for the operator's commands. What may block is the disk lane's.
 */

enum { SLICE = 64 << 20, FOUND_MOST = 10, ROWS_MOST = 1000 };

/* One thing asked of the disk lane. */
struct stocktaking {
    struct du_wait wait;
    struct du_job job;
    struct du_shared *shared;
    struct du_stock_check *check;
    struct du_stock_change change;
    struct du_digest digest;
    int64_t bytes;
    char hex[65];
    struct du_digest found[FOUND_MOST];
    size_t found_count;
    struct du_stock_row *rows;
    size_t row_count;
    struct du_stock_place place;
    struct du_error error;
};

static struct stocktaking *of_job(struct du_job *job) {
    return du_container_of(job, struct stocktaking, job);
}

static struct du_index *index_of(const struct stocktaking *taking) {
    return du_cache_index(taking->shared->cache);
}

/* A job that runs is waited for. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop(struct du_wait *wait) {
    du_stock_check_free(&((struct stocktaking *)wait)->check);
}

static void worked(struct du_job *job) {
    du_wait_settle(&of_job(job)->wait);
}

static struct stocktaking *begin(lua_State *L, const struct du_wait_type *type,
                                 void (*work)(struct du_job *job)) {
    struct du_shared *shared = du_module_shared(L);
    struct stocktaking *taking = du_wait_new(L, type);
    taking->shared = shared;
    taking->error = du_error_of(DU_OK);
    taking->job =
        (struct du_job){.work = work, .done = worked, .home = taking->wait.context->mailbox};
    return taking;
}

static int submit(lua_State *L, struct stocktaking *taking) {
    enum du_error_kind kind = du_lane_submit(taking->shared->disk, &taking->job);
    if (kind == DU_OK)
        return du_wait_park(L, &taking->wait);
    taking->error.kind = kind;
    return du_wait_answer(L, &taking->wait);
}

static void set_integer(lua_State *L, const char *key, int64_t value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, key);
}

static void push_digest(lua_State *L, const struct du_digest *digest) {
    char text[DU_DIGEST_TEXT];
    lua_pushstring(L, du_digest_format(digest, text));
}

static void read_digest(lua_State *L, int index, struct du_digest *digest) {
    size_t size;
    const char *text = luaL_checklstring(L, index, &size);
    if (!du_digest_parse(text, size, digest))
        luaL_error(L, "\"%s\" is no digest; one is sha256: and 64 hex digits", text);
}

/* Listing ----------------------------------------------------------------------------------- */

static void push_row(lua_State *L, const struct du_stock_row *row) {
    lua_Integer n = 0;
    lua_createtable(L, 0, 6);
    push_digest(L, &row->digest);
    lua_setfield(L, -2, "digest");
    set_integer(L, "size", row->size);
    set_integer(L, "used", row->used_ms);
    set_integer(L, "readers", (int64_t)row->readers);
    lua_newtable(L);
    for (const char *name = row->names; *name != '\0'; name += strlen(name) + 1) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, ++n);
    }
    lua_setfield(L, -2, "names");
}

static int push_rows(lua_State *L, struct du_wait *wait) {
    struct stocktaking *taking = (struct stocktaking *)wait;
    if (taking->error.kind != DU_OK)
        return du_lua_fail(L, &taking->error);
    lua_createtable(L, (int)taking->row_count, 0);
    for (size_t i = 0; i < taking->row_count; i++) {
        push_row(L, &taking->rows[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (taking->place.number == 0)
        return 1;
    char text[DU_DIGEST_TEXT];
    lua_pushfstring(L, "%I@%s", (LUAI_UACINT)taking->place.number,
                    du_digest_format(&taking->place.digest, text));
    return 2;
}

static void drop_rows(struct du_wait *wait) {
    struct stocktaking *taking = (struct stocktaking *)wait;
    du_stock_free_rows(&taking->rows, taking->row_count);
}

static const struct du_wait_type list_type = {sizeof(struct stocktaking), push_rows,
                                              cannot_withdraw, drop_rows};

/* Where push_rows said that it goes on. */
static void read_place(lua_State *L, int index, struct du_stock_place *place) {
    const char *text = luaL_optstring(L, index, "");
    char *rest = (char *)text;
    if (*text == '\0')
        return;
    place->number = strtoull(text, &rest, 10);
    if (*rest != '@' || !du_digest_parse(rest + 1, strlen(rest + 1), &place->digest))
        luaL_argerror(L, index, "not a place in the list");
}

static void list_some(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    taking->error.kind = du_stock_list(index_of(taking), &taking->place, ROWS_MOST, &taking->rows,
                                       &taking->row_count);
}

/* stock:list(place) */
static int list(lua_State *L) {
    struct du_stock_place place = {0};
    read_place(L, 2, &place);
    struct stocktaking *taking = begin(L, &list_type, list_some);
    taking->place = place;
    return submit(L, taking);
}

/* Finding ----------------------------------------------------------------------------------- */

static int push_found(lua_State *L, struct du_wait *wait) {
    struct stocktaking *taking = (struct stocktaking *)wait;
    if (taking->error.kind != DU_OK)
        return du_lua_fail(L, &taking->error);
    lua_newtable(L);
    for (size_t i = 0; i < taking->found_count && i < FOUND_MOST; i++) {
        push_digest(L, &taking->found[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushinteger(L, (lua_Integer)taking->found_count);
    return 2;
}

static const struct du_wait_type find_type = {sizeof(struct stocktaking), push_found,
                                              cannot_withdraw, NULL};

static void look(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    taking->found_count = du_stock_find(index_of(taking), taking->hex, taking->found, FOUND_MOST);
}

/* stock:find(prefix) */
static int find(lua_State *L) {
    size_t size;
    const char *hex = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, size > 0 && size <= 64 && strspn(hex, "0123456789abcdef") == size, 2,
                  "1 to 64 hex digits, in lower case");
    struct stocktaking *taking = begin(L, &find_type, look);
    memcpy(taking->hex, hex, size);
    return submit(L, taking);
}

/* Verifying --------------------------------------------------------------------------------- */

static int push_verdict(lua_State *L, struct du_wait *wait) {
    static const char *const names[] = {[DU_STOCK_OPEN] = "open",
                                        [DU_STOCK_SOUND] = "sound",
                                        [DU_STOCK_WRONG] = "wrong",
                                        [DU_STOCK_GONE] = "gone"};
    struct stocktaking *taking = (struct stocktaking *)wait;
    if (taking->error.kind != DU_OK &&
        (taking->check == NULL || du_stock_check_verdict(taking->check) == DU_STOCK_OPEN))
        return du_lua_fail(L, &taking->error);
    lua_newtable(L);
    lua_pushstring(L, names[du_stock_check_verdict(taking->check)]);
    lua_setfield(L, -2, "verdict");
    lua_pushstring(L, du_stock_check_place(taking->check));
    lua_setfield(L, -2, "place");
    lua_pushstring(L, taking->error.kind == DU_OK ? "" : taking->error.message);
    lua_setfield(L, -2, "why");
    return 1;
}

static const struct du_wait_type verify_type = {sizeof(struct stocktaking), push_verdict,
                                                cannot_withdraw, drop};

static void verify_some(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    if (taking->check == NULL && du_stock_check_new(&taking->check, index_of(taking),
                                                    &taking->digest, &taking->error) != DU_OK)
        return;
    du_stock_check_go(taking->check, taking->bytes, &taking->error);
}

/* A large blob takes turns in the lane with fills, and stops when nobody waits any more. */
static void verified_some(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    bool over = taking->error.kind != DU_OK || taking->wait.abandoned ||
                du_stock_check_verdict(taking->check) != DU_STOCK_OPEN;
    if (!over && du_lane_submit(taking->shared->disk, &taking->job) == DU_OK)
        return;
    du_wait_settle(&taking->wait);
}

/* stock:verify(digest) */
static int verify(lua_State *L) {
    struct du_digest digest;
    read_digest(L, 2, &digest);
    struct stocktaking *taking = begin(L, &verify_type, verify_some);
    taking->digest = digest;
    taking->bytes = SLICE;
    taking->job.done = verified_some;
    return submit(L, taking);
}

/* Leaving ----------------------------------------------------------------------------------- */

static int push_change(lua_State *L, struct du_wait *wait) {
    struct stocktaking *taking = (struct stocktaking *)wait;
    if (taking->error.kind != DU_OK)
        return du_lua_fail(L, &taking->error);
    lua_createtable(L, 0, 5);
    set_integer(L, "blobs", (int64_t)taking->change.blobs);
    set_integer(L, "bytes", taking->change.bytes);
    set_integer(L, "held", (int64_t)taking->change.held);
    set_integer(L, "left_blobs", (int64_t)du_index_count(index_of(taking)));
    set_integer(L, "left_bytes", du_index_bytes(index_of(taking)));
    return 1;
}

static const struct du_wait_type change_type = {sizeof(struct stocktaking), push_change,
                                                cannot_withdraw, NULL};

static void evict_blobs(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    du_stock_evict(index_of(taking), taking->bytes, &taking->change);
}

/* stock:evict(bytes) */
static int evict(lua_State *L) {
    int64_t bytes = luaL_checkinteger(L, 2);
    struct stocktaking *taking = begin(L, &change_type, evict_blobs);
    taking->bytes = bytes;
    return submit(L, taking);
}

static void remove_blob(struct du_job *job) {
    struct stocktaking *taking = of_job(job);
    du_stock_remove(index_of(taking), &taking->digest, &taking->change);
}

/* stock:remove(digest) */
static int remove_one(lua_State *L) {
    struct du_digest digest;
    read_digest(L, 2, &digest);
    struct stocktaking *taking = begin(L, &change_type, remove_blob);
    taking->digest = digest;
    return submit(L, taking);
}

void du_lua_stock_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"list", list},         {"find", find},
                                         {"verify", verify},     {"evict", evict},
                                         {"remove", remove_one}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "stock");
}
