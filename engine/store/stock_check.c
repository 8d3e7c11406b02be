#include "stock.h"

#include "index_int.h"
#include "mem.h"

#include <errno.h>
#include <unistd.h>

enum { READ_AT_ONCE = 1 << 20 };

struct du_stock_check {
    struct du_index *index;
    struct du_digest digest;
    int64_t size, at;
    int fd;
    struct du_hash *hash;
    enum du_stock_verdict verdict;
    char *piece;
    char place[512];
};

static int64_t size_of(struct du_index *index, const struct du_digest *digest) {
    pthread_mutex_lock(&index->lock);
    const struct du_index_entry *entry = du_index_entry(index, digest);
    int64_t size = entry != NULL && entry->state == LISTED ? entry->size : -1;
    pthread_mutex_unlock(&index->lock);
    return size;
}

enum du_error_kind du_stock_check_new(struct du_stock_check **check, struct du_index *index,
                                      const struct du_digest *digest, struct du_error *error) {
    struct du_stock_check *made = du_calloc(1, sizeof *made);
    *check = made;
    if (made == NULL)
        return du_error_set(error, DU_MEMORY, "verify a blob");
    *made = (struct du_stock_check){.index = index, .digest = *digest, .fd = -1};
    made->size = size_of(index, digest);
    made->piece = du_malloc(READ_AT_ONCE);
    enum du_error_kind kind = DU_OK;
    if (made->size < 0)
        kind = du_error_set(error, DU_NOT_FOUND, "there is no such blob");
    else if (made->piece == NULL || du_hash_new(&made->hash) != DU_OK)
        kind = du_error_set(error, DU_MEMORY, "verify a blob");
    if (kind != DU_OK)
        du_stock_check_free(check);
    return kind;
}

void du_stock_check_free(struct du_stock_check **check) {
    struct du_stock_check *old = *check;
    *check = NULL;
    if (old == NULL)
        return;
    if (old->fd >= 0)
        close(old->fd);
    du_hash_free(&old->hash);
    du_free(old->piece);
    du_free(old);
}

enum du_stock_verdict du_stock_check_verdict(const struct du_stock_check *check) {
    return check->verdict;
}

const char *du_stock_check_place(const struct du_stock_check *check) {
    return check->place;
}

/* Verdicts ---------------------------------------------------------------------------------- */

/* The file first: once the entry has left, its removal is on its way. */
static void quarantine(struct du_stock_check *check) {
    struct du_index *index = check->index;
    struct du_error error;
    char text[DU_DIGEST_TEXT];
    check->verdict = DU_STOCK_WRONG;
    if (du_blobs_quarantine(index->files, &check->digest, check->place, sizeof check->place,
                            &error) != DU_OK)
        du_log_format(index->base->log, DU_LOG_ERROR, "%s", error.message);
    pthread_mutex_lock(&index->lock);
    struct du_index_entry *entry = du_index_entry(index, &check->digest);
    if (entry != NULL) {
        atomic_store(&entry->wrong, true);
        if (entry->state == LISTED)
            du_index_entry_drop(entry);
    }
    pthread_mutex_unlock(&index->lock);
    du_log_format(index->base->log, DU_LOG_ERROR, "%s does not verify and is served no more; %s%s",
                  du_digest_format(&check->digest, text),
                  check->place[0] != '\0' ? "its file is " : "its file could not be moved",
                  check->place);
}

/* A file that cannot be read, by errno's number. */
static enum du_error_kind give_up(struct du_stock_check *check, int number,
                                  struct du_error *error) {
    if (number == ENOENT) {
        check->verdict = DU_STOCK_GONE;
        du_index_drop(check->index, &check->digest);
    } else if (number == EIO || number == EUCLEAN) {
        quarantine(check);
    } else {
        return error->kind;
    }
    return DU_OK;
}

static enum du_error_kind judge(struct du_stock_check *check, struct du_error *error) {
    struct du_digest actual;
    char text[DU_DIGEST_TEXT];
    enum du_error_kind kind = du_hash_finish(check->hash, &actual);
    if (kind != DU_OK)
        return du_error_set(error, kind, "hash a blob");
    if (check->at == check->size && du_digest_equal(&actual, &check->digest)) {
        check->verdict = DU_STOCK_SOUND;
        return DU_OK;
    }
    du_error_set(error, DU_INTEGRITY, "its bytes are those of %s", du_digest_format(&actual, text));
    quarantine(check);
    return DU_OK;
}

static ssize_t read_some(struct du_stock_check *check) {
    for (;;) {
        int number = du_fault(&check->index->base->faults, DU_FAULT_BLOB_BYTES);
        ssize_t got = number != 0 ? -1 : pread(check->fd, check->piece, READ_AT_ONCE, check->at);
        if (number != 0)
            errno = number;
        if (got >= 0 || errno != EINTR)
            return got;
    }
}

enum du_error_kind du_stock_check_go(struct du_stock_check *check, int64_t bytes,
                                     struct du_error *error) {
    if (check->fd < 0)
        check->fd = du_blobs_read(check->index->files, &check->digest, error);
    if (check->fd < 0)
        return give_up(check, errno, error);
    for (int64_t end = check->at + bytes; check->at < end;) {
        ssize_t got = read_some(check);
        if (got < 0) {
            int number = errno;
            du_error_errno(error, number, "read", "it");
            return give_up(check, number, error);
        }
        if (got == 0)
            return judge(check, error);
        enum du_error_kind kind = du_hash_add(check->hash, check->piece, (size_t)got);
        if (kind != DU_OK)
            return du_error_set(error, kind, "hash a blob");
        check->at += got;
    }
    return DU_OK;
}
