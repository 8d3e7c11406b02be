#include "file_body.h"

#include "mem.h"

#include <fcntl.h>
#include <unistd.h>

enum { PIECE_MOST = 1 << 20 }; /* so that a connection takes its turn with the others */

struct file_body {
    struct du_body body;
    int fd;
    int64_t at, end;
};

static enum du_body_state next(struct du_body *body, struct du_piece *piece) {
    struct file_body *file = (struct file_body *)body;
    int64_t left = file->end - file->at;
    if (left == 0)
        return DU_BODY_END;
    piece->fd = file->fd;
    piece->offset = file->at;
    piece->size = (size_t)(left < PIECE_MOST ? left : PIECE_MOST);
    return DU_BODY_FILE;
}

static void sent(struct du_body *body, size_t size) {
    ((struct file_body *)body)->at += (int64_t)size;
}

static void close_body(struct du_body *body) {
    close(((struct file_body *)body)->fd);
    du_free(body);
}

static const struct du_body_type file_type = {next, sent, close_body};

struct du_body *du_file_body_new(int fd, int64_t first, int64_t length) {
    struct file_body *file = du_calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (file->fd < 0) {
        du_free(file);
        return NULL;
    }
    file->body.type = &file_type;
    file->body.length = length;
    file->at = first;
    file->end = first + length;
    return &file->body;
}
