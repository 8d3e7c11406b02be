#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "lua_member.h"
#include "mem.h"
#include "member_import.h"
#include "module.h"
#include "options.h"
#include "wait.h"

#include <string.h>

/* Importing members: the file is read on the disk lane, then all of it is one change. */

struct importing {
    struct du_wait wait;
    struct du_job job;
    struct du_members *members;
    struct du_import import;
    char *csv;
    size_t size;
    struct du_error error;
};

static void push_count(lua_State *L, const char *name, size_t count) {
    lua_pushinteger(L, (lua_Integer)count);
    lua_setfield(L, -2, name);
}

static int push_imported(lua_State *L, struct du_wait *wait) {
    struct importing *importing = (struct importing *)wait;
    const struct du_import *import = &importing->import;
    if (importing->error.kind != DU_OK)
        return du_lua_fail(L, &importing->error);
    lua_createtable(L, 0, 6);
    push_count(L, "added", import->added);
    push_count(L, "changed", import->changed);
    push_count(L, "unchanged", import->unchanged);
    push_count(L, "bad", import->bad);
    lua_pushboolean(L, import->applied);
    lua_setfield(L, -2, "applied");
    lua_pushlstring(L, import->findings.data, import->findings.size);
    lua_setfield(L, -2, "findings");
    return 1;
}

/* What the journal was given, it keeps. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static void drop_imported(struct du_wait *wait) {
    struct importing *importing = (struct importing *)wait;
    du_import_deinit(&importing->import);
    du_free(importing->csv);
}

static const struct du_wait_type import_type = {sizeof(struct importing), push_imported,
                                                cannot_withdraw, drop_imported};

/* On the journal's writer. */
static void imported(void *user, enum du_error_kind result, const char *message) {
    struct importing *importing = user;
    if (result != DU_OK)
        du_error_set(&importing->error, result, "%s", message);
    du_wait_post(&importing->wait);
}

static void read_file(struct du_job *job) {
    struct importing *importing = du_container_of(job, struct importing, job);
    if (du_import_read(&importing->import, importing->csv, importing->size) != DU_OK)
        importing->error = du_error_of(DU_MEMORY);
}

static void file_read(struct du_job *job) {
    struct importing *importing = du_container_of(job, struct importing, job);
    if (importing->error.kind != DU_OK || importing->wait.abandoned ||
        du_members_import(importing->members, &importing->import, imported, importing,
                          &importing->error) != DU_OK)
        du_wait_settle(&importing->wait);
}

/* members:import(csv, options) */
int du_lua_member_import(lua_State *L) {
    static const char *const keys[] = {"skip_bad", "dry_run", NULL};
    size_t size;
    DU_EXPLAINED(L, "members.import");
    const char *csv = luaL_checklstring(L, 2, &size);
    du_options_check(L, 3, keys);
    bool skip_bad = du_options_flag(L, 3, "skip_bad", false),
         dry_run = du_options_flag(L, 3, "dry_run", false);
    struct du_shared *shared = du_module_shared(L);
    struct importing *importing = du_wait_new(L, &import_type);
    importing->members = shared->members;
    importing->error = du_error_of(DU_OK);
    importing->import = (struct du_import){.skip_bad = skip_bad, .dry_run = dry_run};
    du_bytes_init(&importing->import.findings);
    importing->csv = du_memdup(csv, size);
    importing->size = size;
    importing->job = (struct du_job){
        .work = read_file, .done = file_read, .home = importing->wait.context->mailbox};
    enum du_error_kind kind =
        importing->csv != NULL ? du_lane_submit(shared->disk, &importing->job) : DU_MEMORY;
    if (kind == DU_OK) /* it is the lane's now, with its error */
        return du_wait_park(L, &importing->wait);
    importing->error = du_error_of(kind);
    return du_wait_answer(L, &importing->wait);
}
