#include "explain.h"
#include "module.h"
#include "wait.h"

static const struct du_clock *clock_of(lua_State *L) {
    return &du_context_of(L)->base->clock;
}

static int wall(lua_State *L) {
    lua_pushinteger(L, du_explain_wall_ms(L));
    return 1;
}

static int mono(lua_State *L) {
    lua_pushinteger(L, du_clock_mono_ms(clock_of(L)));
    return 1;
}

static int day_left_secs(lua_State *L) {
    lua_pushinteger(L, du_clock_day_left_secs(du_explain_wall_ms(L)));
    return 1;
}

static int rfc3339(lua_State *L) {
    char text[DU_CLOCK_TEXT];
    lua_pushstring(L, du_clock_rfc3339(luaL_checkinteger(L, 1), text));
    return 1;
}

/* Either form that du_clock_… writes. */
static int parse(lua_State *L) {
    const char *text = luaL_checkstring(L, 1);
    int64_t wall_ms;
    if (du_clock_parse_rfc3339(text, &wall_ms) || du_clock_parse_http_date(text, &wall_ms))
        lua_pushinteger(L, wall_ms);
    else
        lua_pushnil(L);
    return 1;
}

static int push_nothing(lua_State *L, struct du_wait *wait) {
    (void)L;
    (void)wait;
    return 0;
}

struct sleeping {
    struct du_wait wait;
    bool posted; /* a sleep of nothing is a mail, which is under way */
};

static bool stop_sleeping(struct du_wait *wait) {
    return !((struct sleeping *)wait)->posted;
}

static const struct du_wait_type sleep_type = {sizeof(struct sleeping), push_nothing, stop_sleeping,
                                               NULL};

static int sleep_ms(lua_State *L) {
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0, 1, "a duration is not negative");
    struct sleeping *sleeping = du_wait_new(L, &sleep_type);
    sleeping->posted = ms == 0; /* all else goes first; before a timer that is due it would not */
    if (sleeping->posted)
        du_wait_post(&sleeping->wait);
    else if (du_wait_bound(&sleeping->wait, ms) != DU_OK)
        return du_wait_answer(L, &sleeping->wait);
    return du_wait_park(L, &sleeping->wait);
}

/* os.time() and os.date(…) of the engine's clock; the library's own function is the upvalue. */

static int os_time(lua_State *L) {
    if (!lua_isnoneornil(L, 1)) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_insert(L, 1);
        lua_call(L, lua_gettop(L) - 1, 1);
        return 1;
    }
    lua_pushinteger(L, du_explain_wall_ms(L) / 1000);
    return 1;
}

static int os_date(lua_State *L) {
    const char *format = luaL_optstring(L, 1, "%c");
    lua_Integer seconds = luaL_optinteger(L, 2, du_explain_wall_ms(L) / 1000);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushstring(L, format);
    lua_pushinteger(L, seconds);
    lua_call(L, 2, 1);
    return 1;
}

/* Where there is an os at all. */
static void replace_os(lua_State *L) {
    if (lua_getglobal(L, "os") == LUA_TTABLE) {
        lua_getfield(L, -1, "time");
        lua_pushcclosure(L, os_time, 1);
        lua_setfield(L, -2, "time");
        lua_getfield(L, -1, "date");
        lua_pushcclosure(L, os_date, 1);
        lua_setfield(L, -2, "date");
    }
    lua_pop(L, 1);
}

void du_lua_clock_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"wall", wall},       {"mono", mono},   {"day_left_secs", day_left_secs},
        {"rfc3339", rfc3339}, {"parse", parse}, {"sleep", sleep_ms},
        {NULL, NULL}};
    replace_os(L);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "clock");
}
