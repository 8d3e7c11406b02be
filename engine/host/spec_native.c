#include "spec_native.h"

#include "box.h"
#include "call.h"
#include "engine.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"
#include "scratch.h"
#include "spec_audit.h"
#include "spec_disk.h"
#include "spec_log.h"
#include "wait.h"

#include <string.h>

enum { CALL_SECS = 30, ENVIRONMENT_MOST = 64 };

/* An engine under test. */
struct engine_box {
    struct du_engine *engine;
    struct du_spec_log *log;
    char folder[DU_SCRATCH_ROOM]; /* a temporary one of its own, or "" */
};

static const struct du_box_type engine_type;

static int close_engine(lua_State *L) {
    struct engine_box *box = du_box_check(L, 1, &engine_type);
    if (box->engine != NULL)
        du_engine_stop(&box->engine);
    if (box->log != NULL)
        du_spec_log_free(&box->log);
    du_scratch_remove(box->folder);
    box->folder[0] = '\0';
    return 0;
}

static struct engine_box *check_engine(lua_State *L) {
    struct engine_box *box = du_box_check(L, 1, &engine_type);
    if (box->engine == NULL)
        luaL_error(L, "this engine was stopped");
    return box;
}

/* Of the form http://127.0.0.1:PORT. */
static int url(lua_State *L) {
    lua_pushfstring(L, "http://%s", du_engine_address(check_engine(L)->engine, 0));
    return 1;
}

static int advance(lua_State *L) {
    struct engine_box *box = check_engine(L);
    du_clock_advance(&du_engine_base(box->engine)->clock, luaL_checkinteger(L, 2));
    du_engine_clock_moved(box->engine);
    return 0;
}

static int set_clock(lua_State *L) {
    struct engine_box *box = check_engine(L);
    du_clock_set(&du_engine_base(box->engine)->clock, luaL_checkinteger(L, 2));
    du_engine_clock_moved(box->engine);
    return 0;
}

/* engine:fault(name, errno, skip, times) */
static int fault(lua_State *L) {
    struct engine_box *box = check_engine(L);
    enum du_fault which;
    luaL_argcheck(L, du_faults_find(luaL_checkstring(L, 2), &which), 2, "no fault has that name");
    du_faults_arm(&du_engine_base(box->engine)->faults, which, (int)luaL_checkinteger(L, 3),
                  (int)luaL_optinteger(L, 4, 0), (int)luaL_optinteger(L, 5, -1));
    return 0;
}

static int logs(lua_State *L) {
    du_spec_log_push(check_engine(L)->log, L);
    return 1;
}

/* engine:audit(digest) */
static int audit(lua_State *L) {
    struct du_shared *shared = du_engine_shared(check_engine(L)->engine);
    du_spec_audit_push(L, shared->audit, luaL_optstring(L, 2, NULL));
    return 1;
}

static int stop(lua_State *L) {
    return close_engine(L);
}

static const luaL_Reg engine_methods[] = {
    {"url", url},   {"advance", advance}, {"set_clock", set_clock}, {"fault", fault},
    {"logs", logs}, {"audit", audit},     {"stop", stop},           {NULL, NULL}};
static const struct du_box_type engine_type = {"dunite.native.SpecEngine", engine_methods,
                                               close_engine};

/* Writes options.files into a folder of the engine's own. */
static void write_files(lua_State *L, struct engine_box *box, struct du_error *error) {
    if (du_scratch_make(box->folder, error) != DU_OK)
        return;
    for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
        size_t size;
        const char *text = luaL_checklstring(L, -1, &size);
        if (du_scratch_write(box->folder, luaL_checkstring(L, -2), text, size, error) != DU_OK) {
            lua_pop(L, 2);
            return;
        }
    }
}

/* Leaves a list of "NAME=value" strings on the stack, which keeps the pointers good. */
static void read_environment(lua_State *L, const char **list) {
    size_t count = 0;
    lua_newtable(L);
    if (lua_getfield(L, 1, "env") == LUA_TTABLE) {
        for (lua_pushnil(L); lua_next(L, -2) != 0 && count + 1 < ENVIRONMENT_MOST;) {
            const char *value = luaL_tolstring(L, -1, NULL);
            list[count] = lua_pushfstring(L, "%s=%s", luaL_checkstring(L, -3), value);
            lua_rawseti(L, -6, (lua_Integer)++count);
            lua_pop(L, 2);
        }
    }
    lua_pop(L, 1);
    list[count] = NULL;
}

static const char *text_of(lua_State *L, const char *key) {
    lua_getfield(L, 1, key);
    return luaL_optstring(L, -1, NULL);
}

static int raise_start(lua_State *L, struct du_findings *findings, const struct du_error *error) {
    luaL_where(L, 1);
    lua_pushliteral(L, "the engine did not start: ");
    lua_pushstring(L, findings->count > 0 ? findings->list[0] : error->message);
    du_findings_free(findings);
    lua_concat(L, 3);
    return lua_error(L);
}

/* spec.engine { folder, files, overrides, env, at, fault } */
static int new_engine(lua_State *L) {
    const char *environment[ENVIRONMENT_MOST] = {NULL};
    struct du_error error = du_error_of(DU_OK);
    struct du_findings findings = {0};
    luaL_checktype(L, 1, LUA_TTABLE);
    struct engine_box *box = du_box_new(L, &engine_type, sizeof *box);
    read_environment(L, environment);
    struct du_engine_options options = {.folder = text_of(L, "folder"),
                                        .scripts = lua_tostring(L, lua_upvalueindex(1)),
                                        .overrides = text_of(L, "overrides"),
                                        .environment = &environment[0],
                                        .quiet = true};
    if (lua_getfield(L, 1, "at") != LUA_TNIL) {
        options.manual_clock = true;
        options.clock_ms = luaL_checkinteger(L, -1);
    }
    struct du_engine_fault fault;
    if (lua_getfield(L, 1, "fault") == LUA_TTABLE) {
        du_spec_disk_read_fault(L, -1, &fault);
        options.fault = &fault;
    }
    if (lua_getfield(L, 1, "files") == LUA_TTABLE)
        write_files(L, box, &error);
    if (options.folder == NULL)
        options.folder = box->folder;
    if (error.kind == DU_OK)
        error.kind = du_spec_log_new(&box->log);
    options.log_sink = du_spec_log_hear;
    options.log_user = box->log;
    if (error.kind == DU_OK)
        error.kind = du_engine_start(&box->engine, &options, &findings, &error);
    if (error.kind != DU_OK)
        return raise_start(L, &findings, &error);
    du_findings_free(&findings);
    lua_pushvalue(L, 2);
    return 1;
}

/* spec.call(address, request): the raw answer. A thread of the disk lane blocks for it. */

struct calling {
    struct du_wait wait;
    struct du_job job;
    char address[64];
    struct du_bytes request, answer;
    struct du_error error;
};

static int push_answer(lua_State *L, struct du_wait *wait) {
    struct calling *calling = (struct calling *)wait;
    if (calling->error.kind != DU_OK && calling->answer.size == 0)
        return du_lua_fail(L, &calling->error);
    lua_pushlstring(L, calling->answer.data, calling->answer.size);
    return 1;
}

/* The job runs to its end; its mail frees the wait. */
static bool withdraw_call(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_call(struct du_wait *wait) {
    struct calling *calling = (struct calling *)wait;
    du_bytes_deinit(&calling->request);
    du_bytes_deinit(&calling->answer);
}

static const struct du_wait_type call_type = {sizeof(struct calling), push_answer, withdraw_call,
                                              drop_call};

static void work(struct du_job *job) {
    struct calling *calling = du_container_of(job, struct calling, job);
    struct du_slice request = {calling->request.data, calling->request.size};
    du_call(calling->address, request, CALL_SECS, &calling->answer, &calling->error);
}

static void called(struct du_job *job) {
    du_wait_settle(&du_container_of(job, struct calling, job)->wait);
}

static int call(lua_State *L) {
    size_t size;
    const char *address = luaL_checkstring(L, 1), *request = luaL_checklstring(L, 2, &size);
    struct du_context *context = du_context_of(L);
    struct calling *calling = du_wait_new(L, &call_type);
    calling->error = du_error_of(DU_OK);
    calling->job = (struct du_job){.work = work, .done = called, .home = context->mailbox};
    strncpy(calling->address, address, sizeof calling->address - 1);
    du_bytes_init(&calling->request);
    du_bytes_init(&calling->answer);
    du_bytes_add(&calling->request, request, size);
    enum du_error_kind kind = du_bytes_check(&calling->request);
    if (kind == DU_OK)
        kind = du_lane_submit(lua_touserdata(L, lua_upvalueindex(1)), &calling->job);
    if (kind == DU_OK)
        return du_wait_park(L, &calling->wait);
    calling->error = du_error_of(kind);
    return du_wait_answer(L, &calling->wait);
}

static int temp(lua_State *L) {
    char folder[DU_SCRATCH_ROOM];
    struct du_error error;
    if (du_scratch_make(folder, &error) != DU_OK)
        return luaL_error(L, "%s", error.message);
    lua_pushstring(L, folder);
    return 1;
}

static int remove_folder(lua_State *L) {
    du_scratch_remove(luaL_checkstring(L, 1));
    return 0;
}

/* spec.write(path, text) */
static int write_file(lua_State *L) {
    size_t size;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &size);
    struct du_error error;
    if (du_scratch_write("", path, text, size, &error) != DU_OK)
        return luaL_error(L, "%s", error.message);
    return 0;
}

void du_spec_native_push(lua_State *L, struct du_lane *calls, const char *scripts) {
    static const luaL_Reg functions[] = {
        {"temp", temp}, {"remove", remove_folder}, {"write", write_file}, {NULL, NULL}};
    du_box_define(L, &engine_type);
    luaL_newlib(L, functions);
    du_spec_disk_open(L);
    lua_pushlightuserdata(L, calls);
    lua_pushcclosure(L, call, 1);
    lua_setfield(L, -2, "call");
    lua_pushstring(L, scripts);
    lua_pushcclosure(L, new_engine, 1);
    lua_setfield(L, -2, "engine");
}
