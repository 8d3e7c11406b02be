#include "lua_audit.h"

#include "audit.h"
#include "box.h"
#include "explain.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "options.h"

/* native.audit: a table of functions that are called as methods; and events. */

struct held_event {
    struct du_hold hold;
    struct du_audit *audit; /* the engine's, which outlives the state */
    uint64_t number;
    bool named; /* the script says how it ends: */
    struct du_audit_end end;
};

struct event_box {
    struct held_event *held; /* NULL: closed */
};

static const struct du_box_type event_type;
static const struct du_ending by_hand = {.fate = DU_FATE_DONE};

/* How an event ends that nobody ended by name. */
static struct du_audit_end end_of(const struct du_hold *hold, const struct du_ending *ending) {
    struct du_audit_end end = {
        .reason = ending->reason, .bytes = ending->bytes, .digest = ending->digest};
    switch (ending->fate) {
    case DU_FATE_DONE:
        end.outcome = ending->status >= 400 ? DU_AUDIT_DENIED : DU_AUDIT_COMPLETED;
        if (hold->owner != DU_HOLD_REPLY) {
            end.outcome = DU_AUDIT_ABORTED;
            end.reason = "the script did not end it";
        }
        break;
    case DU_FATE_FAILED:
        end.outcome = du_error_class(ending->problem) == DU_CLASS_UPSTREAM
                          ? DU_AUDIT_FAILED_UPSTREAM
                          : DU_AUDIT_FAILED;
        break;
    case DU_FATE_LEFT:
        end.outcome = DU_AUDIT_ABORTED;
        break;
    }
    return end;
}

static void end_event(struct du_hold *hold, const struct du_ending *ending) {
    struct held_event *held = (struct held_event *)hold;
    struct du_audit_end end = held->named ? held->end : end_of(hold, ending);
    du_audit_end(held->audit, held->number, &end);
}

static const struct du_hold_type held_type = {end_event};

struct du_hold *du_lua_check_event(lua_State *L, int index) {
    struct event_box *box = du_box_check(L, index, &event_type);
    return box->held != NULL && !box->held->hold.ended ? &box->held->hold : NULL;
}

/* audit:open(fields) */
static int open_event(lua_State *L) {
    static const char *const keys[] = {"member", "credential", "application", "version", "digest",
                                       "asset",  "address",    "request",     "kind",    NULL};
    DU_EXPLAINED(L, "audit.open");
    luaL_checktype(L, 2, LUA_TTABLE);
    du_options_check(L, 2, keys);
    struct du_audit_request request = {
        .kind = du_options_need(L, 2, "kind"),
        .member = du_options_text(L, 2, "member", NULL, NULL),
        .credential = du_options_text(L, 2, "credential", NULL, NULL),
        .application = du_options_text(L, 2, "application", NULL, NULL),
        .version = du_options_text(L, 2, "version", NULL, NULL),
        .digest = du_options_text(L, 2, "digest", NULL, NULL),
        .asset = du_options_text(L, 2, "asset", NULL, NULL),
        .address = du_options_text(L, 2, "address", NULL, NULL),
        .request = du_options_text(L, 2, "request", NULL, NULL),
    };
    struct du_audit *audit = du_module_shared(L)->audit;
    struct event_box *box = du_box_new(L, &event_type, sizeof *box);
    box->held = du_calloc(1, sizeof *box->held);
    if (box->held == NULL)
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    du_hold_begin(&box->held->hold, &held_type, du_scope_of(L));
    box->held->audit = audit;
    box->held->number = du_audit_begin(audit, &request);
    return 1;
}

/* event:close(outcome, reason, bytes) */
static int close_by_name(lua_State *L) {
    struct du_hold *hold = du_lua_check_event(L, 1);
    const char *name = luaL_checkstring(L, 2);
    struct du_audit_end end = {.reason = luaL_optstring(L, 3, NULL),
                               .bytes = luaL_optinteger(L, 4, 0)};
    if (!du_audit_outcome_of(name, &end.outcome))
        return luaL_error(L, "\"%s\" is no outcome of a pull or a download", name);
    if (hold == NULL)
        return 0;
    ((struct held_event *)hold)->named = true;
    ((struct held_event *)hold)->end = end;
    du_hold_end(hold, &by_hand);
    return 0;
}

static int close_event(lua_State *L) {
    struct event_box *box = du_box_check(L, 1, &event_type);
    struct du_hold *hold = box->held != NULL ? &box->held->hold : NULL;
    bool collected = lua_gettop(L) == 1;
    if (!collected) {
        du_hold_end(hold, &by_hand);
        return 0;
    }
    box->held = NULL;
    du_hold_unbox(&hold);
    return 0;
}

static const luaL_Reg methods[] = {{"close", close_by_name}, {NULL, NULL}};
static const struct du_box_type event_type = {"dunite.native.AuditEvent", methods, close_event};

void du_lua_audit_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"open", open_event}, {NULL, NULL}};
    du_box_define(L, &event_type);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "audit");
}
