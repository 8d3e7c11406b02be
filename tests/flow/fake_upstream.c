#include "fake_upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FETCHES_MOST = 64 };

struct du_origin {
    atomic_int references;
};

struct fake_fetch {
    struct rig_worker *worker;
    const struct du_fetch_hooks *hooks;
    void *user;
    char url[128], range[64], if_range[64], etag[64], content_range[64];
    bool paused, over;
    /* what the test says next */
    void (*what)(struct fake_fetch *fake);
    struct du_fetch_head head;
    const char *data;
    size_t size;
    struct du_error error;
    bool complete, goes_on;
};

static struct du_origin origin;
static struct fake_fetch fetches[FETCHES_MOST];
static int started;
static enum du_error_kind refusal;

static struct fake_fetch *fake_of(struct du_fetch *fetch) {
    return (struct fake_fetch *)fetch;
}

/* In net's place ------------------------------------------------------------------------------- */

struct du_origin *du_origin_ref(struct du_origin *some) {
    atomic_fetch_add(&some->references, 1);
    return some;
}

void du_origin_unref(struct du_origin **some) {
    if (*some != NULL)
        assert_true(atomic_fetch_sub(&(*some)->references, 1) > 0);
    *some = NULL;
}

const char *du_origin_name(const struct du_origin *some) {
    (void)some;
    return "upstream";
}

const char *du_origin_url(const struct du_origin *some) {
    (void)some;
    return "http://upstream.test";
}

struct du_timers *du_client_timers(const struct du_client *client) {
    return &((struct rig_worker *)(void *)client)->timers;
}

const char *du_fetch_header(struct du_fetch *fetch, const char *name) {
    const struct fake_fetch *fake = fake_of(fetch);
    const char *value = strcmp(name, "ETag") == 0 ? fake->etag : fake->content_range;
    return value[0] != '\0' ? value : NULL;
}

static void note_headers(struct fake_fetch *fake, const char *const *headers) {
    for (; headers != NULL && *headers != NULL; headers++) {
        if (strncmp(*headers, "Range: ", 7) == 0)
            snprintf(fake->range, sizeof fake->range, "%s", *headers + 7);
        if (strncmp(*headers, "If-Range: ", 10) == 0)
            snprintf(fake->if_range, sizeof fake->if_range, "%s", *headers + 10);
    }
}

enum du_error_kind du_fetch_start(struct du_client *client, const struct du_fetch_options *options,
                                  const struct du_fetch_hooks *hooks, void *user,
                                  struct du_fetch **fetch, struct du_error *error) {
    rig_lock();
    enum du_error_kind kind = refusal;
    refusal = DU_OK;
    if (kind == DU_OK) {
        assert_true(started < FETCHES_MOST);
        struct fake_fetch *fake = &fetches[started++];
        *fake = (struct fake_fetch){
            .worker = (struct rig_worker *)client, .hooks = hooks, .user = user};
        snprintf(fake->url, sizeof fake->url, "%s", options->url);
        note_headers(fake, options->headers);
        *fetch = (struct du_fetch *)fake;
        rig_tell();
    }
    rig_unlock();
    return kind == DU_OK ? DU_OK : du_error_set(error, kind, "refused by the test");
}

static void set_paused(struct fake_fetch *fake, bool paused) {
    rig_lock();
    assert_int_not_equal(fake->paused, paused);
    fake->paused = paused;
    rig_tell();
    rig_unlock();
}

void du_fetch_pause(struct du_fetch *fetch) {
    set_paused(fake_of(fetch), true);
}

void du_fetch_resume(struct du_fetch *fetch) {
    set_paused(fake_of(fetch), false);
}

static void set_over(struct fake_fetch *fake) {
    rig_lock();
    assert_false(fake->over);
    fake->over = true;
    rig_tell();
    rig_unlock();
}

void du_fetch_cancel(struct du_fetch **fetch) {
    set_over(fake_of(*fetch));
    *fetch = NULL;
}

/* What the test says --------------------------------------------------------------------------- */

struct du_origin *fake_origin(void) {
    return &origin;
}

void fake_reset(void) {
    assert_int_equal(atomic_load(&origin.references), 0);
    started = 0;
    refusal = DU_OK;
}

int fake_started(void) {
    rig_lock();
    int count = started;
    rig_unlock();
    return count;
}

static bool has_started(void *count) {
    return started >= *(int *)count;
}

struct fake_fetch *fake_wait(int count) {
    rig_wait(has_started, &count);
    return &fetches[count - 1];
}

void fake_refuse(enum du_error_kind kind) {
    refusal = kind;
}

static void say_head(struct fake_fetch *fake) {
    fake->goes_on = fake->hooks->head(fake->user, &fake->head);
}

static void say_data(struct fake_fetch *fake) {
    fake->goes_on = fake->hooks->data(fake->user, fake->data, fake->size);
}

static void say_end(struct fake_fetch *fake) {
    fake->goes_on = false;
    fake->hooks->end(fake->user, &fake->error, fake->complete);
}

/* The fetch may have been cancelled meanwhile, on its loop. */
static void say_there(void *user) {
    struct fake_fetch *fake = user;
    fake->goes_on = false;
    if (fake_is_over(fake))
        return;
    fake->what(fake);
    if (!fake->goes_on)
        set_over(fake);
}

static bool say(struct fake_fetch *fake, void (*what)(struct fake_fetch *fake)) {
    fake->what = what;
    rig_run(fake->worker, say_there, fake);
    return fake->goes_on;
}

bool fake_head(struct fake_fetch *fake, int status, int64_t length) {
    fake->head = (struct du_fetch_head){.status = status,
                                        .length = length,
                                        .effective_url = fake->url,
                                        .fetch = (struct du_fetch *)fake};
    return say(fake, say_head);
}

bool fake_data(struct fake_fetch *fake, const char *data, size_t size) {
    assert_false(fake_is_paused(fake));
    fake->data = data;
    fake->size = size;
    return say(fake, say_data);
}

void fake_end(struct fake_fetch *fake, enum du_error_kind kind, bool complete) {
    fake->error = du_error_of(kind);
    fake->complete = complete;
    say(fake, say_end);
}

void fake_end_busy(struct fake_fetch *fake, int status, int64_t retry_after) {
    fake->error = du_error_of(DU_UPSTREAM);
    fake->error.status = status;
    fake->error.retry_after = retry_after;
    fake->complete = false;
    say(fake, say_end);
}

void fake_end_status(struct fake_fetch *fake, int status) {
    fake_end_busy(fake, status, -1);
}

void fake_end_here(struct fake_fetch *fake, enum du_error_kind kind) {
    fake->error = du_error_of(kind);
    fake->complete = false;
    fake->what = say_end;
    say_there(fake);
}

void fake_send(struct fake_fetch *fake, const char *data, size_t size) {
    fake_head(fake, 200, (int64_t)size);
    fake_data(fake, data, size);
    fake_end(fake, DU_OK, true);
}

bool fake_is_paused(struct fake_fetch *fake) {
    rig_lock();
    bool paused = fake->paused;
    rig_unlock();
    return paused;
}

static bool is_resumed(void *fake) {
    return !((struct fake_fetch *)fake)->paused;
}

void fake_wait_resumed(struct fake_fetch *fake) {
    rig_wait(is_resumed, fake);
}

bool fake_is_over(struct fake_fetch *fake) {
    rig_lock();
    bool over = fake->over;
    rig_unlock();
    return over;
}

static bool is_over(void *fake) {
    return ((struct fake_fetch *)fake)->over;
}

void fake_wait_over(struct fake_fetch *fake) {
    rig_wait(is_over, fake);
}

const char *fake_url(struct fake_fetch *fake) {
    return fake->url;
}

void fake_set_etag(struct fake_fetch *fake, const char *etag) {
    snprintf(fake->etag, sizeof fake->etag, "%s", etag);
}

void fake_set_content_range(struct fake_fetch *fake, const char *content_range) {
    snprintf(fake->content_range, sizeof fake->content_range, "%s", content_range);
}

const char *fake_range(struct fake_fetch *fake) {
    return fake->range;
}

const char *fake_if_range(struct fake_fetch *fake) {
    return fake->if_range;
}

struct fake_fetch *fake_wait_again(struct rig *rig, int count) {
    while (fake_started() < count)
        rig_let_time_pass(rig, 1000);
    return fake_wait(count);
}

void fake_break_for_good(struct rig *rig, struct fake_fetch *fake, enum du_error_kind kind) {
    int before = fake_started();
    fake_end(fake, kind, false);
    for (int i = 1; i <= 3; i++)
        fake_end(fake_wait_again(rig, before + i), kind, false);
}
