#include "watched_body.h"

#include "mem.h"

struct watched {
    struct du_body body;
    struct du_body *reader;
    struct du_request *request;
};

static enum du_body_state next(struct du_body *body, struct du_piece *piece) {
    struct watched *watched = (struct watched *)body;
    enum du_body_state state = watched->reader->type->next(watched->reader, piece);
    if (state == DU_BODY_BROKEN && watched->request->failure.kind == DU_OK)
        watched->request->failure = *du_reader_error(watched->reader);
    return state;
}

static void sent(struct du_body *body, size_t size) {
    struct watched *watched = (struct watched *)body;
    watched->reader->type->sent(watched->reader, size);
}

static void close_body(struct du_body *body) {
    struct watched *watched = (struct watched *)body;
    const struct du_digest *digest = du_reader_digest(watched->reader);
    if (digest != NULL)
        du_digest_format(digest, watched->request->digest);
    watched->reader->type->close(watched->reader);
    du_request_unref(&watched->request);
    du_free(watched);
}

static void wake(struct du_body *reader) {
    struct watched *watched = reader->driver;
    watched->body.wake(&watched->body);
}

static const struct du_body_type watched_type = {next, sent, close_body};

struct du_body *du_watched_body_new(struct du_body **reader, struct du_request *request) {
    struct watched *watched = du_calloc(1, sizeof *watched);
    if (watched == NULL)
        return NULL;
    watched->body.type = &watched_type;
    watched->body.length = (*reader)->length;
    watched->reader = *reader;
    watched->request = du_request_ref(request);
    (*reader)->wake = wake;
    (*reader)->driver = watched;
    *reader = NULL;
    return &watched->body;
}
