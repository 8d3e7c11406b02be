#include "taker.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void be(struct taker *taker, enum taker_state state) {
    rig_lock();
    taker->state = state;
    taker->status = taker->open.status;
    rig_tell();
    rig_unlock();
}

/* On its worker's loop ------------------------------------------------------------------------- */

static void close_body(struct taker *taker) {
    if (taker->body != NULL)
        taker->body->type->close(taker->body);
    taker->body = NULL;
}

static void set_waits(struct taker *taker, bool waits) {
    rig_lock();
    taker->waits = waits;
    rig_tell();
    rig_unlock();
}

/* As far as it may; what is left of the piece is taken next, as a connection does. */
static void take_piece(struct taker *taker) {
    struct du_piece *piece = &taker->piece;
    int64_t room = taker->limit - taker->got;
    size_t size = (int64_t)piece->size < room ? piece->size : (size_t)room;
    size_t kept = taker->expects != NULL ? 0 : (size_t)taker->got;
    taker->bytes = realloc(taker->bytes, kept + size);
    char *to = taker->bytes + kept;
    if (piece->data != NULL)
        memcpy(to, piece->data, size);
    else
        assert_int_equal(pread(piece->fd, to, size, piece->offset), size);
    if (taker->expects != NULL)
        assert_memory_equal(to, taker->expects + taker->first + taker->got, size);
    piece->data = piece->data != NULL ? piece->data + size : NULL;
    piece->offset += (off_t)size;
    piece->size -= size;
    taker->body->type->sent(taker->body, size);
    rig_lock();
    taker->got += (int64_t)size;
    rig_tell();
    rig_unlock();
}

static void read_on(void *user) {
    struct taker *taker = user;
    while (taker->body != NULL && !taker->waits && taker->got < taker->limit) {
        if (taker->piece.size > 0) {
            take_piece(taker);
            continue;
        }
        taker->piece = (struct du_piece){.fd = -1};
        switch (taker->body->type->next(taker->body, &taker->piece)) {
        case DU_BODY_BYTES:
            taker->pieces_of_bytes++;
            break;
        case DU_BODY_FILE:
            break;
        case DU_BODY_WAIT:
            set_waits(taker, true);
            break;
        case DU_BODY_END:
            close_body(taker);
            be(taker, TAKER_ENDED);
            break;
        case DU_BODY_BROKEN:
            taker->error = *du_reader_error(taker->body);
            close_body(taker);
            be(taker, TAKER_BROKEN);
            break;
        }
    }
}

static void on_wake(struct du_body *body) {
    struct taker *taker = body->driver;
    assert_true(taker->waits);
    taker->wakes++;
    set_waits(taker, false);
    read_on(taker);
}

static void start_reading(struct taker *taker) {
    struct du_error error;
    taker->body = du_reader_new(&taker->open, taker->first, taker->length, &error);
    if (taker->body == NULL) {
        du_cache_release(&taker->open);
        taker->error = error;
        be(taker, TAKER_FAILED);
        return;
    }
    taker->body->wake = on_wake;
    taker->body->driver = taker;
    taker->body_length = taker->body->length;
    be(taker, TAKER_READING);
    read_on(taker);
}

static void opened(struct du_cache_open *open) {
    struct taker *taker = du_container_of(open, struct taker, open);
    taker->error = open->error;
    if (open->error.kind != DU_OK)
        be(taker, TAKER_FAILED);
    else
        start_reading(taker);
}

static void open_it(void *user) {
    struct taker *taker = user;
    taker->open = (struct du_cache_open){.home = &taker->worker->mailbox, .opened = opened};
    if (du_cache_open(taker->rig->cache, taker->worker->client, &taker->options, &taker->open) !=
        DU_STEP_PENDING)
        opened(&taker->open);
}

static void leave(void *user) {
    struct taker *taker = user;
    if (taker->state == TAKER_OPENING)
        assert_true(du_cache_leave(taker->rig->cache, &taker->open));
    close_body(taker);
    be(taker, TAKER_LEFT);
}

/* On the test's thread ------------------------------------------------------------------------- */

struct taker *taker_new(struct rig *rig, int worker, const struct du_digest *digest, int64_t size) {
    struct taker *taker = calloc(1, sizeof *taker);
    assert_non_null(taker);
    taker->rig = rig;
    taker->worker = &rig->workers[worker];
    taker->length = -1;
    taker->limit = INT64_MAX;
    taker->options = (struct du_cache_options){
        .digest = digest, .size = size, .source = "a", .origin = rig->origin, .url = "/blob"};
    return taker;
}

void taker_free(struct taker **taker) {
    enum taker_state state = taker_state(*taker);
    if (state == TAKER_OPENING || state == TAKER_READING)
        taker_leave(*taker);
    rig_settle((*taker)->worker); /* it may still be in its last callback */
    free((*taker)->bytes);
    free(*taker);
    *taker = NULL;
}

void taker_open(struct taker *taker) {
    taker->state = TAKER_OPENING;
    rig_run(taker->worker, open_it, taker);
}

static void on_mail(struct du_mail *mail) {
    open_it(du_container_of(mail, struct taker, mail));
}

void taker_post(struct taker *taker) {
    taker->state = TAKER_OPENING;
    taker->mail.deliver = on_mail;
    du_mailbox_post(&taker->worker->mailbox, &taker->mail);
}

void taker_leave(struct taker *taker) {
    rig_run(taker->worker, leave, taker);
}

struct allowance {
    struct taker *taker;
    int64_t limit;
};

static void allow(void *user) {
    struct allowance *allowance = user;
    allowance->taker->limit = allowance->limit;
    read_on(allowance->taker);
}

void taker_allow(struct taker *taker, int64_t limit) {
    struct allowance allowance = {taker, limit};
    rig_run(taker->worker, allow, &allowance);
}

enum taker_state taker_state(struct taker *taker) {
    rig_lock();
    enum taker_state state = taker->state;
    rig_unlock();
    return state;
}

int64_t taker_got(struct taker *taker) {
    rig_lock();
    int64_t got = taker->got;
    rig_unlock();
    return got;
}

static bool is_idle(void *user) {
    struct taker *taker = user;
    return taker->state != TAKER_OPENING && (taker->state != TAKER_READING || taker->waits);
}

void taker_wait_idle(struct taker *taker) {
    rig_wait(is_idle, taker);
}

struct amount {
    struct taker *taker;
    int64_t size;
};

static bool has_got(void *user) {
    struct amount *amount = user;
    return amount->taker->got >= amount->size;
}

void taker_wait_got(struct taker *taker, int64_t size) {
    struct amount amount = {taker, size};
    rig_wait(has_got, &amount);
}

static bool is_over(void *user) {
    struct taker *taker = user;
    return taker->state != TAKER_OPENING && taker->state != TAKER_READING;
}

enum taker_state taker_wait_over(struct taker *taker) {
    rig_wait(is_over, taker);
    return taker_state(taker);
}

void taker_assert_gets(struct taker *taker, const char *bytes, size_t size) {
    assert_int_equal(taker_wait_over(taker), TAKER_ENDED);
    assert_int_equal(taker->got, size);
    if (size > 0)
        assert_memory_equal(taker->bytes, bytes, size);
}

void taker_assert_fails(struct taker *taker, enum du_error_kind kind) {
    assert_int_equal(taker_wait_over(taker), TAKER_FAILED);
    assert_string_equal(du_error_name(taker->error.kind), du_error_name(kind));
    assert_int_equal(taker->got, 0);
}

void taker_assert_breaks(struct taker *taker, enum du_error_kind kind) {
    assert_int_equal(taker_wait_over(taker), TAKER_BROKEN);
    assert_string_equal(du_error_name(taker->error.kind), du_error_name(kind));
}
