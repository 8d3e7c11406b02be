#include "lua_double.h"

#include "box.h"
#include "digest.h"
#include "lua_errors.h"
#include "mem.h"
#include "module.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_PIECE = 64 * 1024 };

struct folder {
    int fd_plus_one; /* 0: closed */
};

struct file {
    struct du_lua_file file;
    bool open;
};

struct gate {
    struct du_gate *gate; /* NULL: closed */
};

static const struct du_box_type folder_type, file_type, gate_type;

static int fail(lua_State *L, const char *path) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(errno));
    return 2;
}

/* Folders. */

static int folder_fd(lua_State *L) {
    struct folder *folder = du_box_check(L, 1, &folder_type);
    luaL_argcheck(L, folder->fd_plus_one > 0, 1, "this folder is closed");
    return folder->fd_plus_one - 1;
}

/* The path at argument 2: relative, below the folder, in text. */
static const char *path_below(lua_State *L) {
    size_t size;
    const char *path = luaL_checklstring(L, 2, &size);
    bool fine = size > 0 && path[0] != '/' && strlen(path) == size;
    for (const char *part = path; fine && part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        fine = strncmp(part, "..", 2) != 0 || (part[2] != '/' && part[2] != '\0');
    }
    luaL_argcheck(L, fine, 2, "a path below the folder");
    return path;
}

/* native.folder(path) */
static int open_folder(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    if (du_task_phase(L) != DU_PHASE_LOAD)
        return luaL_error(L, "a folder is opened while the deployment loads");
    struct folder *folder = du_box_new(L, &folder_type, sizeof *folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(L, path);
    folder->fd_plus_one = fd + 1;
    return 1;
}

static int close_folder(lua_State *L) {
    struct folder *folder = du_box_check(L, 1, &folder_type);
    if (folder->fd_plus_one > 0)
        close(folder->fd_plus_one - 1);
    folder->fd_plus_one = 0;
    return 0;
}

/* Adds the names in the stream to the list on top. May raise: the stream's box closes it. */
static void add_names(lua_State *L, DIR *stream) {
    struct dirent *entry;
    lua_Integer count = 0;
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, -2, ++count);
    }
}

static int close_stream(lua_State *L);
static const luaL_Reg no_methods[] = {{NULL, NULL}};
static const struct du_box_type stream_type = {"dunite.stream", no_methods, close_stream};

static int close_stream(lua_State *L) {
    DIR **stream = du_box_check(L, 1, &stream_type);
    if (*stream != NULL)
        closedir(*stream);
    *stream = NULL;
    return 0;
}

/* folder:names(path) */
static int names(lua_State *L) {
    int parent = folder_fd(L);
    const char *path = path_below(L);
    DIR **stream = du_box_new(L, &stream_type, sizeof(DIR *));
    int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(L, path);
    *stream = fdopendir(fd);
    if (*stream == NULL) {
        close(fd);
        return fail(L, path);
    }
    lua_newtable(L);
    add_names(L, *stream);
    closedir(*stream);
    *stream = NULL;
    return 1;
}

/* folder:file(path) */
static int open_file(lua_State *L) {
    int parent = folder_fd(L);
    const char *path = path_below(L);
    struct stat status;
    struct file *box = du_box_new(L, &file_type, sizeof *box);
    box->file.fd = openat(parent, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    box->open = box->file.fd >= 0;
    if (!box->open || fstat(box->file.fd, &status) != 0)
        return fail(L, path);
    if (!S_ISREG(status.st_mode)) {
        errno = EISDIR;
        return fail(L, path);
    }
    box->file.size = status.st_size;
    box->file.modified_ms = (int64_t)status.st_mtim.tv_sec * 1000;
    return 1;
}

/* Files. */

const struct du_lua_file *du_lua_check_file(lua_State *L, int index) {
    struct file *box = du_box_check(L, index, &file_type);
    if (!box->open)
        luaL_error(L, "this file is closed");
    return &box->file;
}

static int size(lua_State *L) {
    lua_pushinteger(L, du_lua_check_file(L, 1)->size);
    return 1;
}

static int modified(lua_State *L) {
    lua_pushinteger(L, du_lua_check_file(L, 1)->modified_ms / 1000);
    return 1;
}

/* file:read(max) */
static int read_all(lua_State *L) {
    const struct du_lua_file *file = du_lua_check_file(L, 1);
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, file->size <= max, 2, "this file is larger");
    luaL_Buffer buffer;
    size_t at = 0, whole = (size_t)file->size;
    char *room = luaL_buffinitsize(L, &buffer, whole);
    while (at < whole) {
        ssize_t got = pread(file->fd, room + at, whole - at, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return luaL_error(L, "a file ends early or cannot be read");
        at += (size_t)got;
    }
    luaL_pushresultsize(&buffer, at);
    return 1;
}

static enum du_error_kind hash_file(const struct du_lua_file *file, struct du_hash *hash,
                                    struct du_error *error) {
    char room[HASH_PIECE];
    for (int64_t at = 0; at < file->size;) {
        ssize_t got = pread(file->fd, room, sizeof room, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return du_error_set(error, DU_IO, "a file ends early or cannot be read");
        if (du_hash_add(hash, room, (size_t)got) != DU_OK)
            return du_error_set(error, DU_MEMORY, "no memory to hash a file");
        at += got;
    }
    return DU_OK;
}

/* file:digest() */
static int digest(lua_State *L) {
    const struct du_lua_file *file = du_lua_check_file(L, 1);
    struct du_error error = du_error_of(DU_OK);
    struct du_hash *hash = NULL;
    struct du_digest result;
    char text[DU_DIGEST_TEXT];
    enum du_error_kind kind = du_hash_new(&hash);
    if (kind == DU_OK)
        kind = hash_file(file, hash, &error);
    if (kind == DU_OK)
        kind = du_hash_finish(hash, &result);
    du_hash_free(&hash);
    if (kind != DU_OK)
        return du_lua_raise(L, error.kind != DU_OK ? error : du_error_of(kind));
    lua_pushstring(L, du_digest_format(&result, text));
    return 1;
}

static int close_file(lua_State *L) {
    struct file *box = du_box_check(L, 1, &file_type);
    if (box->open)
        close(box->file.fd);
    box->open = false;
    return 0;
}

/* Gates. */

struct du_gate *du_lua_check_gate(lua_State *L, int index) {
    struct gate *box = du_box_check(L, index, &gate_type);
    if (box->gate == NULL)
        luaL_error(L, "this gate is closed for good");
    return box->gate;
}

/* native.gate(at) */
static int new_gate(lua_State *L) {
    lua_Integer at = luaL_checkinteger(L, 1);
    luaL_argcheck(L, at >= 0, 1, "bytes are not negative");
    struct gate *box = du_box_new(L, &gate_type, sizeof *box);
    box->gate = du_gate_new(du_context_of(L), at);
    if (box->gate == NULL)
        return du_lua_raise(L, du_error_of(DU_MEMORY));
    return 1;
}

static int open_gate(lua_State *L) {
    du_gate_open(du_lua_check_gate(L, 1));
    return 0;
}

static int cut_gate(lua_State *L) {
    du_gate_cut(du_lua_check_gate(L, 1));
    return 0;
}

static int waiting(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)du_gate_waiting(du_lua_check_gate(L, 1)));
    return 1;
}

/* Nothing would open it any more. */
static int close_gate(lua_State *L) {
    struct gate *box = du_box_check(L, 1, &gate_type);
    if (box->gate != NULL)
        du_gate_open(box->gate);
    du_gate_unref(&box->gate);
    return 0;
}

static const luaL_Reg folder_methods[] = {{"names", names}, {"file", open_file}, {NULL, NULL}};
static const luaL_Reg file_methods[] = {{"size", size},        {"modified", modified},
                                        {"read", read_all},    {"digest", digest},
                                        {"close", close_file}, {NULL, NULL}};
static const luaL_Reg gate_methods[] = {
    {"open", open_gate}, {"cut", cut_gate}, {"waiting", waiting}, {NULL, NULL}};

static const struct du_box_type folder_type = {"dunite.native.Folder", folder_methods,
                                               close_folder};
static const struct du_box_type file_type = {"dunite.native.File", file_methods, close_file};
static const struct du_box_type gate_type = {"dunite.native.Gate", gate_methods, close_gate};

void du_lua_double_open(lua_State *L) {
    static const luaL_Reg functions[] = {{"folder", open_folder}, {"gate", new_gate}, {NULL, NULL}};
    du_box_define(L, &folder_type);
    du_box_define(L, &file_type);
    du_box_define(L, &gate_type);
    du_box_define(L, &stream_type);
    luaL_setfuncs(L, functions, 0);
}
