#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "lua_lease.h"
#include "mem.h"
#include "module.h"
#include "options.h"
#include "wait.h"

#include <string.h>

/* A limiter by name; what the name stands for is looked up at its first use. */
struct limiter_box {
    struct du_limiter *limiter; /* the engine's, which outlives the state */
    char name[];
};

/* One acquire that waits: for its turn, or for the ledger. */
struct acquiring {
    struct du_wait wait;
    struct du_limiter *limiter;
    struct du_acquire acquire;
    char *subject, *share;
};

static const struct du_box_type limiter_type;

static struct du_limiter *check_limiter(lua_State *L) {
    struct limiter_box *box = du_box_check(L, 1, &limiter_type);
    if (box->limiter == NULL)
        box->limiter = du_named_limiter(du_module_shared(L)->named, box->name);
    if (box->limiter == NULL)
        luaL_error(L, "no limit \"%s\" is declared in this deployment", box->name);
    return box->limiter;
}

static void count_denial(const struct acquiring *acquiring) {
    struct du_bytes labels;
    const char *limit = du_limiter_name(acquiring->limiter);
    const char *variant = du_limit_denial_name(acquiring->acquire.denial.kind);
    du_bytes_init(&labels);
    du_metrics_label(&labels, "limit", limit, strlen(limit));
    du_metrics_label(&labels, "variant", variant, strlen(variant));
    du_series_add(du_metrics_series(acquiring->wait.context->shared->metrics,
                                    "dunite_limit_denials_total", DU_METRIC_COUNTER,
                                    "Requests that a limit denied, by variant.", labels.data),
                  1);
    du_bytes_deinit(&labels);
}

static int push_acquired(lua_State *L, struct du_wait *wait) {
    struct du_acquire *acquire = &((struct acquiring *)wait)->acquire;
    if (wait->expired) { /* the queue's turn did not come in time */
        acquire->result = DU_ACQUIRED_DENIAL;
        acquire->denial = (struct du_denial){DU_DENIAL_CONCURRENCY, 0};
    }
    switch (acquire->result) {
    case DU_ACQUIRED_LEASE:
        du_lua_push_lease(L, &acquire->lease, wait->scope);
        return 1;
    case DU_ACQUIRED_DENIAL:
        count_denial((struct acquiring *)wait);
        lua_pushnil(L);
        du_lua_push_denial(L, &acquire->denial);
        return 2;
    case DU_ACQUIRED_ERROR:
        return du_lua_fail(L, &acquire->error);
    }
    return 0;
}

static bool withdraw_acquire(struct du_wait *wait) {
    struct acquiring *acquiring = (struct acquiring *)wait;
    return du_limiter_abandon(acquiring->limiter, &acquiring->acquire);
}

static void drop_acquire(struct du_wait *wait) {
    struct acquiring *acquiring = (struct acquiring *)wait;
    if (acquiring->acquire.lease != NULL)
        du_lease_release(&acquiring->acquire.lease);
    du_free(acquiring->subject);
    du_free(acquiring->share);
}

static void deliver(struct du_acquire *acquire) {
    du_wait_post(&du_container_of(acquire, struct acquiring, acquire)->wait);
}

static const struct du_wait_type acquire_type = {sizeof(struct acquiring), push_acquired,
                                                 withdraw_acquire, drop_acquire};

static int64_t check_limit(lua_State *L, int index, const char *what) {
    lua_Integer limit = luaL_checkinteger(L, index);
    if (limit < DU_UNLIMITED)
        luaL_error(L, "%s is a number from 0 on, or -1 for unlimited", what);
    return limit;
}

/* Whole: two that differ only after a NUL would be one to the core. */
static const char *check_subject(lua_State *L, int index) {
    size_t size;
    luaL_checktype(L, index, LUA_TSTRING);
    const char *subject = lua_tolstring(L, index, &size);
    luaL_argcheck(L, strlen(subject) == size, index, "a subject has no NUL in it");
    return subject;
}

static void fail_memory(struct acquiring *acquiring) {
    acquiring->acquire.result = DU_ACQUIRED_ERROR;
    acquiring->acquire.error = du_error_of(DU_MEMORY);
}

static int start_acquire(lua_State *L, struct acquiring *acquiring, int64_t wait_ms, bool failed) {
    struct du_wait *wait = &acquiring->wait;
    const struct du_clock *clock = &wait->context->base->clock;
    acquiring->acquire.subject = acquiring->subject;
    acquiring->acquire.share = acquiring->share;
    acquiring->acquire.wait = wait_ms > 0;
    acquiring->acquire.wall_ms = du_clock_wall_ms(clock);
    acquiring->acquire.mono_ms = du_clock_mono_ms(clock);
    acquiring->acquire.deliver = deliver;
    if (failed) {
        fail_memory(acquiring);
        return du_wait_answer(L, wait);
    }
    if (du_limiter_acquire(acquiring->limiter, &acquiring->acquire) != DU_STEP_PENDING)
        return du_wait_answer(L, wait);
    if (wait_ms > 0 && du_wait_bound(wait, wait_ms) != DU_OK && withdraw_acquire(wait)) {
        fail_memory(acquiring);
        return du_wait_answer(L, wait);
    }
    return du_wait_park(L, wait);
}

/* limiter:acquire(subject, concurrency, daily_cap, options) */
static int acquire(lua_State *L) {
    static const char *const keys[] = {"share", "cover", "slot_only", "wait", NULL};
    DU_EXPLAINED(L, "limiter.acquire");
    struct du_limiter *limiter = check_limiter(L);
    const char *subject = check_subject(L, 2);
    struct du_limits limits = {check_limit(L, 3, "concurrency"), check_limit(L, 4, "daily_cap")};
    du_options_check(L, 5, keys);
    const char *share = du_options_text(L, 5, "share", NULL, NULL);
    int64_t cover_ms = du_options_integer(L, 5, "cover", 0);
    int64_t wait_ms = du_options_integer(L, 5, "wait", 0);
    bool slot_only = du_options_flag(L, 5, "slot_only", false), failed = false;
    struct acquiring *acquiring = du_wait_new(L, &acquire_type);
    acquiring->limiter = limiter;
    acquiring->acquire.limits = limits;
    acquiring->acquire.cover_ms = cover_ms;
    acquiring->acquire.slot_only = slot_only;
    acquiring->subject = du_options_copy(subject, &failed);
    acquiring->share = du_options_copy(share, &failed);
    return start_acquire(L, acquiring, wait_ms, failed);
}

/* limiter:look(subject) */
static int look(lua_State *L) {
    struct du_limiter *limiter = check_limiter(L);
    const char *subject = check_subject(L, 2);
    int64_t wall_ms = du_explain_wall_ms(L);
    lua_pushinteger(L, du_limiter_running(limiter, subject));
    lua_pushinteger(L, du_limiter_counted(limiter, subject, wall_ms));
    lua_pushinteger(L, du_clock_day_left_secs(wall_ms));
    return 3;
}

/* limiter:reset(subject) */
static int reset(lua_State *L) {
    DU_EXPLAINED(L, "limiter.reset");
    struct du_limiter *limiter = check_limiter(L);
    const char *subject = check_subject(L, 2);
    struct du_error error;
    if (du_limiter_reset(limiter, subject, du_clock_wall_ms(&du_context_of(L)->base->clock),
                         &error) != DU_OK)
        return du_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

static const char *would_name(enum du_would would) {
    switch (would) {
    case DU_WOULD_GRANT:
        return "granted";
    case DU_WOULD_SHARE:
        return "shared";
    case DU_WOULD_QUEUE:
        return "queued";
    case DU_WOULD_DENY_SLOT:
        return du_limit_denial_name(DU_DENIAL_CONCURRENCY);
    case DU_WOULD_DENY_DAY:
        return du_limit_denial_name(DU_DENIAL_DAILY_CAP);
    }
    return "";
}

/* limiter:would(subject, concurrency, daily_cap, options) */
static int would(lua_State *L) {
    static const char *const keys[] = {"share", "cover", "slot_only", "wait", NULL};
    struct du_limiter *limiter = check_limiter(L);
    int64_t running, counted;
    struct du_acquire acquire = {
        .subject = check_subject(L, 2),
        .limits = {check_limit(L, 3, "concurrency"), check_limit(L, 4, "daily_cap")},
        .wall_ms = du_explain_wall_ms(L),
        .mono_ms = du_clock_mono_ms(&du_context_of(L)->base->clock),
    };
    du_options_check(L, 5, keys);
    acquire.share = du_options_text(L, 5, "share", NULL, NULL);
    acquire.slot_only = du_options_flag(L, 5, "slot_only", false);
    acquire.wait = du_options_integer(L, 5, "wait", 0) > 0;
    lua_pushstring(L, would_name(du_limiter_would(limiter, &acquire, &running, &counted)));
    lua_pushinteger(L, running);
    lua_pushinteger(L, counted);
    lua_pushinteger(L, du_clock_day_left_secs(acquire.wall_ms));
    return 4;
}

static int name(lua_State *L) {
    struct limiter_box *box = du_box_check(L, 1, &limiter_type);
    lua_pushstring(L, box->name);
    return 1;
}

/* limiter(name) */
static int find(lua_State *L) {
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    struct limiter_box *box = du_box_new(L, &limiter_type, sizeof *box + size + 1);
    memcpy(box->name, name, size);
    return 1;
}

static const luaL_Reg methods[] = {{"acquire", acquire}, {"look", look}, {"reset", reset},
                                   {"would", would},     {"name", name}, {NULL, NULL}};
static const struct du_box_type limiter_type = {"dunite.native.Limiter", methods, NULL};

void du_lua_limiter_open(lua_State *L) {
    du_box_define(L, &limiter_type);
    du_lua_lease_define(L);
    lua_pushcfunction(L, find);
    lua_setfield(L, -2, "limiter");
}
