#include "box.h"
#include "explain.h"
#include "lua_errors.h"
#include "lua_member.h"
#include "module.h"
#include "rates.h"

/* native.members: a table of functions that are called as methods. And native.rate. */

void du_lua_push_member(lua_State *L, const struct du_member *member) {
    luaL_checkstack(L, 4, NULL);
    lua_createtable(L, 0, 5);
    lua_pushstring(L, member->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, member->email);
    lua_setfield(L, -2, "email");
    lua_pushboolean(L, member->active);
    lua_setfield(L, -2, "active");
    lua_pushboolean(L, member->admin);
    lua_setfield(L, -2, "admin");
    lua_createtable(L, 0, (int)member->entitlement_count);
    for (size_t i = 0; i < member->entitlement_count; i++) {
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, member->entitlements[i]);
    }
    lua_setfield(L, -2, "entitlements");
}

/* members:find(name) */
static int find(lua_State *L) {
    DU_EXPLAINED(L, "members.find");
    const char *name = luaL_checkstring(L, 2);
    struct du_members *members = du_module_shared(L)->members;
    struct du_value **box = du_box_value(L);
    struct du_member *member = du_members_find(members, name);
    if (member == NULL)
        member = du_members_find_email(members, name);
    if (member == NULL)
        return 0;
    *box = &member->value;
    du_lua_push_member(L, member);
    du_value_unref(box);
    return 1;
}

/* members:list() */
static int list(lua_State *L) {
    struct du_members *members = du_module_shared(L)->members;
    struct du_value **box = du_box_value(L);
    struct du_member_table *table = du_members_table(members);
    *box = &table->value;
    lua_createtable(L, (int)table->count, 0);
    for (size_t i = 0; i < table->count; i++) {
        du_lua_push_member(L, table->by_id[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    du_value_unref(box);
    return 1;
}

/* rate(rule, key, per_minute) */
static int rate(lua_State *L) {
    DU_EXPLAINED(L, "rate");
    const char *rule = luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    lua_Integer per_minute = luaL_checkinteger(L, 3);
    luaL_argcheck(L, per_minute >= 1 && per_minute <= DU_RATES_MOST, 3, "from 1 to 1000 a minute");
    struct du_rate *rates = du_module_shared(L)->rate;
    int64_t mono_ms = du_clock_mono_ms(&du_context_of(L)->base->clock), retry_after;
    lua_settop(L, 2);
    lua_pushfstring(L, "%s\n%s", rule, lua_tostring(L, 2));
    bool allowed =
        du_rate_take(rates, (size_t)per_minute - 1, lua_tostring(L, 3), mono_ms, &retry_after);
    lua_pushboolean(L, allowed);
    if (allowed)
        return 1;
    lua_pushinteger(L, retry_after);
    return 2;
}

void du_lua_members_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"find", find},
                                         {"list", list},
                                         {"verify", du_lua_member_verify},
                                         {"save", du_lua_member_save},
                                         {"remove", du_lua_member_remove},
                                         {"import", du_lua_member_import},
                                         {"slowed", du_lua_member_slowed},
                                         {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "members");
    lua_pushcfunction(L, rate);
    lua_setfield(L, -2, "rate");
}
