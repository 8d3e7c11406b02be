#include "fetching.h"

#include "single_flight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_asked(uv_async_t *asked) {
    (void)asked;
}

void rig_init(struct rig *rig, struct du_flight_domain *domain) {
    memset(rig, 0, sizeof *rig);
    du_clock_init_manual(&rig->base.clock, NOON_MS);
    du_faults_init(&rig->base.faults);
    rig->domain = domain;
    rig->owns_domain = domain == NULL;
    bool good = domain != NULL || du_flight_domain_new(&rig->domain) == DU_OK;
    good =
        good && uv_loop_init(&rig->loop) == 0 &&
        uv_async_init(&rig->loop, &rig->asked, on_asked) == 0 &&
        du_timers_init(&rig->timers, &rig->loop, &rig->base.clock) == 0 &&
        du_mailbox_init(&rig->mailbox, &rig->loop) == 0 &&
        du_client_new(&rig->client, &rig->loop, &rig->timers, &rig->mailbox, &rig->base) == DU_OK;
    if (!good)
        abort();
}

static void on_closed(void *user) {
    ((struct rig *)user)->closed = true;
}

void rig_close_client(struct rig *rig) {
    du_client_close(&rig->client, on_closed, rig);
    while (!rig->closed)
        uv_run(&rig->loop, UV_RUN_ONCE);
}

void rig_deinit(struct rig *rig) {
    if (rig->client != NULL)
        rig_close_client(rig);
    du_mailbox_close(&rig->mailbox, NULL);
    du_timers_close(&rig->timers, NULL);
    uv_close((uv_handle_t *)&rig->asked, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&rig->loop) != 0)
        abort();
    if (rig->owns_domain)
        du_flight_domain_free(&rig->domain);
}

void rig_asked(void *rig) {
    uv_async_send(&((struct rig *)rig)->asked);
}

void rig_advance(struct rig *rig, int64_t ms) {
    du_clock_advance(&rig->base.clock, ms);
    du_timers_run(&rig->timers);
}

void rig_poll(struct rig *rig) {
    uv_run(&rig->loop, UV_RUN_NOWAIT);
}

void rig_until_asked(struct rig *rig, struct double_server *server, size_t requests) {
    while (double_requests(server) < requests)
        uv_run(&rig->loop, UV_RUN_ONCE);
}

/* The loop may be in its timers: it must not sleep now, for who waits has something to see. */
static void something_came(struct got *got) {
    uv_stop(&got->rig->loop);
}

static bool on_head(void *user, const struct du_fetch_head *head) {
    struct got *got = user;
    const char *etag = du_fetch_header(head->fetch, "ETag");
    assert(got->body.size == 0 && got->ends == 0);
    something_came(got);
    got->heads++;
    got->status = head->status;
    got->length = head->length;
    snprintf(got->url, sizeof got->url, "%s", head->effective_url);
    snprintf(got->etag, sizeof got->etag, "%s", etag != NULL ? etag : "");
    if (got->cancels_at_head)
        du_fetch_cancel(&got->fetch);
    return !got->stops_at_head;
}

static bool on_data(void *user, const char *data, size_t size) {
    struct got *got = user;
    assert(got->heads == 1 && got->ends == 0);
    something_came(got);
    du_bytes_add(&got->body, data, size);
    if (got->pauses) {
        got->paused = true;
        du_fetch_pause(got->fetch);
    }
    if (got->advances_ms > 0)
        rig_advance(got->rig, got->advances_ms);
    if (got->cancels_at_data)
        du_fetch_cancel(&got->fetch);
    return true;
}

static void on_end(void *user, const struct du_error *error, bool complete) {
    struct got *got = user;
    something_came(got);
    got->ends++;
    got->error = *error;
    got->complete = complete;
    got->fetch = NULL;
    if (got->closes_at_end)
        du_client_close(&got->rig->client, on_closed, got->rig);
}

enum du_error_kind got_start(struct got *got, struct rig *rig,
                             const struct du_fetch_options *options) {
    static const struct du_fetch_hooks hooks = {on_head, on_data, on_end};
    got->rig = rig;
    enum du_error_kind kind =
        du_fetch_start(rig->client, options, &hooks, got, &got->fetch, &got->error);
    assert(got->heads == 0 && got->ends == 0);
    return kind;
}

enum du_error_kind got_end(struct got *got) {
    while (got->ends == 0)
        uv_run(&got->rig->loop, UV_RUN_ONCE);
    return got->error.kind;
}

enum du_error_kind got_path(struct got *got, struct rig *rig, struct du_origin *origin,
                            const char *path) {
    struct du_fetch_options options = {.origin = origin, .url = path};
    memset(got, 0, sizeof *got);
    enum du_error_kind kind = got_start(got, rig, &options);
    return kind == DU_OK ? got_end(got) : kind;
}

void got_deinit(struct got *got) {
    du_bytes_deinit(&got->body);
}

struct du_origin *origin_with(struct rig *rig, const struct du_origin_options *options) {
    struct du_origin *origin = NULL;
    struct du_error error;
    if (du_origin_new(&origin, rig->domain, &rig->base, options, &error) != DU_OK)
        abort();
    return origin;
}

struct du_origin *origin_of(struct rig *rig, struct double_server *server, enum du_origin_kind kind,
                            const char *token) {
    struct du_origin_options options = {
        .name = "forgejo", .kind = kind, .url = double_url(server, ""), .token = token};
    return origin_with(rig, &options);
}

int bench_set_up(void **state) {
    struct bench *bench = calloc(1, sizeof *bench);
    rig_init(&bench->rig, NULL);
    bench->server = double_listen("127.0.0.1", rig_asked, &bench->rig);
    bench->origin = origin_of(&bench->rig, bench->server, DU_ORIGIN_FORGEJO, "S3CRET");
    *state = bench;
    return 0;
}

int bench_tear_down(void **state) {
    struct bench *bench = *state;
    got_deinit(&bench->got);
    du_origin_unref(&bench->origin);
    double_free(bench->server);
    rig_deinit(&bench->rig);
    free(bench);
    return 0;
}
