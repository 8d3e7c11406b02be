#include "blob_int.h"
#include "bytes.h"
#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MARK = 32 };

const char *du_blob_path(const struct du_digest *digest, char path[DU_BLOB_PATH]) {
    char text[DU_DIGEST_TEXT];
    const char *hex = du_digest_format(digest, text) + 7;
    snprintf(path, DU_BLOB_PATH, "sha256/%.2s/%.64s", hex, hex);
    return path;
}

int du_blob_sync_folder(struct du_blobs *blobs, const char *path) {
    int fd = openat(blobs->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int failed = fsync(fd), number = errno;
    close(fd);
    errno = number;
    return failed;
}

static enum du_error_kind failed(struct du_blobs *blobs, const char *what, struct du_error *error) {
    return du_error_errno(error, errno, what, blobs->folder);
}

/* Folders ----------------------------------------------------------------------------------- */

static DIR *open_folder(struct du_blobs *blobs, const char *path) {
    int fd = openat(blobs->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (folder == NULL && fd >= 0)
        close(fd);
    return folder;
}

/* The next entry but "." and "..". NULL: the end. */
static const char *next_entry(DIR *folder) {
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    return NULL;
}

static bool holds_nothing(struct du_blobs *blobs, const char *path) {
    DIR *folder = open_folder(blobs, path);
    if (folder == NULL)
        return errno == ENOENT;
    bool empty = next_entry(folder) == NULL;
    closedir(folder);
    return empty;
}

/* True when there is nothing that a new cache would be created over. */
static bool unused(struct du_blobs *blobs) {
    static const char *const ours[] = {"lost+found", "mark",       "mark.new",
                                       "partial",    "quarantine", "sha256"};
    DIR *folder = open_folder(blobs, ".");
    if (folder == NULL)
        return false;
    bool strange = false;
    for (const char *name; !strange && (name = next_entry(folder)) != NULL;) {
        strange = true;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            strange = strange && strcmp(name, ours[i]) != 0;
    }
    closedir(folder);
    return !strange && holds_nothing(blobs, "sha256");
}

static int make_folder(struct du_blobs *blobs, const char *path) {
    return mkdirat(blobs->fd, path, 0700) == 0 || errno == EEXIST ? 0 : -1;
}

static enum du_error_kind remove_partials(struct du_blobs *blobs, struct du_error *error) {
    DIR *folder = open_folder(blobs, "partial");
    if (folder == NULL)
        return failed(blobs, "list the partials of", error);
    int number = 0;
    for (const char *name; number == 0 && (name = next_entry(folder)) != NULL;)
        if (unlinkat(dirfd(folder), name, 0) != 0 && errno != ENOENT)
            number = errno;
    closedir(folder);
    return number == 0 ? DU_OK : du_error_errno(error, number, "remove partials of", blobs->folder);
}

/* The mark ---------------------------------------------------------------------------------- */

static bool read_mark(struct du_blobs *blobs, char mark[MARK + 1]) {
    mark[0] = '\0';
    int fd = openat(blobs->fd, "mark", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t size = read(fd, mark, MARK);
    close(fd);
    mark[size < 0 ? 0 : size] = '\0';
    return size == MARK;
}

static enum du_error_kind write_mark(struct du_blobs *blobs, char mark[MARK + 1],
                                     struct du_error *error) {
    unsigned char random[MARK / 2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return failed(blobs, "draw a mark for", error);
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(mark + 2 * i, 3, "%02x", random[i]);
    int fd = openat(blobs->fd, "mark.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(blobs, "mark", error);
    bool written = write(fd, mark, MARK) == MARK && fsync(fd) == 0;
    close(fd);
    if (!written || renameat(blobs->fd, "mark.new", blobs->fd, "mark") != 0 ||
        du_blob_sync_folder(blobs, ".") != 0)
        return failed(blobs, "mark", error);
    return DU_OK;
}

static enum du_error_kind check_mark(struct du_blobs *blobs, const char *mark, bool accept_empty,
                                     char now[MARK + 1], struct du_error *error) {
    bool marked = read_mark(blobs, now);
    if (mark != NULL && marked && strcmp(mark, now) == 0)
        return DU_OK;
    if (!accept_empty && (mark != NULL || !unused(blobs)))
        return du_error_set(error, DU_STORE,
                            "the cache folder %s %s; is its volume mounted? "
                            "--accept-empty-cache takes it as it is",
                            blobs->folder,
                            mark == NULL ? "exists and is not known to the ledger"
                            : marked     ? "carries the mark of another cache"
                                         : "lacks the mark that the ledger knows");
    return write_mark(blobs, now, error);
}

/* Open and close ---------------------------------------------------------------------------- */

/* Makes a file and removes it again: shows that this can be done, and what time it is there. */
static enum du_error_kind probe(struct du_blobs *blobs, struct du_error *error) {
    struct stat file;
    int fd = openat(blobs->fd, "partial/probe", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0 && unlinkat(blobs->fd, "partial/probe", 0) == 0 && fstat(fd, &file) == 0;
    int number = errno;
    if (fd >= 0)
        close(fd);
    if (!good)
        return du_error_errno(error, number, "write to the cache folder", blobs->folder);
    blobs->born = file.st_ctim;
    return DU_OK;
}

static enum du_error_kind prepare(struct du_blobs *blobs, const char *mark, bool accept_empty,
                                  char new_mark[MARK + 1], struct du_error *error) {
    if (mkdir(blobs->folder, 0700) != 0 && errno != EEXIST)
        return failed(blobs, "create", error);
    blobs->fd = open(blobs->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (blobs->fd < 0)
        return failed(blobs, "open", error);
    enum du_error_kind kind = check_mark(blobs, mark, accept_empty, new_mark, error);
    if (kind != DU_OK)
        return kind;
    if (make_folder(blobs, "partial") != 0 || make_folder(blobs, "sha256") != 0 ||
        du_blob_sync_folder(blobs, ".") != 0)
        return failed(blobs, "prepare", error);
    kind = remove_partials(blobs, error);
    return kind == DU_OK ? probe(blobs, error) : kind;
}

enum du_error_kind du_blobs_open(struct du_blobs **blobs, struct du_base *base, const char *folder,
                                 const char *mark, bool accept_empty, char new_mark[33],
                                 struct du_error *error) {
    struct du_blobs *made = du_calloc(1, sizeof *made);
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "open %s", folder);
    made->base = base;
    made->fd = -1;
    made->folder = du_strdup(folder);
    enum du_error_kind kind = made->folder == NULL
                                  ? du_error_set(error, DU_MEMORY, "open %s", folder)
                                  : prepare(made, mark, accept_empty, new_mark, error);
    if (kind != DU_OK)
        du_blobs_close(&made);
    *blobs = made;
    return kind;
}

void du_blobs_close(struct du_blobs **blobs) {
    if (*blobs == NULL)
        return;
    if ((*blobs)->fd >= 0)
        close((*blobs)->fd);
    du_free((*blobs)->folder);
    du_free(*blobs);
    *blobs = NULL;
}

/* Visible blobs ----------------------------------------------------------------------------- */

int du_blobs_read(struct du_blobs *blobs, const struct du_digest *digest, struct du_error *error) {
    char path[DU_BLOB_PATH];
    int fault = du_fault(&blobs->base->faults, DU_FAULT_BLOB_READ);
    int fd = fault != 0
                 ? -1
                 : openat(blobs->fd, du_blob_path(digest, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        return fd;
    int number = fault != 0 ? fault : errno;
    du_error_errno(error, number, "open blob", du_blob_path(digest, path));
    errno = number;
    return -1;
}

/* RESOLVE_CACHED (openat2(2), Linux 5.12) fails with EAGAIN where a name is not in memory. A kernel
 * that has no such call waits. */
int du_blobs_read_now(struct du_blobs *blobs, const struct du_digest *digest, bool *cold) {
    char path[DU_BLOB_PATH];
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_CACHED};
    *cold = du_fault(&blobs->base->faults, DU_FAULT_BLOB_COLD_OPEN) != 0;
    if (*cold || du_fault(&blobs->base->faults, DU_FAULT_BLOB_READ) != 0)
        return -1;
    long fd = syscall(SYS_openat2, blobs->fd, du_blob_path(digest, path), &how, sizeof how);
    *cold = fd < 0 && errno == EAGAIN;
    return fd >= 0 || *cold ? (int)fd : du_blobs_read(blobs, digest, NULL);
}

bool du_blobs_has(struct du_blobs *blobs, const struct du_digest *digest) {
    char path[DU_BLOB_PATH];
    return faccessat(blobs->fd, du_blob_path(digest, path), F_OK, 0) == 0 || errno != ENOENT;
}

enum du_error_kind du_blobs_remove(struct du_blobs *blobs, const struct du_digest *digest,
                                   struct du_error *error) {
    char path[DU_BLOB_PATH];
    if (unlinkat(blobs->fd, du_blob_path(digest, path), 0) != 0 && errno != ENOENT)
        return du_error_errno(error, errno, "remove blob", path);
    return DU_OK;
}

enum du_error_kind du_blobs_quarantine(struct du_blobs *blobs, const struct du_digest *digest,
                                       char *place, size_t size, struct du_error *error) {
    char path[DU_BLOB_PATH], kept[32 + 64];
    snprintf(kept, sizeof kept, "quarantine/%s", strrchr(du_blob_path(digest, path), '/') + 1);
    place[0] = '\0';
    if (make_folder(blobs, "quarantine") != 0 || renameat(blobs->fd, path, blobs->fd, kept) != 0 ||
        du_blob_sync_folder(blobs, "quarantine") != 0)
        return du_error_errno(error, errno, "quarantine", path);
    snprintf(place, size, "%s/%s", blobs->folder, kept);
    return DU_OK;
}

bool du_blobs_space(struct du_blobs *blobs, int64_t *free, int64_t *size) {
    struct statvfs disk;
    int kib = du_fault(&blobs->base->faults, DU_FAULT_BLOB_SPACE);
    if (fstatvfs(blobs->fd, &disk) != 0)
        return false;
    *size = (int64_t)(disk.f_blocks * disk.f_frsize);
    *free = kib > 0 ? (int64_t)kib << 10 : (int64_t)(disk.f_bavail * disk.f_frsize);
    return true;
}

struct walk {
    bool (*each)(void *user, const struct du_digest *digest, int64_t size, bool fresh);
    void *user;
    struct timespec born;
    bool stop;
};

static bool is_fresh(const struct walk *walk, const struct stat *file) {
    return file->st_ctim.tv_sec != walk->born.tv_sec ? file->st_ctim.tv_sec > walk->born.tv_sec
                                                     : file->st_ctim.tv_nsec >= walk->born.tv_nsec;
}

static void visit(DIR *folder, const char *name, struct walk *walk) {
    struct du_digest digest;
    struct stat file;
    char text[DU_DIGEST_TEXT];
    if (strlen(name) != 64)
        return;
    snprintf(text, sizeof text, "sha256:%.64s", name);
    if (du_digest_parse(text, DU_DIGEST_TEXT - 1, &digest) &&
        fstatat(dirfd(folder), name, &file, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(file.st_mode))
        walk->stop = !walk->each(walk->user, &digest, file.st_size, is_fresh(walk, &file));
}

enum du_error_kind du_blobs_each(struct du_blobs *blobs,
                                 bool (*each)(void *user, const struct du_digest *digest,
                                              int64_t size, bool fresh),
                                 void *user, struct du_error *error) {
    struct walk walk = {.each = each, .user = user, .born = blobs->born};
    for (int i = 0; i < 256 && !walk.stop; i++) {
        char path[16];
        snprintf(path, sizeof path, "sha256/%02x", (unsigned)i);
        DIR *folder = open_folder(blobs, path);
        if (folder == NULL && errno == ENOENT)
            continue;
        if (folder == NULL)
            return failed(blobs, "list", error);
        for (const char *name; !walk.stop && (name = next_entry(folder)) != NULL;)
            visit(folder, name, &walk);
        closedir(folder);
    }
    return DU_OK;
}
