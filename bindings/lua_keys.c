#include "box.h"
#include "explain.h"
#include "jwt.h"
#include "lua_errors.h"
#include "lua_json.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "random.h"
#include "wait.h"

#include <stdio.h>
#include <string.h>

/* native.keys: a table of functions that are called as methods. */

enum { JWT_ID_BYTES = 16, JWT_ID = 2 * JWT_ID_BYTES + 1 };

/* A token that was believed, closed by the collector as making its table may raise. */
static int close_jwt(lua_State *L);
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const struct du_box_type jwt_type = {"dunite.jwt", no_methods, close_jwt};

static int close_jwt(lua_State *L) {
    struct du_jwt *jwt = du_box_check(L, 1, &jwt_type);
    du_jwt_deinit(jwt);
    memset(jwt, 0, sizeof *jwt);
    return 0;
}

/* The set of now, kept by a pushed box. */
static struct du_key_set *push_set(lua_State *L) {
    struct du_keys *keys = du_module_shared(L)->keys;
    if (keys == NULL)
        luaL_error(L, "this engine has no keys");
    struct du_value **box = du_box_value(L);
    struct du_key_set *set = du_keys_set(keys);
    *box = &set->value;
    return set;
}

static int64_t now_s(lua_State *L) {
    return du_clock_wall_ms(&du_context_of(L)->base->clock) / 1000;
}

/* Takes a claim out of the table at index 4, so that what is left there is extra. The claims at 2
 * keep its text. */
static const char *take_text(lua_State *L, const char *key) {
    const char *text = du_options_text(L, 2, key, NULL, NULL);
    lua_pushnil(L);
    lua_setfield(L, 4, key);
    return text;
}

static int64_t take_time(lua_State *L, const char *key, int64_t absent) {
    int64_t time = du_options_integer(L, 2, key, absent);
    lua_pushnil(L);
    lua_setfield(L, 4, key);
    return time;
}

static const char *random_id(lua_State *L, char id[JWT_ID]) {
    if (!du_random_hex(id, JWT_ID_BYTES))
        luaL_error(L, "the system gives no random bytes");
    return id;
}

/* Pushes a copy of the claims at 2, to be index 4. */
static void push_extra(lua_State *L) {
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, 2)) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, 4);
    }
}

static struct du_jwt_claims read_claims(lua_State *L, char id[JWT_ID]) {
    struct du_jwt_claims claims = {0};
    claims.issuer = take_text(L, "iss");
    claims.subject = take_text(L, "sub");
    claims.audience = take_text(L, "aud");
    claims.id = take_text(L, "jti");
    claims.issued_at = take_time(L, "iat", now_s(L));
    claims.not_before = take_time(L, "nbf", 0);
    claims.expires_at = take_time(L, "exp", 0);
    if (claims.expires_at <= 0)
        luaL_error(L, "exp is missing: every token ends");
    if (claims.id == NULL)
        claims.id = random_id(L, id);
    return claims;
}

/* keys:mint(claims, typ) */
static int mint(lua_State *L) {
    char id[JWT_ID];
    DU_EXPLAINED(L, "keys.mint");
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *type = luaL_optstring(L, 3, "JWT");
    lua_settop(L, 3);
    push_extra(L);
    struct du_jwt_claims claims = read_claims(L, id);
    lua_pushnil(L);
    if (lua_next(L, 4)) {
        lua_settop(L, 4);
        du_lua_json_encode(L, 4);
        claims.extra = lua_tostring(L, -1);
    }
    struct du_key_set *set = push_set(L);
    struct du_bytes *token = du_box_bytes(L);
    struct du_error error;
    if (du_jwt_mint(set, type, &claims, token, &error) != DU_OK)
        return du_lua_fail(L, &error);
    du_box_bytes_push(L, token);
    return 1;
}

/* What verify remembers: in its upvalues the tokens it believed, how many were put there, and the
 * set that they were believed under. A token stands for a list of what it was asked for and what
 * it gave. */
enum { BELIEVED = 1, BELIEVED_COUNT, BELIEVED_UNDER, MEMORY_SLOTS = BELIEVED_UNDER };
enum { AS_ISSUER = 1, AS_AUDIENCE, AS_TYPE, AS_JWT, AS_CLAIMS };
static const char *const wanted_keys[] = {"issuer", "audience", "typ", NULL};

/* Forgets all when the keys are others than they were, or when there is too much of it. */
static void tend_memory(lua_State *L, const struct du_key_set *set, int set_index) {
    struct du_value **under = du_box_value_at(L, lua_upvalueindex(BELIEVED_UNDER));
    if (under != NULL && *under == &set->value &&
        lua_tointeger(L, lua_upvalueindex(BELIEVED_COUNT)) < DU_JWT_REMEMBERED)
        return;
    lua_newtable(L);
    lua_replace(L, lua_upvalueindex(BELIEVED));
    lua_pushinteger(L, 0);
    lua_replace(L, lua_upvalueindex(BELIEVED_COUNT));
    lua_pushvalue(L, set_index);
    lua_replace(L, lua_upvalueindex(BELIEVED_UNDER));
}

/* Was the list on top made for what is wanted now? */
static bool is_wanted(lua_State *L) {
    bool same = true;
    for (int i = 0; same && wanted_keys[i] != NULL; i++) {
        lua_rawgeti(L, -1, AS_ISSUER + i);
        lua_getfield(L, 3, wanted_keys[i]);
        same = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return same;
}

/* Pushes the claims of a token that was believed before and still is, or nothing. */
static bool push_believed(lua_State *L) {
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(BELIEVED)) != LUA_TTABLE || !is_wanted(L)) {
        lua_pop(L, 1);
        return false;
    }
    lua_rawgeti(L, -1, AS_JWT);
    bool timely = du_jwt_timely(du_box_check(L, -1, &jwt_type), now_s(L)) == DU_JWT_FINE;
    lua_pop(L, 1);
    if (timely) {
        lua_rawgeti(L, -1, AS_CLAIMS);
        return true;
    }
    lua_pushvalue(L, 2);
    lua_pushnil(L);
    lua_rawset(L, lua_upvalueindex(BELIEVED));
    lua_pop(L, 1);
    return false;
}

/* The claims are on top, and stay there. */
static void remember(lua_State *L, int jwt) {
    lua_createtable(L, AS_CLAIMS, 0);
    for (int i = 0; wanted_keys[i] != NULL; i++) {
        lua_getfield(L, 3, wanted_keys[i]);
        lua_rawseti(L, -2, AS_ISSUER + i);
    }
    lua_pushvalue(L, jwt);
    lua_rawseti(L, -2, AS_JWT);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -2, AS_CLAIMS);
    lua_pushvalue(L, 2);
    lua_insert(L, -2);
    lua_rawset(L, lua_upvalueindex(BELIEVED));
    lua_pushinteger(L, lua_tointeger(L, lua_upvalueindex(BELIEVED_COUNT)) + 1);
    lua_replace(L, lua_upvalueindex(BELIEVED_COUNT));
}

/* Pushes the claims of the token, or nil and why not. The memory keeps the set. */
static int read_token(lua_State *L, struct du_key_set *set) {
    size_t size;
    const char *token = lua_tolstring(L, 2, &size);
    du_options_check(L, 3, wanted_keys);
    struct du_jwt_wanted wanted = {.type = du_options_text(L, 3, "typ", "JWT", NULL),
                                   .issuer = du_options_need(L, 3, "issuer"),
                                   .audience = du_options_need(L, 3, "audience"),
                                   .now_s = now_s(L)};
    struct du_jwt *jwt = du_box_new(L, &jwt_type, sizeof *jwt);
    int box = lua_gettop(L);
    enum du_jwt_refusal refusal = du_jwt_verify(set, token, size, &wanted, jwt);
    if (refusal != DU_JWT_FINE) {
        memset(jwt, 0, sizeof *jwt);
        lua_pushnil(L);
        lua_pushstring(L, du_jwt_refusal_text(refusal));
        return 2;
    }
    int results = du_lua_json_decode(L, jwt->payload.data, jwt->payload.size);
    if (results == 1)
        remember(L, box);
    return results;
}

/* keys:verify(token, wanted) */
static int verify(lua_State *L) {
    DU_EXPLAINED(L, "keys.verify");
    luaL_checkstring(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    struct du_key_set *set = push_set(L);
    tend_memory(L, set, lua_gettop(L));
    return push_believed(L) ? 1 : read_token(L, set);
}

static int jwks(lua_State *L) {
    lua_pushstring(L, push_set(L)->jwks);
    return 1;
}

static int list(lua_State *L) {
    const struct du_key_set *set = push_set(L);
    lua_createtable(L, (int)set->count, 0);
    for (size_t i = 0; i < set->count; i++) {
        lua_createtable(L, 0, 3);
        lua_pushinteger(L, set->keys[i].made_ms);
        lua_setfield(L, -2, "created");
        lua_pushstring(L, set->keys[i].kid);
        lua_setfield(L, -2, "kid");
        lua_pushboolean(L, set->keys[i].active);
        lua_setfield(L, -2, "active");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

/* Changing the keys, on the disk lane. */

typedef enum du_error_kind key_change(struct du_keys *keys, char kid[DU_KEY_ID],
                                      struct du_error *error);

struct changing {
    struct du_wait wait;
    struct du_job job;
    struct du_keys *keys;
    key_change *change;
    char kid[DU_KEY_ID];
    struct du_error error;
};

static int push_changed(lua_State *L, struct du_wait *wait) {
    struct changing *changing = (struct changing *)wait;
    if (changing->error.kind != DU_OK)
        return du_lua_fail(L, &changing->error);
    lua_pushstring(L, changing->kid);
    return 1;
}

static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static const struct du_wait_type change_type = {sizeof(struct changing), push_changed,
                                                cannot_withdraw, NULL};

static void make_change(struct du_job *job) {
    struct changing *changing = du_container_of(job, struct changing, job);
    changing->change(changing->keys, changing->kid, &changing->error);
}

static void change_made(struct du_job *job) {
    du_wait_settle(&du_container_of(job, struct changing, job)->wait);
}

static const char *check_kid(lua_State *L) {
    const char *kid = luaL_checkstring(L, 2);
    luaL_argcheck(L, strlen(kid) < DU_KEY_ID, 2, "no kid is so long");
    return kid;
}

/* kid: "" where the change takes none. */
static int start_change(lua_State *L, key_change *change, const char *kid) {
    struct du_shared *shared = du_module_shared(L);
    struct changing *changing = du_wait_new(L, &change_type);
    changing->keys = shared->keys;
    changing->change = change;
    snprintf(changing->kid, sizeof changing->kid, "%s", kid);
    changing->error = du_error_of(DU_OK);
    changing->job = (struct du_job){
        .work = make_change, .done = change_made, .home = changing->wait.context->mailbox};
    enum du_error_kind kind = du_lane_submit(shared->disk, &changing->job);
    if (kind == DU_OK) /* it is the lane's now, with its error */
        return du_wait_park(L, &changing->wait);
    changing->error.kind = kind;
    return du_wait_answer(L, &changing->wait);
}

static enum du_error_kind retire_key(struct du_keys *keys, char kid[DU_KEY_ID],
                                     struct du_error *error) {
    return du_keys_retire(keys, kid, error);
}

static enum du_error_kind remove_key(struct du_keys *keys, char kid[DU_KEY_ID],
                                     struct du_error *error) {
    return du_keys_remove(keys, kid, error);
}

static enum du_error_kind activate_key(struct du_keys *keys, char kid[DU_KEY_ID],
                                       struct du_error *error) {
    return du_keys_activate(keys, kid, error);
}

static enum du_error_kind reload_keys(struct du_keys *keys, char kid[DU_KEY_ID],
                                      struct du_error *error) {
    (void)kid;
    return du_keys_reload(keys, error);
}

/* keys:create(), keys:retire(kid), keys:remove(kid), keys:activate(kid), keys:reload() */
static int create(lua_State *L) {
    DU_EXPLAINED(L, "keys.create");
    return start_change(L, du_keys_make, "");
}

static int retire(lua_State *L) {
    DU_EXPLAINED(L, "keys.retire");
    return start_change(L, retire_key, check_kid(L));
}

static int remove_retired(lua_State *L) {
    DU_EXPLAINED(L, "keys.remove");
    return start_change(L, remove_key, check_kid(L));
}

static int activate(lua_State *L) {
    DU_EXPLAINED(L, "keys.activate");
    return start_change(L, activate_key, check_kid(L));
}

static int reload(lua_State *L) {
    DU_EXPLAINED(L, "keys.reload");
    return start_change(L, reload_keys, "");
}

void du_lua_keys_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"mint", mint},         {"jwks", jwks},     {"list", list},
        {"create", create},     {"retire", retire}, {"remove", remove_retired},
        {"activate", activate}, {"reload", reload}, {NULL, NULL}};
    du_box_define(L, &jwt_type);
    luaL_newlib(L, functions);
    for (int i = 0; i < MEMORY_SLOTS; i++)
        lua_pushnil(L);
    lua_pushcclosure(L, verify, MEMORY_SLOTS);
    lua_setfield(L, -2, "verify");
    lua_setfield(L, -2, "keys");
}
