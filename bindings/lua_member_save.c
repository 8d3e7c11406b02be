#include "box.h"
#include "explain.h"
#include "lua_errors.h"
#include "lua_member.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "password.h"
#include "wait.h"

#include <string.h>

/* Making, changing and removing members: one durable change after the other, each by the journal.
 */

enum step { HASH, ADD, SET_PASSWORD, SET_ACTIVE, SET_ENTITLEMENTS, REMOVE, OVER };

struct saving {
    struct du_wait wait;
    struct du_job job;
    struct du_mail mail;
    struct du_members *members;
    enum step step; /* that is under way */
    bool exists, removes, has_active, active, admin, has_entitlements;
    char *id, *email, *password;
    size_t password_size;
    char **entitlements;
    size_t entitlement_count;
    char hash[DU_PASSWORD_TEXT]; /* "": no password was given */
    struct du_error error;
};

static void go_on(struct saving *saving, enum step step);

static int push_saved(lua_State *L, struct du_wait *wait) {
    struct saving *saving = (struct saving *)wait;
    if (saving->error.kind != DU_OK)
        return du_lua_fail(L, &saving->error);
    lua_pushboolean(L, 1);
    return 1;
}

/* What the journal was given, it keeps. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_saved(struct du_wait *wait) {
    struct saving *saving = (struct saving *)wait;
    for (size_t i = 0; i < saving->entitlement_count; i++)
        du_free(saving->entitlements[i]);
    du_free(saving->entitlements);
    if (saving->password != NULL)
        explicit_bzero(saving->password, saving->password_size);
    du_free(saving->password);
    du_free(saving->id);
    du_free(saving->email);
}

static const struct du_wait_type save_type = {sizeof(struct saving), push_saved, cannot_withdraw,
                                              drop_saved};

/* A step has ended, on the loop. */
static void step_done(struct saving *saving) {
    go_on(saving, saving->step == ADD ? OVER : saving->step + 1);
}

static void deliver(struct du_mail *mail) {
    step_done(du_container_of(mail, struct saving, mail));
}

/* On the journal's writer. */
static void changed(void *user, enum du_error_kind result, const char *message) {
    struct saving *saving = user;
    if (result != DU_OK)
        du_error_set(&saving->error, result, "%s", message != NULL ? message : "");
    du_mailbox_post(saving->wait.context->mailbox, &saving->mail);
}

static void hash_password(struct du_job *job) {
    struct saving *saving = du_container_of(job, struct saving, job);
    du_password_hash(saving->password, saving->password_size, saving->hash, &saving->error);
}

static void hashed(struct du_job *job) {
    step_done(du_container_of(job, struct saving, job));
}

static enum du_error_kind start_hash(struct saving *saving) {
    struct du_context *context = saving->wait.context;
    saving->job = (struct du_job){.work = hash_password, .done = hashed, .home = context->mailbox};
    return du_lane_submit(context->shared->password, &saving->job);
}

static enum du_error_kind start_add(struct saving *saving) {
    struct du_member_data data = {
        .id = saving->id,
        .email = saving->email != NULL ? saving->email : "",
        .password_hash = saving->hash,
        .active = !saving->has_active || saving->active,
        .admin = saving->admin,
        .entitlements = (const char *const *)saving->entitlements,
        .entitlement_count = saving->entitlement_count,
    };
    return du_members_add(saving->members, &data, changed, saving, &saving->error);
}

/* Is there anything to do in that step? */
static bool applies(const struct saving *saving, enum step step) {
    switch (step) {
    case HASH:
        return saving->password != NULL;
    case ADD:
        return !saving->exists;
    case SET_PASSWORD:
        return saving->hash[0] != '\0';
    case SET_ACTIVE:
        return saving->has_active;
    case SET_ENTITLEMENTS:
        return saving->has_entitlements;
    case REMOVE:
        return saving->removes;
    case OVER:
        return true;
    }
    return true;
}

static enum du_error_kind start_step(struct saving *saving) {
    switch (saving->step) {
    case HASH:
        return start_hash(saving);
    case ADD:
        return start_add(saving);
    case SET_PASSWORD:
        return du_members_set_password(saving->members, saving->id, saving->hash, changed, saving,
                                       &saving->error);
    case SET_ACTIVE:
        return du_members_set_active(saving->members, saving->id, saving->active, changed, saving,
                                     &saving->error);
    case SET_ENTITLEMENTS:
        return du_members_set_entitlements(
            saving->members, saving->id, (const char *const *)saving->entitlements,
            saving->entitlement_count, changed, saving, &saving->error);
    case REMOVE:
        return du_members_remove(saving->members, saving->id, changed, saving, &saving->error);
    case OVER:
        break;
    }
    return DU_OK;
}

/* Begins the next step from `step` on that applies. False: it is over, see its error. */
static bool begin(struct saving *saving, enum step step) {
    if (saving->error.kind != DU_OK || saving->wait.abandoned) /* the worker may be closing */
        return false;
    while (!applies(saving, step))
        step++;
    saving->step = step;
    if (step == OVER)
        return false;
    enum du_error_kind kind = start_step(saving);
    if (kind != DU_OK && saving->error.kind == DU_OK)
        saving->error = du_error_of(kind);
    return kind == DU_OK;
}

static void go_on(struct saving *saving, enum step step) {
    if (!begin(saving, step))
        du_wait_settle(&saving->wait);
}

/* Leaves the list, or nil, on the stack; raises for what is no list of strings. */
static void check_entitlements(lua_State *L) {
    lua_getfield(L, 2, "entitlements");
    if (!lua_isnil(L, -1) && !lua_istable(L, -1))
        luaL_error(L, "entitlements must be a list of strings, not a %s", luaL_typename(L, -1));
    for (lua_Integer i = 1; lua_istable(L, -1) && i <= (lua_Integer)lua_rawlen(L, -1); i++) {
        if (lua_rawgeti(L, -1, i) != LUA_TSTRING)
            luaL_error(L, "entitlements must be a list of strings");
        lua_pop(L, 1);
    }
}

/* Those that check_entitlements has left on the stack. */
static void copy_entitlements(lua_State *L, struct saving *saving, bool *failed) {
    saving->has_entitlements = lua_istable(L, -1);
    size_t count = saving->has_entitlements ? lua_rawlen(L, -1) : 0;
    saving->entitlements = du_calloc(count + 1, sizeof *saving->entitlements);
    *failed |= saving->entitlements == NULL;
    for (size_t i = 0; i < count && saving->entitlements != NULL; i++) {
        lua_rawgeti(L, -1, (lua_Integer)i + 1);
        saving->entitlements[i] = du_options_copy(lua_tostring(L, -1), failed);
        saving->entitlement_count++;
        lua_pop(L, 1);
    }
}

static int start(lua_State *L, struct saving *saving, bool failed) {
    if (failed)
        saving->error = du_error_of(DU_MEMORY);
    return begin(saving, HASH) ? du_wait_park(L, &saving->wait) : du_wait_answer(L, &saving->wait);
}

static struct saving *new_saving(lua_State *L, struct du_members *members, const char *id,
                                 bool *failed) {
    struct saving *saving = du_wait_new(L, &save_type);
    saving->members = members;
    saving->mail.deliver = deliver;
    saving->error = du_error_of(DU_OK);
    saving->id = du_options_copy(id, failed);
    struct du_member *member = du_members_find(members, id);
    saving->exists = member != NULL && !member->fixed;
    if (member != NULL)
        du_member_unref(&member);
    return saving;
}

/* members:save(member) */
int du_lua_member_save(lua_State *L) {
    static const char *const keys[] = {"id",    "email",        "password", "active",
                                       "admin", "entitlements", NULL};
    size_t size;
    DU_EXPLAINED(L, "members.save");
    luaL_checktype(L, 2, LUA_TTABLE);
    du_options_check(L, 2, keys);
    const char *id = du_options_need(L, 2, "id");
    const char *email = du_options_text(L, 2, "email", NULL, NULL);
    const char *password = du_options_text(L, 2, "password", NULL, &size);
    bool active = du_options_flag(L, 2, "active", true),
         admin = du_options_flag(L, 2, "admin", false);
    struct du_members *members = du_module_shared(L)->members;
    bool has_active = lua_getfield(L, 2, "active") != LUA_TNIL, failed = false;
    check_entitlements(L);
    struct saving *saving = new_saving(L, members, id, &failed);
    saving->active = active;
    saving->has_active = has_active;
    saving->admin = admin;
    saving->email = du_options_copy(email, &failed);
    copy_entitlements(L, saving, &failed);
    if (password != NULL) {
        saving->password = du_memdup(password, size);
        saving->password_size = size;
        failed |= saving->password == NULL;
    }
    return start(L, saving, failed);
}

/* members:remove(id) */
int du_lua_member_remove(lua_State *L) {
    DU_EXPLAINED(L, "members.remove");
    const char *id = luaL_checkstring(L, 2);
    struct du_members *members = du_module_shared(L)->members;
    bool failed = false;
    struct saving *saving = new_saving(L, members, id, &failed);
    saving->exists = true;
    saving->removes = true;
    return start(L, saving, failed);
}
