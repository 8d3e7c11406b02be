#include "lua_lease.h"

#include "box.h"
#include "lua_errors.h"
#include "mem.h"

struct held_lease {
    struct du_hold hold;
    struct du_lease *lease;
};

struct lease_box {
    struct held_lease *held; /* NULL: closed */
};

static const struct du_box_type lease_type;
static const struct du_ending by_hand = {.fate = DU_FATE_DONE};

static void end_lease(struct du_hold *hold, const struct du_ending *ending) {
    struct held_lease *held = (struct held_lease *)hold;
    if (ending->fate == DU_FATE_FAILED)
        du_lease_refund(held->lease);
    du_lease_release(&held->lease);
}

static const struct du_hold_type held_type = {end_lease};

void du_lua_push_lease(lua_State *L, struct du_lease **lease, struct du_scope *scope) {
    struct lease_box *box = du_box_new(L, &lease_type, sizeof *box);
    box->held = du_malloc(sizeof *box->held);
    if (box->held == NULL)
        du_lua_raise(L, du_error_of(DU_MEMORY));
    du_hold_begin(&box->held->hold, &held_type, scope);
    box->held->lease = *lease;
    *lease = NULL;
}

struct du_hold *du_lua_check_lease(lua_State *L, int index) {
    struct lease_box *box = du_box_check(L, index, &lease_type);
    return box->held != NULL && !box->held->hold.ended ? &box->held->hold : NULL;
}

static int release(lua_State *L) {
    struct du_hold *hold = du_lua_check_lease(L, 1);
    if (hold != NULL)
        du_hold_end(hold, &by_hand);
    return 0;
}

static int refund(lua_State *L) {
    struct du_hold *hold = du_lua_check_lease(L, 1);
    if (hold != NULL)
        du_lease_refund(((struct held_lease *)hold)->lease);
    return 0;
}

/* __close comes with what was raised as a second argument, __gc without. */
static int close_lease(lua_State *L) {
    struct lease_box *box = du_box_check(L, 1, &lease_type);
    bool collected = lua_gettop(L) == 1;
    struct du_hold *hold = box->held != NULL ? &box->held->hold : NULL;
    if (!collected) {
        du_hold_end(hold, &by_hand);
        return 0;
    }
    box->held = NULL;
    du_hold_unbox(&hold);
    return 0;
}

static const luaL_Reg methods[] = {{"release", release}, {"refund", refund}, {NULL, NULL}};
static const struct du_box_type lease_type = {"dunite.native.Lease", methods, close_lease};

void du_lua_lease_define(lua_State *L) {
    du_box_define(L, &lease_type);
}
