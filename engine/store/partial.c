#include "blob_int.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Written back in steps, so that the final sync has little left and drags nobody. */
enum { WRITE_BACK = 16 << 20, COMPARED = 64 << 10 };

struct du_partial {
    struct du_blobs *blobs;
    struct du_hash *hash;
    struct du_digest digest; /* once verified */
    int fd;
    int64_t size;
    int64_t sent; /* to the disk, by write-back */
    bool created, visible;
    char path[DU_PARTIAL_PATH];
};

static enum du_error_kind failed(const struct du_partial *partial, int number, const char *what,
                                 struct du_error *error) {
    return du_error_errno(error, number, what, partial->path);
}

static int fault_at(const struct du_partial *partial, enum du_fault fault) {
    return du_fault(&partial->blobs->base->faults, fault);
}

/* Making ------------------------------------------------------------------------------------ */

static enum du_error_kind reserve(struct du_partial *partial, int64_t size,
                                  struct du_error *error) {
    int number = fault_at(partial, DU_FAULT_BLOB_RESERVE);
    if (number == 0 && size > 0 && fallocate(partial->fd, FALLOC_FL_KEEP_SIZE, 0, size) != 0)
        number = errno;
    /* A file system that cannot reserve still writes. */
    if (number == 0 || number == EOPNOTSUPP)
        return DU_OK;
    return failed(partial, number, "reserve space for", error);
}

static enum du_error_kind create(struct du_partial *partial, struct du_error *error) {
    struct du_blobs *blobs = partial->blobs;
    snprintf(partial->path, sizeof partial->path, "partial/%llu",
             atomic_fetch_add(&blobs->number, 1) + 1);
    int number = fault_at(partial, DU_FAULT_BLOB_OPEN);
    if (number == 0) {
        partial->fd = openat(blobs->fd, partial->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        number = partial->fd < 0 ? errno : 0;
    }
    partial->created = number == 0;
    return number == 0 ? DU_OK : failed(partial, number, "create", error);
}

enum du_error_kind du_partial_new(struct du_blobs *blobs, int64_t size, struct du_partial **partial,
                                  struct du_error *error) {
    struct du_partial *made = du_calloc(1, sizeof *made);
    *partial = NULL;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "start a partial");
    made->blobs = blobs;
    made->fd = -1;
    enum du_error_kind kind = du_hash_new(&made->hash);
    if (kind != DU_OK)
        du_error_set(error, kind, "start a partial");
    if (kind == DU_OK)
        kind = create(made, error);
    if (kind == DU_OK)
        kind = reserve(made, size, error);
    if (kind != DU_OK)
        du_partial_free(&made);
    *partial = made;
    return kind;
}

void du_partial_free(struct du_partial **partial) {
    struct du_partial *old = *partial;
    if (old == NULL)
        return;
    if (old->created && !old->visible)
        unlinkat(old->blobs->fd, old->path, 0);
    if (old->fd >= 0)
        close(old->fd);
    du_hash_free(&old->hash);
    du_free(old);
    *partial = NULL;
}

/* Writing ----------------------------------------------------------------------------------- */

static ssize_t write_some(struct du_partial *partial, const char *data, size_t size) {
    int number = fault_at(partial, DU_FAULT_BLOB_WRITE);
    if (number != 0) {
        errno = number;
        return -1;
    }
    int fewer = fault_at(partial, DU_FAULT_BLOB_SHORT_WRITE);
    if (fewer > 0 && (size_t)fewer < size)
        size = (size_t)fewer;
    return pwrite(partial->fd, data, size, partial->size);
}

static void write_back(struct du_partial *partial) {
    if (partial->size - partial->sent < WRITE_BACK)
        return;
    /* Advice: what it cannot do, the sync at the end does. */
    sync_file_range(partial->fd, partial->sent, partial->size - partial->sent,
                    SYNC_FILE_RANGE_WRITE);
    partial->sent = partial->size;
}

enum du_error_kind du_partial_write(struct du_partial *partial, const void *data, size_t size,
                                    struct du_error *error) {
    const char *from = data;
    for (size_t left = size; left > 0;) {
        ssize_t done = write_some(partial, from, left);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return failed(partial, done < 0 ? errno : EIO, "write", error);
        from += done;
        left -= (size_t)done;
        partial->size += done;
    }
    write_back(partial);
    enum du_error_kind kind = du_hash_add(partial->hash, data, size);
    return kind == DU_OK ? DU_OK : du_error_set(error, kind, "hash %s", partial->path);
}

enum du_error_kind du_partial_compare(struct du_partial *partial, int64_t offset, const char *data,
                                      size_t size, struct du_error *error) {
    char piece[COMPARED];
    while (size > 0) {
        ssize_t got = pread(partial->fd, piece, size < sizeof piece ? size : sizeof piece, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return failed(partial, got < 0 ? errno : EIO, "read back", error);
        if (memcmp(piece, data, (size_t)got) != 0)
            return du_error_set(error, DU_INTEGRITY,
                                "what came again from byte %" PRId64 " on differs", offset);
        data += got;
        size -= (size_t)got;
        offset += got;
    }
    return DU_OK;
}

int64_t du_partial_size(const struct du_partial *partial) {
    return partial->size;
}

int du_partial_fd(const struct du_partial *partial) {
    return partial->fd;
}

/* Its end ----------------------------------------------------------------------------------- */

enum du_error_kind du_partial_verify(struct du_partial *partial, const struct du_digest *expected,
                                     int64_t expected_size, struct du_digest *digest,
                                     struct du_error *error) {
    enum du_error_kind kind = du_hash_finish(partial->hash, &partial->digest);
    if (kind != DU_OK)
        return du_error_set(error, kind, "hash %s", partial->path);
    kind = du_digest_check(&partial->digest, partial->size, expected, expected_size, error);
    if (kind != DU_OK)
        return kind;
    int number = fault_at(partial, DU_FAULT_BLOB_SYNC);
    if (number == 0 && fsync(partial->fd) != 0)
        number = errno;
    if (number != 0)
        return failed(partial, number, "sync", error);
    *digest = partial->digest;
    return DU_OK;
}

/* The blob's own folder, made when it is the first one in it. 0 or -1, errno. */
static int own_folder(struct du_blobs *blobs, const char folder[10]) {
    if (mkdirat(blobs->fd, folder, 0700) == 0)
        return du_blob_sync_folder(blobs, "sha256");
    return errno == EEXIST ? 0 : -1;
}

enum du_error_kind du_partial_publish(struct du_partial *partial, struct du_error *error) {
    struct du_blobs *blobs = partial->blobs;
    char path[DU_BLOB_PATH], folder[10];
    snprintf(folder, sizeof folder, "%.9s", du_blob_path(&partial->digest, path));
    int number = fault_at(partial, DU_FAULT_BLOB_RENAME);
    if (number == 0 && (own_folder(blobs, folder) != 0 ||
                        renameat(blobs->fd, partial->path, blobs->fd, path) != 0))
        number = errno;
    if (number != 0)
        return failed(partial, number, "make visible", error);
    partial->visible = true;
    /* Without the folder's sync the name may vanish in a power cut: that costs a fetch, no byte.
     * But a disk that fails to sync is not to be trusted with the name. */
    if (du_blob_sync_folder(blobs, folder) == 0)
        return DU_OK;
    number = errno;
    unlinkat(blobs->fd, path, 0);
    return failed(partial, number, "sync the folder of", error);
}

int du_partial_take_fd(struct du_partial *partial) {
    int fd = partial->fd;
    partial->fd = -1;
    return fd;
}
