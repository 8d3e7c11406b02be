#include "reader.h"

#include "mem.h"
#include "passage.h"
#include "warm.h"

#include <assert.h>
#include <inttypes.h>

enum {
    PIECE_MOST = 1 << 20, /* so that a connection takes its turn with the others */
    HELD_BACK = 64 << 10,
    SMALL = 16 << 10
};

struct du_reader {
    struct du_body body;
    int fd;
    char *small;     /* the bytes of a small blob, once they are given */
    int64_t at, end; /* of the file; end -1: wherever the fill ends */
    int64_t warm;    /* to there it was in memory when last seen */
    struct du_cache *cache;
    struct du_job job; /* reading ahead, to job_end; its error is the lane's until then */
    int64_t job_end;
    bool reading, closed;
    struct du_blob *blob;
    struct du_fill *fill; /* else */
    struct du_fill_port *port;
    struct du_fill_parked parked;
    struct du_flight *hold;
    struct du_error error;
};

static struct du_reader *reader_of(struct du_body *body) {
    return du_container_of(body, struct du_reader, body);
}

/* What may be sent ----------------------------------------------------------------------------- */

static void read_ahead(struct du_job *job) {
    struct du_reader *reader = du_container_of(job, struct du_reader, job);
    du_warm_up(du_cache_faults(reader->cache), reader->fd, reader->at, reader->job_end,
               &reader->error);
}

static enum du_body_state wait_for_disk(struct du_reader *reader, int64_t end) {
    reader->job_end = end;
    enum du_error_kind kind = du_lane_submit(du_cache_disk(reader->cache), &reader->job);
    if (kind != DU_OK) {
        du_error_set(&reader->error, kind, "the disk lane is full");
        return DU_BODY_BROKEN;
    }
    reader->reading = true;
    du_mailbox_expect(reader->job.home, 1);
    return DU_BODY_WAIT;
}

static enum du_body_state give(struct du_reader *reader, int64_t until, struct du_piece *piece) {
    int64_t end = until - reader->at < PIECE_MOST ? until : reader->at + PIECE_MOST;
    if (reader->error.kind != DU_OK)
        return DU_BODY_BROKEN;
    if (reader->warm <= reader->at)
        reader->warm = du_warm_until(du_cache_faults(reader->cache), reader->fd, reader->at, end);
    if (reader->warm <= reader->at)
        return wait_for_disk(reader, end);
    piece->fd = reader->fd;
    piece->offset = reader->at;
    piece->size = (size_t)((end < reader->warm ? end : reader->warm) - reader->at);
    return DU_BODY_FILE;
}

/* False: it is not in memory, or there is none for it. */
static bool read_small(struct du_reader *reader, struct du_piece *piece) {
    size_t size = (size_t)(reader->end - reader->at);
    if (reader->small == NULL)
        reader->small = du_malloc(size);
    if (reader->small == NULL ||
        !du_warm_read(du_cache_faults(reader->cache), reader->fd, reader->at, reader->small, size))
        return false;
    piece->data = reader->small;
    piece->size = size;
    return true;
}

/* Nothing is held back any more. */
static enum du_body_state give_rest(struct du_reader *reader, struct du_piece *piece) {
    return reader->at < reader->end ? give(reader, reader->end, piece) : DU_BODY_END;
}

/* Up to where the range may be sent before the fill is verified. Where the end is not known, any
 * byte may be one of the last. */
static int64_t free_end(const struct du_reader *reader, int64_t committed) {
    if (reader->end < 0)
        return committed - HELD_BACK;
    int64_t free = reader->end - (reader->body.length > HELD_BACK ? HELD_BACK : 1);
    return free < committed ? free : committed;
}

/* How many bytes the fill must pass before there is more to send. */
static int64_t wanted_beyond(const struct du_reader *reader) {
    if (reader->end < 0)
        return reader->at + HELD_BACK;
    return reader->at < free_end(reader, INT64_MAX) ? reader->at : INT64_MAX;
}

static enum du_body_state next_of_verified(struct du_reader *reader, int64_t size,
                                           struct du_piece *piece) {
    if (reader->end < 0)
        reader->end = size;
    if (reader->end <= size && reader->at <= reader->end)
        return give_rest(reader, piece);
    du_error_set(&reader->error, DU_INTEGRITY,
                 "it ends at %" PRId64 ", short of the range to %" PRId64, size, reader->end);
    return DU_BODY_BROKEN;
}

static enum du_body_state next_of_fill(struct du_reader *reader, struct du_piece *piece) {
    for (;;) {
        int64_t committed;
        switch (du_fill_look(reader->fill, &committed, &reader->error)) {
        case DU_FILL_FILLING:
        case DU_FILL_VERIFYING:
            if (reader->at < free_end(reader, committed))
                return give(reader, free_end(reader, committed), piece);
            break;
        case DU_FILL_VERIFIED:
            return next_of_verified(reader, committed, piece);
        case DU_FILL_FAILED:
            return DU_BODY_BROKEN;
        }
        if (du_fill_park(reader->port, &reader->parked, wanted_beyond(reader)))
            return DU_BODY_WAIT;
    }
}

static enum du_body_state next_of_blob(struct du_reader *reader, struct du_piece *piece) {
    bool small = reader->body.length <= SMALL && reader->at < reader->end;
    if (du_blob_check(reader->blob, &reader->error) != DU_OK)
        return DU_BODY_BROKEN;
    return small && read_small(reader, piece) ? DU_BODY_BYTES : give_rest(reader, piece);
}

static enum du_body_state next(struct du_body *body, struct du_piece *piece) {
    struct du_reader *reader = reader_of(body);
    return reader->fill != NULL ? next_of_fill(reader, piece) : next_of_blob(reader, piece);
}

static void woken(struct du_fill_parked *parked) {
    struct du_reader *reader = du_container_of(parked, struct du_reader, parked);
    reader->body.wake(&reader->body);
}

static void sent(struct du_body *body, size_t size) {
    reader_of(body)->at += (int64_t)size;
}

static void free_reader(struct du_reader *reader) {
    du_blob_unref(&reader->blob);
    du_fill_unref(&reader->fill);
    du_free(reader->small);
    du_free(reader);
}

static void close_reader(struct du_body *body) {
    struct du_reader *reader = reader_of(body);
    if (reader->port != NULL)
        du_fill_unpark(reader->port, &reader->parked);
    du_flight_drop(&reader->hold);
    reader->closed = true;
    if (!reader->reading)
        free_reader(reader);
}

static void have_read_ahead(struct du_job *job) {
    struct du_reader *reader = du_container_of(job, struct du_reader, job);
    du_mailbox_expect(job->home, -1);
    reader->reading = false;
    reader->warm = reader->job_end;
    if (reader->closed)
        free_reader(reader);
    else
        reader->body.wake(&reader->body);
}

static const struct du_body_type reader_type = {next, sent, close_reader};

/* Life ----------------------------------------------------------------------------------------- */

static bool read_blob(struct du_reader *reader, struct du_blob *blob, struct du_error *error) {
    if (reader->end < 0)
        reader->end = du_blob_size(blob);
    assert(reader->at <= reader->end && reader->end <= du_blob_size(blob));
    reader->fd = du_blob_open(blob, error);
    return reader->fd >= 0;
}

static bool read_fill(struct du_reader *reader, const struct du_cache_open *open,
                      struct du_error *error) {
    if (reader->end < 0)
        reader->end = du_fill_length(open->fill);
    reader->fd = du_fill_fd(open->fill);
    reader->port = du_fill_port(open->fill, open->home);
    du_list_init(&reader->parked.node);
    reader->parked.woken = woken;
    if (reader->port == NULL)
        du_error_set(error, DU_MEMORY, "read a fill");
    return reader->port != NULL;
}

static void take(struct du_reader *reader, struct du_cache_open *open) {
    reader->blob = open->blob;
    reader->fill = open->fill;
    reader->hold = open->hold;
    open->blob = NULL;
    open->fill = NULL;
    open->hold = NULL;
}

struct du_body *du_reader_new(struct du_cache_open *open, int64_t first, int64_t length,
                              struct du_error *error) {
    if (open->passage != NULL)
        return du_passage_read(&open->passage, first, length);
    assert((open->blob != NULL) != (open->fill != NULL));
    struct du_reader *reader = du_calloc(1, sizeof *reader);
    if (reader == NULL) {
        du_error_set(error, DU_MEMORY, "read a blob");
        return NULL;
    }
    reader->body.type = &reader_type;
    reader->cache = open->cache;
    reader->job = (struct du_job){.work = read_ahead, .done = have_read_ahead, .home = open->home};
    reader->at = first;
    reader->end = length < 0 ? -1 : first + length;
    bool readable =
        open->blob != NULL ? read_blob(reader, open->blob, error) : read_fill(reader, open, error);
    if (!readable) {
        du_free(reader);
        return NULL;
    }
    reader->body.length = reader->end < 0 ? -1 : reader->end - first;
    take(reader, open);
    return &reader->body;
}

const struct du_error *du_reader_error(const struct du_body *body) {
    const struct du_passage *passage = du_passage_of(body);
    return passage != NULL ? du_passage_error(passage)
                           : &du_container_of(body, const struct du_reader, body)->error;
}

const struct du_digest *du_reader_digest(const struct du_body *body) {
    const struct du_passage *passage = du_passage_of(body);
    if (passage != NULL)
        return du_passage_digest(passage);
    const struct du_reader *reader = du_container_of(body, const struct du_reader, body);
    return reader->fill != NULL ? du_fill_digest(reader->fill) : du_blob_digest(reader->blob);
}
