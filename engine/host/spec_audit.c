#include "spec_audit.h"

#include <lauxlib.h>
#include <string.h>

static void set_text(lua_State *L, const char *key, const char *value) {
    if (value[0] == '\0')
        return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, key);
}

/* The list is at 1, the row at 2. */
static int add_row(lua_State *L) {
    const struct du_audit_row *row = lua_touserdata(L, 2);
    lua_newtable(L);
    lua_pushinteger(L, row->at_ms);
    lua_setfield(L, -2, "at");
    lua_pushinteger(L, row->bytes);
    lua_setfield(L, -2, "bytes");
    set_text(L, "event", row->event);
    set_text(L, "reason", row->reason);
    set_text(L, "kind", row->kind);
    set_text(L, "member", row->member);
    set_text(L, "credential", row->credential);
    set_text(L, "application", row->application);
    set_text(L, "version", row->version);
    set_text(L, "asset", row->asset);
    set_text(L, "digest", row->digest);
    set_text(L, "address", row->address);
    set_text(L, "request_id", row->request);
    lua_rawseti(L, 1, (lua_Integer)lua_rawlen(L, 1) + 1);
    return 0;
}

/* False, and the message on the stack, when it raised: a connection must be closed first. */
static bool note_row(void *user, const struct du_audit_row *row) {
    lua_State *L = user;
    lua_pushcfunction(L, add_row);
    lua_pushvalue(L, -2);
    lua_pushlightuserdata(L, (void *)row);
    return lua_pcall(L, 2, 0, 0) == LUA_OK;
}

void du_spec_audit_push(lua_State *L, struct du_audit *audit, const char *digest) {
    struct du_audit_filter filter = {.digest = digest};
    struct du_error error = du_error_of(DU_OK);
    lua_newtable(L);
    int top = lua_gettop(L);
    if (du_ledger_flush(du_audit_journal(audit)) != DU_OK)
        luaL_error(L, "the audit cannot be written");
    if (du_audit_read(du_audit_journal(audit), &filter, note_row, L, &error) != DU_OK)
        luaL_error(L, "%s", error.message);
    if (lua_gettop(L) > top)
        lua_error(L);
}
