#include "datadir.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct du_datadir {
    int lock;
};

static enum du_error_kind make(const char *path, struct du_error *error) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return du_error_errno(error, errno, "create the data folder", path);
    struct stat facts;
    if (stat(path, &facts) != 0)
        return du_error_errno(error, errno, "find the data folder", path);
    if (!S_ISDIR(facts.st_mode))
        return du_error_errno(error, ENOTDIR, "open the data folder", path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
        return du_error_errno(error, errno, "write to the data folder", path);
    return DU_OK;
}

static enum du_error_kind in_use(int lock, const char *path, struct du_error *error) {
    char pid[16] = "";
    ssize_t size = pread(lock, pid, sizeof pid - 1, 0);
    pid[size > 0 ? size : 0] = '\0';
    return du_error_set(error, DU_STORE, "the data folder %s is in use by another process (%d)",
                        path, atoi(pid));
}

/* For whoever asks who holds it; a disk too full for that is no reason not to start. */
static void write_pid(const struct du_base *base, int lock) {
    char pid[16];
    int size = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(lock, 0) != 0 || pwrite(lock, pid, (size_t)size, 0) != size)
        du_log_format(base->log, DU_LOG_WARN, "the data folder's lock does not say who holds it");
}

static enum du_error_kind take(struct du_base *base, const char *path, int *lock,
                               struct du_error *error) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *lock = folder >= 0 ? openat(folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    int number = errno;
    if (folder >= 0)
        close(folder);
    if (*lock < 0)
        return du_error_errno(error, number, "write to the data folder", path);
    if (flock(*lock, LOCK_EX | LOCK_NB) == 0) {
        write_pid(base, *lock);
        return DU_OK;
    }
    enum du_error_kind kind = errno == EWOULDBLOCK
                                  ? in_use(*lock, path, error)
                                  : du_error_errno(error, errno, "lock the data folder", path);
    close(*lock);
    return kind;
}

enum du_error_kind du_datadir_open(struct du_datadir **datadir, struct du_base *base,
                                   const char *path, struct du_error *error) {
    int lock;
    *datadir = NULL;
    enum du_error_kind kind = make(path, error);
    if (kind == DU_OK)
        kind = take(base, path, &lock, error);
    if (kind != DU_OK)
        return kind;
    struct du_datadir *made = du_malloc(sizeof *made);
    if (made == NULL) {
        close(lock);
        return du_error_set(error, DU_MEMORY, "open the data folder %s", path);
    }
    made->lock = lock;
    *datadir = made;
    return DU_OK;
}

void du_datadir_close(struct du_datadir **datadir) {
    if (*datadir == NULL)
        return;
    close((*datadir)->lock);
    du_free(*datadir);
    *datadir = NULL;
}
