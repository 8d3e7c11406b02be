#include "box.h"
#include "bytes.h"
#include "module.h"
#include "sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a deployment is configured from: the environment, secrets, files of its own folder. */

enum { FILE_MOST = 8 * 1024 * 1024, SECRET_MOST = 64 * 1024 };

/* The context's own environment first. NULL: unset, or "". */
static const char *find_variable(lua_State *L, const char *name) {
    const char *const *own = du_context_of(L)->environment, *value = NULL;
    size_t size = strlen(name);
    for (; value == NULL && own != NULL && *own != NULL; own++)
        if (strncmp(*own, name, size) == 0 && (*own)[size] == '=')
            value = *own + size + 1;
    if (value == NULL)
        value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int getenv_of(lua_State *L) {
    const char *value = find_variable(L, luaL_checkstring(L, 1));
    if (value != NULL)
        lua_pushstring(L, value);
    else
        lua_pushnil(L);
    return 1;
}

static int refuse(lua_State *L, const char *path, const char *why) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, why);
    return 2;
}

/* Pushes what is in the file, or nil and why not. `shown` is what messages say. While the scripts
 * load, all states of a generation get the same. */
static int push_file(lua_State *L, const char *path, const char *shown, size_t most) {
    struct du_sources *sources = du_context_of(L)->sources;
    struct du_slice text;
    int error;
    if (sources != NULL && du_task_phase(L) == DU_PHASE_LOAD) {
        error = du_sources_read(sources, path, &text);
    } else {
        struct du_bytes *bytes = du_box_bytes(L);
        error = du_sources_read_now(path, bytes);
        text = (struct du_slice){bytes->data, bytes->size};
    }
    if (error != 0)
        return refuse(L, shown, strerror(error));
    if (text.size > most)
        return refuse(L, shown, "too large");
    lua_pushlstring(L, text.size > 0 ? text.data : "", text.size);
    return 1;
}

/* A path below the deployment's folder and nowhere else: relative, no "..", no NUL. */
static bool is_below(const char *path, size_t size) {
    if (size == 0 || path[0] == '/' || strlen(path) != size)
        return false;
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

static int open_below(lua_State *L, const char *path, int flags) {
    int folder = open(du_context_of(L)->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    int fd = openat(folder, path, flags | O_CLOEXEC | O_NONBLOCK);
    int error = errno;
    close(folder);
    errno = error;
    return fd;
}

static int push_bundled(lua_State *L, const struct du_scripts *bundle, const char *path) {
    const struct du_embedded_script *script = du_scripts_find(bundle, path);
    if (script == NULL)
        return refuse(L, path, "not in this bundle");
    lua_pushlstring(L, script->source, script->size);
    return 1;
}

static int read_file(lua_State *L) {
    size_t size;
    const char *path = luaL_checklstring(L, 1, &size);
    if (path[0] == '/' && strlen(path) == size && du_task_phase(L) == DU_PHASE_LOAD)
        return push_file(L, path, path, FILE_MOST);
    if (!is_below(path, size))
        return refuse(L, path, "not a path below the deployment's folder");
    if (du_context_of(L)->bundle != NULL)
        return push_bundled(L, du_context_of(L)->bundle, path);
    const char *whole = lua_pushfstring(L, "%s/%s", du_context_of(L)->folder, path);
    return push_file(L, whole, path, FILE_MOST);
}

static int deployment_has(lua_State *L) {
    size_t size;
    const char *path = luaL_checklstring(L, 1, &size);
    const struct du_scripts *bundle = du_context_of(L)->bundle;
    if (bundle != NULL) {
        lua_pushboolean(L, du_scripts_find(bundle, path) != NULL);
        return 1;
    }
    int fd = is_below(path, size) ? open_below(L, path, O_PATH) : -1;
    if (fd >= 0)
        close(fd);
    lua_pushboolean(L, fd >= 0);
    return 1;
}

static int deployment_folder(lua_State *L) {
    lua_pushstring(L, du_context_of(L)->folder);
    return 1;
}

/* Without the newline that an editor puts at a file's end. */
static void strip_newline(lua_State *L) {
    size_t size;
    const char *text = lua_tolstring(L, -1, &size);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    lua_pushlstring(L, text, size);
}

/* secret(name) */
static int secret(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    lua_settop(L, 1);
    lua_pushfstring(L, "%s_FILE", name);
    const char *path = find_variable(L, lua_tostring(L, 2)), *value = find_variable(L, name);
    if (path != NULL) {
        if (push_file(L, path, path, SECRET_MOST) == 2)
            return 2;
        strip_newline(L);
        return 1;
    }
    if (value != NULL) {
        lua_pushstring(L, value);
        return 1;
    }
    lua_pushnil(L);
    lua_pushfstring(L, "neither %s_FILE nor %s is set", name, name);
    return 2;
}

void du_lua_config_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"getenv", getenv_of},
                                         {"secret", secret},
                                         {"read_file", read_file},
                                         {"deployment_has", deployment_has},
                                         {"deployment_folder", deployment_folder},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
