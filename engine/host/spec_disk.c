#include "spec_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static int faults(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; i < DU_FAULT_COUNT; i++) {
        lua_pushstring(L, du_faults_name((enum du_fault)i));
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* Pushes the names. */
static void list_folder(lua_State *L, const char *path) {
    lua_Integer n = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        luaL_error(L, "%s cannot be listed", path);
        return;
    }
    lua_newtable(L);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            lua_pushstring(L, entry->d_name);
            lua_rawseti(L, -2, ++n);
        }
    closedir(folder);
}

static int files(lua_State *L) {
    list_folder(L, luaL_checkstring(L, 1));
    return 1;
}

/* spec.descriptors(prefix) */
static int descriptors(lua_State *L) {
    size_t size;
    const char *prefix = luaL_checklstring(L, 1, &size);
    lua_Integer count = 0;
    list_folder(L, "/proc/self/fd");
    int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++, lua_pop(L, 1)) {
        char target[PATH_MAX];
        ssize_t length = readlinkat(folder, lua_tostring(L, -1), target, sizeof target);
        count += length >= (ssize_t)size && memcmp(target, prefix, size) == 0;
    }
    close(folder);
    lua_pushinteger(L, count);
    return 1;
}

void du_spec_disk_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"faults", faults}, {"files", files}, {"descriptors", descriptors}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}

static int integer_of(lua_State *L, int index, const char *key, int absent) {
    lua_getfield(L, index, key);
    int value = (int)luaL_optinteger(L, -1, absent);
    lua_pop(L, 1);
    return value;
}

void du_spec_disk_read_fault(lua_State *L, int index, struct du_engine_fault *fault) {
    lua_getfield(L, index, "name");
    if (!du_faults_find(luaL_checkstring(L, -1), &fault->fault))
        luaL_error(L, "no fault has the name %s", lua_tostring(L, -1));
    lua_pop(L, 1);
    fault->number = integer_of(L, index, "number", 0);
    fault->skip = integer_of(L, index, "skip", 0);
    fault->times = integer_of(L, index, "times", -1);
}
