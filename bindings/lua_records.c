#include "box.h"
#include "bytes.h"
#include "explain.h"
#include "lua_errors.h"
#include "module.h"
#include "wait.h"

#include <stdbool.h>
#include <string.h>

/* native.records: a table of functions that are called as methods. */

static bool is_text_at(lua_State *L, int index, const struct du_record *record) {
    size_t size;
    const char *text = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    return text != NULL && size == record->size && memcmp(text, record->data, size) == 0;
}

/* records:get(bucket, key, last) */
static int get(lua_State *L) {
    DU_EXPLAINED(L, "records.get");
    const char *bucket = luaL_checkstring(L, 2), *key = luaL_checkstring(L, 3);
    lua_settop(L, 4);
    struct du_records *records = du_module_shared(L)->records;
    struct du_value **box = du_box_value(L);
    struct du_record *record = du_records_get(records, bucket, key);
    if (record == NULL)
        return 0;
    *box = &record->value;
    if (is_text_at(L, 4, record))
        lua_pushvalue(L, 4);
    else
        lua_pushlstring(L, record->data, record->size);
    du_value_unref(box);
    return 1;
}

/* records:put(bucket, key, value) */
static int put(lua_State *L) {
    size_t size;
    DU_EXPLAINED(L, "records.put");
    const char *bucket = luaL_checkstring(L, 2), *key = luaL_checkstring(L, 3);
    const char *value = luaL_checklstring(L, 4, &size);
    struct du_records *records = du_module_shared(L)->records;
    struct du_error error;
    if (du_records_put(records, bucket, key, value, size, NULL, NULL, &error) != DU_OK)
        return du_lua_fail(L, &error);
    lua_pushboolean(L, 1);
    return 1;
}

/* records:delete(bucket, key) */
static int delete_record(lua_State *L) {
    DU_EXPLAINED(L, "records.delete");
    const char *bucket = luaL_checkstring(L, 2), *key = luaL_checkstring(L, 3);
    struct du_records *records = du_module_shared(L)->records;
    struct du_record *record = du_records_get(records, bucket, key);
    bool was_there = record != NULL;
    struct du_error error;
    if (was_there)
        du_record_unref(&record);
    if (was_there && du_records_delete(records, bucket, key, NULL, NULL, &error) != DU_OK)
        return du_lua_raise(L, error);
    lua_pushboolean(L, was_there);
    return 1;
}

/* A change that is waited for. */
struct committing {
    struct du_wait wait;
    struct du_error error;
};

static int push_committed(lua_State *L, struct du_wait *wait) {
    struct committing *committing = (struct committing *)wait;
    if (committing->error.kind != DU_OK)
        return du_lua_fail(L, &committing->error);
    lua_pushboolean(L, 1);
    return 1;
}

/* What the journal was given, it keeps. */
static bool cannot_withdraw(struct du_wait *wait) {
    (void)wait;
    return false;
}

static const struct du_wait_type commit_type = {sizeof(struct committing), push_committed,
                                                cannot_withdraw, NULL};

/* On the journal's writer. */
static void committed(void *user, enum du_error_kind result) {
    struct committing *committing = user;
    if (result != DU_OK)
        du_error_set(&committing->error, result, "the journal does not take it");
    du_wait_post(&committing->wait);
}

/* records:commit(bucket, key, value) */
static int commit(lua_State *L) {
    size_t size;
    DU_EXPLAINED(L, "records.commit");
    const char *bucket = luaL_checkstring(L, 2), *key = luaL_checkstring(L, 3);
    const char *value = luaL_optlstring(L, 4, NULL, &size);
    struct du_records *records = du_module_shared(L)->records;
    struct committing *committing = du_wait_new(L, &commit_type);
    committing->error = du_error_of(DU_OK);
    enum du_error_kind kind =
        value != NULL
            ? du_records_put(records, bucket, key, value, size, committed, committing,
                             &committing->error)
            : du_records_delete(records, bucket, key, committed, committing, &committing->error);
    return kind == DU_OK ? du_wait_park(L, &committing->wait)
                         : du_wait_answer(L, &committing->wait);
}

static bool add_key(void *user, const struct du_record *record) {
    struct du_bytes *keys = user;
    du_bytes_add(keys, record->key, strlen(record->key) + 1);
    return !keys->failed;
}

/* records:keys(bucket, prefix) */
static int list_keys(lua_State *L) {
    const char *bucket = luaL_checkstring(L, 2), *prefix = luaL_optstring(L, 3, "");
    struct du_records *records = du_module_shared(L)->records;
    struct du_bytes *keys = du_box_bytes(L);
    if (du_records_each(records, bucket, prefix, add_key, keys) != DU_OK || keys->failed)
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    lua_newtable(L);
    lua_Integer n = 0;
    for (size_t at = 0; at < keys->size; at += strlen(keys->data + at) + 1) {
        lua_pushstring(L, keys->data + at);
        lua_rawseti(L, -2, ++n);
    }
    du_bytes_deinit(keys);
    return 1;
}

void du_lua_records_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"get", get},       {"put", put},        {"delete", delete_record},
        {"commit", commit}, {"keys", list_keys}, {NULL, NULL}};
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "records");
}
