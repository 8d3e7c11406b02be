#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum { STRIDE = 128 << 10, SCRATCH = 64 << 10 };

/* As preadv2(2) says, without waiting; where that cannot be said, plainly. */
static ssize_t read_now(int fd, int64_t at, char *data, size_t size) {
    struct iovec room = {data, size};
    ssize_t got;
    do
        got = preadv2(fd, &room, 1, at, RWF_NOWAIT);
    while (got < 0 && errno == EINTR);
    return got >= 0 || errno == EAGAIN ? got : pread(fd, data, size, at);
}

static bool has_byte(int fd, int64_t at) {
    char byte;
    return read_now(fd, at, &byte, 1) >= 0 || errno != EAGAIN;
}

bool du_warm_read(struct du_faults *faults, int fd, int64_t first, char *data, size_t size) {
    return du_fault(faults, DU_FAULT_BLOB_COLD) == 0 &&
           read_now(fd, first, data, size) == (ssize_t)size;
}

int64_t du_warm_until(struct du_faults *faults, int fd, int64_t first, int64_t end) {
    if (du_fault(faults, DU_FAULT_BLOB_COLD) != 0)
        return first;
    int64_t at = first;
    for (; at < end && has_byte(fd, at); at += STRIDE)
        continue;
    if (at < end)
        return at;
    if (first < end && !has_byte(fd, end - 1))
        return at - STRIDE;
    return end;
}

enum du_error_kind du_warm_up(struct du_faults *faults, int fd, int64_t first, int64_t end,
                              struct du_error *error) {
    char scratch[SCRATCH];
    int number = du_fault(faults, DU_FAULT_BLOB_READ_AHEAD);
    if (number != 0)
        return du_error_errno(error, number, "read", "a blob's file");
    for (int64_t at = first; at < end;) {
        size_t size = end - at < SCRATCH ? (size_t)(end - at) : SCRATCH;
        ssize_t got = pread(fd, scratch, size, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return du_error_errno(error, errno, "read", "a blob's file");
        if (got == 0)
            break; /* it was cut: who sends it sees that */
        at += got;
    }
    posix_fadvise(fd, end, end - first, POSIX_FADV_WILLNEED);
    return DU_OK;
}
