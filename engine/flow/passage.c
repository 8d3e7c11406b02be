#include "passage.h"

#include "inflow.h"
#include "mem.h"

#include <assert.h>
#include <inttypes.h>

enum { GATHERED_MOST = 256 << 10, HELD_BACK = 64 << 10 };

struct du_passage {
    struct du_list node; /* in its desk's list, while it belongs to it */
    struct du_inflow inflow;
    struct du_turn turn;
    bool queued;                /* waits for it */
    void (*opened)(void *user); /* NULL: called, or nobody is left to call */
    void *user;
    bool verified;
    struct du_digest digest; /* once it is */

    struct du_job job;
    bool working; /* it is in the lane: these are its own then */
    struct du_bytes chunk;
    int64_t place;         /* of chunk in the whole */
    int64_t hashed;        /* what went by so far */
    struct du_hash *hash;  /* of that */
    struct du_hash *again; /* of what comes again */
    struct du_error lane_error;

    struct du_body body;
    bool waiting, closed;
    int64_t first, at, end; /* the range, and the next byte to give; end -1: not known yet */
    struct du_bytes ready;
    int64_t ready_at;   /* its place in the whole */
    size_t outstanding; /* given, and not sent yet */
};

static struct du_passage *passage_of_body(struct du_body *body) {
    return du_container_of(body, struct du_passage, body);
}

static bool is_failing(const struct du_passage *passage) {
    return du_inflow_is_failing(&passage->inflow);
}

/* In the disk lane ----------------------------------------------------------------------------- */

/* What came again is what went by: both have one digest. */
static void compare(struct du_passage *passage) {
    struct du_hash *before = NULL;
    struct du_digest was, is;
    enum du_error_kind kind = du_hash_copy(&before, passage->hash);
    if (kind == DU_OK)
        kind = du_hash_finish(before, &was);
    if (kind == DU_OK)
        kind = du_hash_finish(passage->again, &is);
    du_hash_free(&before);
    du_hash_free(&passage->again);
    if (kind != DU_OK)
        du_error_set(&passage->lane_error, kind, "compare what came again");
    else if (!du_digest_equal(&was, &is))
        du_error_set(&passage->lane_error, DU_INTEGRITY, "what came again differs");
}

/* Takes from the chunk what went by before. */
static void take_known(struct du_passage *passage) {
    int64_t left = passage->hashed - passage->place;
    size_t known = (int64_t)passage->chunk.size < left ? passage->chunk.size : (size_t)left;
    enum du_error_kind kind = DU_OK;
    if (known == 0)
        return;
    if (passage->place == 0) {
        du_hash_free(&passage->again); /* of a try that broke, too */
        kind = du_hash_new(&passage->again);
    }
    if (kind == DU_OK)
        kind = du_hash_add(passage->again, passage->chunk.data, known);
    if (kind != DU_OK)
        du_error_set(&passage->lane_error, kind, "hash what came again");
    passage->place += (int64_t)known;
    du_bytes_consume(&passage->chunk, known);
    if (kind == DU_OK && passage->place == passage->hashed)
        compare(passage);
}

static void work(struct du_job *job) {
    struct du_passage *passage = du_container_of(job, struct du_passage, job);
    take_known(passage);
    enum du_error_kind kind = passage->lane_error.kind;
    if (kind == DU_OK)
        kind = du_hash_add(passage->hash, passage->chunk.data, passage->chunk.size);
    if (kind != DU_OK && passage->lane_error.kind == DU_OK)
        du_error_set(&passage->lane_error, kind, "hash a body");
    passage->hashed += (int64_t)passage->chunk.size;
}

/* Its end -------------------------------------------------------------------------------------- */

static void log_failure(const struct du_passage *passage) {
    const struct du_inflow *inflow = &passage->inflow;
    char what[DU_WANT_TEXT];
    du_log_format(inflow->desk->cache->base->log, DU_LOG_WARN, "passage of %s from %s: %s: %s",
                  du_want_text(inflow->want, what), du_origin_name(inflow->want->origin),
                  du_error_name(inflow->error.kind), inflow->error.message);
}

/* It belongs to its desk no more. */
static void retire(struct du_passage *passage) {
    if (du_list_empty(&passage->node))
        return;
    du_list_remove(&passage->node);
    atomic_fetch_sub(&passage->inflow.desk->cache->figures.passing, 1);
    du_turns_give(&passage->inflow.desk->cache->passages, &passage->turn);
    du_desk_left(passage->inflow.desk);
}

static void free_passage(struct du_passage *passage) {
    retire(passage);
    du_inflow_deinit(&passage->inflow);
    du_bytes_deinit(&passage->chunk);
    du_bytes_deinit(&passage->ready);
    du_hash_free(&passage->hash);
    du_hash_free(&passage->again);
    du_free(passage);
}

static void wake(struct du_passage *passage) {
    if (!passage->waiting)
        return;
    passage->waiting = false;
    passage->body.wake(&passage->body);
}

static void tell_opened(struct du_passage *passage) {
    void (*opened)(void *user) = passage->opened;
    passage->opened = NULL;
    if (opened != NULL)
        opened(passage->user);
}

static void verify(struct du_passage *passage) {
    struct du_inflow *inflow = &passage->inflow;
    const struct du_want *want = inflow->want;
    enum du_error_kind kind = du_hash_finish(passage->hash, &passage->digest);
    if (kind != DU_OK)
        du_error_set(&inflow->error, kind, "hash a body");
    else
        kind =
            du_digest_check(&passage->digest, passage->hashed,
                            want->by_digest ? &want->digest : NULL, inflow->length, &inflow->error);
    passage->verified = kind == DU_OK;
}

/* One step after the other --------------------------------------------------------------------- */

static void come_home(struct du_mail *mail) {
    struct du_job *job = du_container_of(mail, struct du_job, mail);
    job->done(job);
}

static void start_job(struct du_passage *passage) {
    passage->working = true;
    passage->place = du_inflow_take(&passage->inflow, &passage->chunk);
    du_mailbox_expect(passage->job.home, 1);
    if (du_lane_submit(passage->inflow.desk->cache->disk, &passage->job) != DU_OK) {
        du_error_set(&passage->lane_error, DU_OVERLOADED, "the disk lane is full");
        passage->job.mail.deliver = come_home;
        du_mailbox_post(passage->job.home, &passage->job.mail);
    }
    du_inflow_flow(&passage->inflow);
}

static void proceed(struct du_passage *passage) {
    struct du_inflow *inflow = &passage->inflow;
    bool more = du_inflow_has_bytes(inflow);
    if (more && passage->chunk.size == 0)
        start_job(passage);
    else if (!more && inflow->arrived)
        verify(passage);
    else if (!more && inflow->broken)
        du_inflow_go_on(inflow, passage->hashed);
}

/* Whatever is next to do, short of waking the reader: he may close it, so that comes last. True: it
 * has ended now. */
static bool step(struct du_passage *passage) {
    if (passage->working || passage->verified)
        return false;
    if (!is_failing(passage))
        proceed(passage);
    if (passage->working || (!is_failing(passage) && !passage->verified))
        return false;
    if (is_failing(passage) && !du_list_empty(&passage->node))
        log_failure(passage);
    retire(passage);
    return true;
}

static void moved(struct du_inflow *inflow) {
    struct du_passage *passage = du_container_of(inflow, struct du_passage, inflow);
    bool ended = step(passage);
    if (inflow->headed || ended)
        tell_opened(passage);
    if (ended)
        wake(passage);
}

static void worked(struct du_job *job) {
    struct du_passage *passage = du_container_of(job, struct du_passage, job);
    du_mailbox_expect(job->home, -1);
    passage->working = false;
    if (passage->closed) {
        free_passage(passage);
        return;
    }
    if (passage->lane_error.kind != DU_OK && !is_failing(passage))
        du_inflow_fail(&passage->inflow, &passage->lane_error);
    if (step(passage))
        tell_opened(passage);
    wake(passage);
}

/* The reader's side ---------------------------------------------------------------------------- */

/* The chunk joins what is ready, as far as it is of the range. */
static void absorb(struct du_passage *passage) {
    int64_t from = passage->place, to = from + (int64_t)passage->chunk.size;
    if (from < passage->first)
        from = passage->first;
    if (passage->end >= 0 && to > passage->end)
        to = passage->end;
    du_bytes_consume(&passage->ready, (size_t)(passage->at - passage->ready_at));
    passage->ready_at = passage->at;
    if (from < to)
        du_bytes_add(&passage->ready, passage->chunk.data + (from - passage->place),
                     (size_t)(to - from));
    du_bytes_clear(&passage->chunk);
    if (passage->ready.failed) {
        struct du_error error;
        du_error_set(&error, DU_MEMORY, "pass a body through");
        du_inflow_fail(&passage->inflow, &error);
    }
}

/* Up to where bytes may be given before the whole is verified. */
static int64_t free_end(const struct du_passage *passage) {
    int64_t there = passage->ready_at + (int64_t)passage->ready.size;
    if (passage->verified)
        return there;
    if (passage->end < 0)
        return there - HELD_BACK;
    int64_t last = passage->end - (passage->end - passage->first > HELD_BACK ? HELD_BACK : 1);
    return there < last ? there : last;
}

static enum du_body_state end_of_verified(struct du_passage *passage) {
    if (passage->end < 0 || passage->at == passage->end)
        return DU_BODY_END;
    du_error_set(&passage->inflow.error, DU_INTEGRITY,
                 "it ends at %" PRId64 ", short of the range to %" PRId64, passage->hashed,
                 passage->end);
    return DU_BODY_BROKEN;
}

static enum du_body_state give(struct du_passage *passage, struct du_piece *piece) {
    int64_t free = free_end(passage) - passage->at;
    if (free <= 0)
        return passage->verified ? end_of_verified(passage) : DU_BODY_WAIT;
    piece->data = passage->ready.data + (passage->at - passage->ready_at);
    piece->size = (size_t)free;
    passage->outstanding = piece->size;
    return DU_BODY_BYTES;
}

static enum du_body_state next(struct du_body *body, struct du_piece *piece) {
    struct du_passage *passage = passage_of_body(body);
    assert(passage->outstanding == 0);
    if (!passage->working && passage->chunk.size > 0) {
        absorb(passage);
        step(passage);
    }
    enum du_body_state state = is_failing(passage) ? DU_BODY_BROKEN : give(passage, piece);
    passage->waiting = state == DU_BODY_WAIT;
    return state;
}

static void sent(struct du_body *body, size_t size) {
    struct du_passage *passage = passage_of_body(body);
    passage->at += (int64_t)size;
    passage->outstanding -= size;
}

static void close_passage(struct du_passage *passage) {
    struct du_error error;
    passage->closed = true;
    passage->opened = NULL;
    if (!passage->verified && !is_failing(passage)) {
        du_error_set(&error, DU_CANCELLED, "its reader left");
        du_inflow_fail(&passage->inflow, &error);
    }
    if (!passage->working)
        free_passage(passage);
}

static void close_body(struct du_body *body) {
    close_passage(passage_of_body(body));
}

static const struct du_body_type passage_type = {next, sent, close_body};

const struct du_passage *du_passage_of(const struct du_body *body) {
    return body->type == &passage_type ? du_container_of(body, const struct du_passage, body)
                                       : NULL;
}

const struct du_digest *du_passage_digest(const struct du_passage *passage) {
    return passage->verified ? &passage->digest : NULL;
}

struct du_body *du_passage_read(struct du_passage **given, int64_t first, int64_t length) {
    struct du_passage *passage = *given;
    *given = NULL;
    int64_t whole = passage->inflow.length;
    passage->first = passage->at = passage->ready_at = first;
    passage->end = length >= 0 ? first + length : whole;
    passage->body.type = &passage_type;
    passage->body.length = passage->end < 0 ? -1 : passage->end - first;
    return &passage->body;
}

/* Life ----------------------------------------------------------------------------------------- */

struct du_passage *du_passage_new(struct du_desk *desk, struct du_want *want,
                                  void (*opened)(void *user), void *user) {
    struct du_passage *passage = du_calloc(1, sizeof *passage);
    if (passage == NULL || du_hash_new(&passage->hash) != DU_OK) {
        du_free(passage);
        return NULL;
    }
    du_inflow_init(&passage->inflow, desk, want, GATHERED_MOST, moved);
    passage->turn.granted = du_desk_turn;
    passage->turn.user = desk;
    passage->opened = opened;
    passage->user = user;
    passage->job = (struct du_job){.work = work, .done = worked, .home = desk->home};
    du_bytes_init(&passage->chunk);
    du_bytes_init(&passage->ready);
    du_list_append(&desk->passages, &passage->node);
    atomic_fetch_add(&desk->cache->figures.passing, 1);
    return passage;
}

static void begin(struct du_passage *passage) {
    passage->queued = false;
    if (!is_failing(passage))
        du_inflow_begin(&passage->inflow);
    if (is_failing(passage))
        moved(&passage->inflow);
}

void du_passage_begin(struct du_passage *passage) {
    struct du_inflow *inflow = &passage->inflow;
    passage->queued =
        du_turns_take(&inflow->desk->cache->passages, &passage->turn, inflow->want->origin,
                      inflow->want->member, &inflow->error) == DU_STEP_PENDING;
    if (!passage->queued)
        begin(passage);
}

void du_passage_start_queued(struct du_list *passages) {
    du_list_each(node, passages) {
        struct du_passage *passage = du_container_of(node, struct du_passage, node);
        if (passage->queued && du_turn_is_taken(&passage->turn))
            begin(passage);
    }
}

void du_passage_close(struct du_passage **closed) {
    struct du_passage *passage = *closed;
    *closed = NULL;
    if (passage != NULL)
        close_passage(passage);
}

int64_t du_passage_length(const struct du_passage *passage) {
    return passage->inflow.length;
}

const struct du_error *du_passage_error(const struct du_passage *passage) {
    return &passage->inflow.error;
}

void du_passage_cancel_all(struct du_list *passages) {
    struct du_error error;
    du_error_set(&error, DU_CANCELLED, "the worker is ending");
    du_list_each(node, passages) {
        struct du_passage *passage = du_container_of(node, struct du_passage, node);
        if (!is_failing(passage))
            du_inflow_fail(&passage->inflow, &error);
        moved(&passage->inflow);
    }
}
