#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "failure_limiter.h"
#include "lua_errors.h"
#include "lua_member.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "password.h"
#include "wait.h"

#include <string.h>

/* Checking a password: the failures' budget, then what is remembered, then argon2 on its lane. */

struct verifying {
    struct du_wait wait;
    struct du_job job;
    struct du_shared *shared;
    struct du_member *member; /* NULL: there is none of that name */
    char *name, *address, *password;
    size_t size;
    bool right, refused;
    int64_t retry_after; /* refused: seconds */
    struct du_error error;
};

static int push_verified(lua_State *L, struct du_wait *wait) {
    struct verifying *verifying = (struct verifying *)wait;
    if (verifying->refused) {
        du_error_set(&verifying->error, DU_OVERLOADED, "too many wrong passwords");
        verifying->error.retry_after = verifying->retry_after;
    }
    if (verifying->error.kind != DU_OK)
        return du_lua_fail(L, &verifying->error);
    if (verifying->right)
        du_lua_push_member(L, verifying->member);
    else
        lua_pushnil(L);
    return 1;
}

/* A verification that runs is finished. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_verified(struct du_wait *wait) {
    struct verifying *verifying = (struct verifying *)wait;
    if (verifying->member != NULL)
        du_member_unref(&verifying->member);
    if (verifying->password != NULL)
        explicit_bzero(verifying->password, verifying->size);
    du_free(verifying->password);
    du_free(verifying->name);
    du_free(verifying->address);
}

static const struct du_wait_type verify_type = {sizeof(struct verifying), push_verified,
                                                cannot_withdraw, drop_verified};

static bool is_refused(struct verifying *verifying) {
    verifying->refused = !du_failure_limiter_allowed(verifying->shared->failures, verifying->name,
                                                     verifying->address, &verifying->retry_after);
    return verifying->refused;
}

static bool is_right(struct verifying *verifying) {
    const struct du_member *member = verifying->member;
    bool right = false;
    if (member == NULL)
        du_password_dummy(verifying->password, verifying->size);
    else
        du_password_verify(member->password_hash, verifying->password, verifying->size, &right,
                           &verifying->error);
    return right && member->active;
}

/* The password is known now: a hash that another system made becomes one of ours. Where that fails,
 * the next time will do. */
static void renew_hash(struct verifying *verifying) {
    const struct du_member *member = verifying->member;
    char hash[DU_PASSWORD_TEXT];
    if (!member->fixed && du_password_is_foreign(member->password_hash) &&
        du_password_hash(verifying->password, verifying->size, hash, NULL) == DU_OK)
        du_members_rehash(verifying->shared->members, member->id, member->password_hash, hash, NULL,
                          NULL, NULL);
}

/* On the password lane: asked for a second time, as many may have waited for the lane together. */
static void work(struct du_job *job) {
    struct verifying *verifying = du_container_of(job, struct verifying, job);
    struct du_shared *shared = verifying->shared;
    struct du_attempt attempt;
    verifying->refused = !du_failure_limiter_begin(shared->failures, &attempt, verifying->name,
                                                   verifying->address, &verifying->retry_after);
    if (verifying->refused)
        return;
    verifying->right = is_right(verifying);
    if (verifying->right) {
        du_credentials_remember(shared->credentials, verifying->member, verifying->password,
                                verifying->size);
        renew_hash(verifying);
    }
    du_failure_limiter_end(shared->failures, &attempt,
                           !verifying->right && verifying->error.kind == DU_OK);
}

static void verified(struct du_job *job) {
    du_wait_settle(&du_container_of(job, struct verifying, job)->wait);
}

/* The member that Lua hands in at index 5, who is kept elsewhere; a pushed box keeps it. NULL:
 * there is none. Raises for what is none. */
static struct du_member *outside_member(lua_State *L) {
    static const char *const keys[] = {"id", "email", "password_hash", "active", NULL};
    struct du_member *member = NULL;
    struct du_error error;
    if (lua_isnoneornil(L, 5))
        return NULL;
    du_options_check(L, 5, keys);
    struct du_value **box = du_box_value(L);
    struct du_member_data data = {.id = du_options_need(L, 5, "id"),
                                  .email = du_options_need(L, 5, "email"),
                                  .password_hash = du_options_text(L, 5, "password_hash", "", NULL),
                                  .active = du_options_flag(L, 5, "active", true)};
    if (du_members_outside(&member, &data, &error) != DU_OK)
        du_lua_raise(L, error);
    *box = &member->value;
    return member;
}

/* members:slowed(name, address) */
int du_lua_member_slowed(lua_State *L) {
    int64_t retry_after;
    const char *name = luaL_checkstring(L, 2), *address = luaL_checkstring(L, 3);
    if (du_failure_limiter_allowed(du_module_shared(L)->failures, name, address, &retry_after))
        return 0;
    lua_pushinteger(L, retry_after);
    return 1;
}

static struct du_member *find_member(struct du_members *members, const char *name) {
    struct du_member *member = du_members_find(members, name);
    return member != NULL ? member : du_members_find_email(members, name);
}

/* True when it can be answered at once. */
static bool is_settled(struct verifying *verifying) {
    const struct du_member *member = verifying->member;
    if (is_refused(verifying))
        return true;
    verifying->right = member != NULL && member->active &&
                       du_credentials_known(verifying->shared->credentials, member,
                                            verifying->password, verifying->size);
    return verifying->right;
}

/* members:verify(name, password, address, outside) */
int du_lua_member_verify(lua_State *L) {
    size_t size, name_size;
    DU_EXPLAINED(L, "members.verify");
    const char *name = luaL_checklstring(L, 2, &name_size);
    const char *password = luaL_checklstring(L, 3, &size);
    const char *address = luaL_checkstring(L, 4);
    struct du_shared *shared = du_module_shared(L);
    struct du_member *outside = outside_member(L);
    struct verifying *verifying = du_wait_new(L, &verify_type);
    bool failed = false;
    verifying->shared = shared;
    verifying->error = du_error_of(DU_OK);
    if (outside != NULL) {
        du_value_ref(&outside->value);
        verifying->member = outside;
    } else if (strlen(name) == name_size) { /* with a NUL in it it is nobody's */
        verifying->member = find_member(shared->members, name);
    }
    if (verifying->member != NULL)
        name = verifying->member->id; /* by whatever name: one budget of failures */
    verifying->name = du_options_copy(name, &failed);
    verifying->address = du_options_copy(address, &failed);
    verifying->password = du_memdup(password, size);
    verifying->size = size;
    if (failed || verifying->password == NULL) {
        verifying->error = du_error_of(DU_MEMORY);
        return du_wait_answer(L, &verifying->wait);
    }
    if (is_settled(verifying))
        return du_wait_answer(L, &verifying->wait);
    verifying->job =
        (struct du_job){.work = work, .done = verified, .home = verifying->wait.context->mailbox};
    enum du_error_kind kind = du_lane_submit(shared->password, &verifying->job);
    if (kind == DU_OK) /* it is the lane's now, with its error */
        return du_wait_park(L, &verifying->wait);
    verifying->error.kind = kind;
    return du_wait_answer(L, &verifying->wait);
}
