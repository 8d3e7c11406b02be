#include "sender.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

/* ---- the head ---- */

static char *put(char *to, const char *text, size_t size) {
    memcpy(to, text, size);
    return to + size;
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

static char *put_number(char *to, uint64_t number, unsigned base) {
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = "0123456789abcdef"[number % base];
    while ((number /= base) > 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

/* Fits in DU_SENDER_HEAD: the longest reason, a date and two lengths are some 180 bytes. */
static size_t write_head(struct du_sender *sender, const struct du_sender_manner *manner,
                         int64_t announced) {
    const char *reason = du_reply_reason(sender->reply.status);
    char *to = PUT(sender->head, "HTTP/1.1 ");
    to = put_number(to, (uint64_t)sender->reply.status, 10);
    *to++ = ' ';
    to = put(to, reason, strlen(reason));
    to = PUT(to, "\r\nDate: ");
    to = put(to, manner->date, strlen(manner->date));
    if (announced >= 0) {
        to = PUT(to, "\r\nContent-Length: ");
        to = put_number(to, (uint64_t)announced, 10);
    }
    if (sender->chunked)
        to = PUT(to, "\r\nTransfer-Encoding: chunked");
    if (!manner->keep_alive)
        to = PUT(to, "\r\nConnection: close");
    else if (!manner->is_1_1)
        to = PUT(to, "\r\nConnection: keep-alive");
    to = PUT(to, "\r\n");
    return (size_t)(to - sender->head);
}

static void frame(struct du_sender *sender, const void *data, size_t size) {
    sender->framing[sender->framing_count++] = (struct iovec){(void *)data, size};
}

/* RFC 9110 section 8.6: what Content-Length says, -1 where there is none to be. */
static int64_t announced_length(const struct du_sender *sender, bool is_head) {
    const struct du_reply *reply = &sender->reply;
    if (reply->status == 204 || reply->status == 304)
        return -1;
    if (is_head && reply->body == NULL && reply->bytes.size == 0 && reply->length >= 0)
        return reply->length;
    return sender->length;
}

static void begin(struct du_sender *sender, struct du_reply *reply) {
    sender->reply = *reply;
    du_reply_init(reply, 0);
    sender->body_sent = sender->taken = 0;
    sender->framing_at = sender->framing_count = 0;
    sender->piece.size = 0;
    sender->is_file = sender->waiting = sender->broken = false;
    struct du_body *body = sender->reply.body;
    sender->length = body != NULL ? body->length : (int64_t)sender->reply.bytes.size;
}

void du_sender_start(struct du_sender *sender, struct du_reply *reply,
                     const struct du_sender_manner *manner, void (*wake)(struct du_body *body),
                     void *driver) {
    begin(sender, reply);
    int status = sender->reply.status;
    struct du_body *body = sender->reply.body;
    sender->bodiless = manner->is_head || status == 204 || status == 304;
    sender->chunked = sender->length < 0 && manner->is_1_1 && status != 204 && status != 304;
    frame(sender, sender->head,
          write_head(sender, manner, announced_length(sender, manner->is_head)));
    if (sender->reply.headers.size > 0)
        frame(sender, sender->reply.headers.data, sender->reply.headers.size);
    frame(sender, "\r\n", 2);
    sender->last = sender->bodiless || body == NULL;
    if (body != NULL) {
        body->wake = wake;
        body->driver = driver;
    } else if (!sender->bodiless) {
        sender->piece =
            (struct du_piece){sender->reply.bytes.data, sender->reply.bytes.size, -1, 0};
    }
}

void du_sender_end(struct du_sender *sender) {
    du_reply_deinit(&sender->reply);
    sender->piece.size = 0;
    sender->waiting = false;
    sender->last = true;
}

/* ---- the body ---- */

/* The line before a chunk; the CRLF behind the chunk before goes with it. */
static void frame_chunk(struct du_sender *sender, size_t size) {
    char *to = sender->chunk;
    if (sender->body_sent > 0)
        to = PUT(to, "\r\n");
    to = put_number(to, size, 16);
    to = PUT(to, "\r\n");
    if (size == 0)
        to = PUT(to, "\r\n");
    frame(sender, sender->chunk, (size_t)(to - sender->chunk));
}

static void offer(struct du_sender *sender, bool is_file) {
    size_t size = sender->piece.size;
    if (sender->length >= 0 && size > (uint64_t)(sender->length - sender->body_sent)) {
        sender->piece.size = 0;
        sender->broken = true;
        return;
    }
    sender->is_file = is_file;
    if (sender->chunked)
        frame_chunk(sender, size);
}

/* Framing that the head left may still wait: a chunk's line is appended to it. */
static void ask(struct du_sender *sender) {
    struct du_body *body = sender->reply.body;
    sender->piece = (struct du_piece){NULL, 0, -1, 0};
    if (sender->framing_at == sender->framing_count)
        sender->framing_at = sender->framing_count = 0;
    switch (body->type->next(body, &sender->piece)) {
    case DU_BODY_BYTES:
        offer(sender, false);
        return;
    case DU_BODY_FILE:
        offer(sender, true);
        return;
    case DU_BODY_WAIT:
        sender->waiting = true;
        break;
    case DU_BODY_END:
        sender->last = true;
        sender->broken = sender->length >= 0 && sender->body_sent != sender->length;
        if (sender->chunked)
            frame_chunk(sender, 0);
        break;
    case DU_BODY_BROKEN:
        sender->broken = true;
        break;
    }
    sender->piece.size = 0;
}

/* The kernel took size bytes of the piece. */
static void took_piece(struct du_sender *sender, size_t size) {
    struct du_piece *piece = &sender->piece;
    if (piece->data != NULL)
        piece->data += size;
    piece->offset += (off_t)size;
    piece->size -= size;
    sender->body_sent += (int64_t)size;
    if (sender->length >= 0 && sender->body_sent == sender->length)
        sender->last = true;
    if (sender->reply.body != NULL)
        sender->reply.body->type->sent(sender->reply.body, size);
}

/* The kernel took size bytes of framing and then of piece. */
static void took(struct du_sender *sender, size_t size) {
    sender->taken += (int64_t)size;
    while (sender->framing_at < sender->framing_count) {
        struct iovec *first = &sender->framing[sender->framing_at];
        size_t part = size < first->iov_len ? size : first->iov_len;
        first->iov_base = (char *)first->iov_base + part;
        first->iov_len -= part;
        size -= part;
        if (first->iov_len > 0)
            return;
        sender->framing_at++;
    }
    if (size > 0)
        took_piece(sender, size);
}

/* ---- the socket ---- */

static enum du_sender_step failed(int number) {
    return number == EAGAIN || number == EWOULDBLOCK ? DU_SENDER_BLOCKED : DU_SENDER_LEFT;
}

static enum du_sender_step send_memory(struct du_sender *sender, int fd) {
    struct iovec parts[DU_SENDER_FRAMING + 1];
    size_t count = 0;
    for (unsigned i = sender->framing_at; i < sender->framing_count; i++)
        parts[count++] = sender->framing[i];
    bool file_follows = sender->is_file && sender->piece.size > 0;
    if (!sender->is_file && sender->piece.size > 0) {
        size_t size = sender->piece.size < DU_SENDER_TURN ? sender->piece.size : DU_SENDER_TURN;
        parts[count++] = (struct iovec){(void *)sender->piece.data, size};
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t size = sendmsg(fd, &message, MSG_NOSIGNAL | (file_follows ? MSG_MORE : 0));
    if (size < 0)
        return errno == EINTR ? DU_SENDER_MORE : failed(errno);
    took(sender, (size_t)size);
    return DU_SENDER_MORE;
}

static enum du_sender_step send_file(struct du_sender *sender, int fd) {
    struct du_piece *piece = &sender->piece;
    off_t offset = piece->offset;
    ssize_t size = sendfile(fd, piece->fd, &offset,
                            piece->size < DU_SENDER_TURN ? piece->size : DU_SENDER_TURN);
    if (size < 0 && errno == EINTR)
        return DU_SENDER_MORE;
    /* EIO is the disk's, EINVAL ours; a file that ends too soon was cut under us. */
    if (size == 0 || (size < 0 && (errno == EIO || errno == EINVAL || errno == EBADF)))
        return DU_SENDER_BROKEN;
    if (size < 0)
        return failed(errno);
    took(sender, (size_t)size);
    return DU_SENDER_MORE;
}

static bool has_framing(const struct du_sender *sender) {
    return sender->framing_at < sender->framing_count;
}

enum du_sender_step du_sender_step(struct du_sender *sender, int fd) {
    int64_t turn = sender->taken + DU_SENDER_TURN;
    while (sender->taken < turn) {
        if (sender->piece.size == 0 && !sender->last && !sender->waiting && !sender->broken)
            ask(sender);
        if (sender->broken)
            return DU_SENDER_BROKEN;
        if (sender->waiting && (sender->length == 0 || !has_framing(sender)))
            return DU_SENDER_WAIT;
        bool has_piece = sender->piece.size > 0;
        if (!has_framing(sender) && !has_piece)
            return DU_SENDER_DONE;
        enum du_sender_step step = has_framing(sender) || !sender->is_file ? send_memory(sender, fd)
                                                                           : send_file(sender, fd);
        if (step != DU_SENDER_MORE)
            return step;
    }
    return DU_SENDER_MORE;
}
