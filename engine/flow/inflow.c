#include "inflow.h"

#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

static struct du_base *base_of(const struct du_inflow *inflow) {
    return inflow->desk->cache->base;
}

static struct du_timers *timers_of(const struct du_inflow *inflow) {
    return du_client_timers(inflow->desk->client);
}

/* What upstream sends -------------------------------------------------------------------------- */

/* Ends a hook: the fetch stops, as `error` or `broken` says why. */
static bool stop(struct du_inflow *inflow) {
    inflow->fetch = NULL;
    inflow->moved(inflow);
    return false;
}

static bool stop_at_size(struct du_inflow *inflow, int64_t expected, int64_t actual) {
    struct du_error *error = &inflow->error;
    du_error_set(error, DU_INTEGRITY, "%" PRId64 " bytes or more instead of %" PRId64, actual,
                 expected);
    snprintf(error->expected, sizeof error->expected, "%" PRId64, expected);
    snprintf(error->actual, sizeof error->actual, "%" PRId64, actual);
    return stop(inflow);
}

static bool stop_at_status(struct du_inflow *inflow, int status) {
    du_error_set(&inflow->error, DU_UPSTREAM, "status %d to a plain GET", status);
    inflow->error.status = status;
    return stop(inflow);
}

static bool on_first_head(struct du_inflow *inflow, const struct du_fetch_head *head) {
    int64_t expected = inflow->want->size;
    if (head->status != 200)
        return stop_at_status(inflow, head->status);
    if (expected >= 0 && head->length >= 0 && head->length != expected)
        return stop_at_size(inflow, expected, head->length);
    inflow->length = head->length >= 0 ? head->length : expected;
    du_resume_init(&inflow->resume, inflow->want, head);
    inflow->headed = true;
    inflow->moved(inflow);
    return true;
}

/* Upstream is too busy for a first answer (429, 503): asked again when it says, or after a pause,
 * if those who wait can wait that long. */
static bool waits_for_busy(struct du_inflow *inflow, const struct du_error *error) {
    char what[DU_WANT_TEXT];
    int64_t pause_ms = inflow->headed ? -1 : du_resume_busy_pause_ms(&inflow->resume, error);
    if (pause_ms < 0 || du_timers_start(timers_of(inflow), &inflow->pause, pause_ms) != DU_OK)
        return false;
    du_log_format(base_of(inflow)->log, DU_LOG_WARN,
                  "fetch of %s from %s is tried again in %" PRId64 " ms: status %d",
                  du_want_text(inflow->want, what), du_origin_name(inflow->want->origin), pause_ms,
                  error->status);
    return true;
}

/* Tries again, if there is a try left. */
static void break_off(struct du_inflow *inflow, const struct du_error *error) {
    char what[DU_WANT_TEXT];
    if (waits_for_busy(inflow, error))
        return;
    if (!inflow->headed || !du_resume_may(&inflow->resume, error)) {
        inflow->error = *error;
        return;
    }
    inflow->broken = true;
    du_log_format(base_of(inflow)->log, DU_LOG_WARN,
                  "fetch of %s from %s broke at %" PRId64 " and is resumed: %s: %s",
                  du_want_text(inflow->want, what), du_origin_name(inflow->want->origin),
                  inflow->received, du_error_name(error->kind), error->message);
}

static bool stop_and_try_plainly(struct du_inflow *inflow) {
    struct du_error error;
    du_error_set(&error, DU_TRANSPORT, "the answer to a range from %" PRId64 " is not that range",
                 inflow->kept);
    inflow->resume.plain = true;
    break_off(inflow, &error);
    return stop(inflow);
}

static bool on_next_head(struct du_inflow *inflow, const struct du_fetch_head *head) {
    if (head->status != 200 && head->status != 206)
        return stop_at_status(inflow, head->status);
    switch (du_resume_judge(&inflow->resume, head, inflow->kept, inflow->length)) {
    case DU_RESUME_APPEND:
        inflow->received = inflow->kept;
        return true;
    case DU_RESUME_COMPARE:
        inflow->received = 0;
        return true;
    case DU_RESUME_CHANGED:
        du_error_set(&inflow->error, DU_INTEGRITY, "it changed while it was fetched");
        return stop(inflow);
    case DU_RESUME_ODD:
        break;
    }
    return stop_and_try_plainly(inflow);
}

static bool on_head(void *user, const struct du_fetch_head *head) {
    struct du_inflow *inflow = user;
    return inflow->headed ? on_next_head(inflow, head) : on_first_head(inflow, head);
}

static bool on_data(void *user, const char *data, size_t size) {
    struct du_inflow *inflow = user;
    inflow->received += (int64_t)size;
    atomic_fetch_add(&inflow->desk->cache->figures.bytes, size);
    if (inflow->length >= 0 && inflow->received > inflow->length)
        return stop_at_size(inflow, inflow->length, inflow->received);
    du_bytes_add(&inflow->gathered, data, size);
    if (inflow->gathered.failed) {
        du_error_set(&inflow->error, DU_MEMORY, "gather a body");
        return stop(inflow);
    }
    inflow->moved(inflow);
    if (inflow->gathered.size >= inflow->most && !inflow->paused) {
        inflow->paused = true;
        du_fetch_pause(inflow->fetch);
    }
    return true;
}

/* Nothing is missing, however its connection ended. */
static bool has_all(const struct du_inflow *inflow) {
    return inflow->headed && inflow->received == inflow->length;
}

/* A body that just ended is whole when it is as long as promised, or has a digest to prove it. */
static bool is_whole(const struct du_inflow *inflow, bool complete) {
    if (complete || has_all(inflow))
        return inflow->headed;
    return inflow->length < 0 && inflow->want->by_digest;
}

/* Where no length is known, another try's end would prove nothing either. */
static void end_early(struct du_inflow *inflow) {
    struct du_error error;
    du_error_set(&error, DU_TRANSPORT, "the body just ended, after %" PRId64 " bytes",
                 inflow->received);
    if (inflow->length < 0)
        inflow->error = error;
    else
        break_off(inflow, &error);
}

static void on_end(void *user, const struct du_error *error, bool complete) {
    struct du_inflow *inflow = user;
    inflow->fetch = NULL;
    if (error->kind != DU_OK && !has_all(inflow))
        break_off(inflow, error);
    else if (!is_whole(inflow, complete))
        end_early(inflow);
    else if (inflow->received < inflow->kept)
        du_error_set(&inflow->error, DU_INTEGRITY, "it became shorter while it was fetched");
    else
        inflow->arrived = true;
    inflow->moved(inflow);
}

/* Asking --------------------------------------------------------------------------------------- */

static void fetch(struct du_inflow *inflow, const char *const *headers) {
    static const struct du_fetch_hooks hooks = {on_head, on_data, on_end};
    const struct du_want *want = inflow->want;
    const struct du_fetch_options options = {
        .origin = want->origin,
        .url = want->url,
        .headers = headers,
        .scope = want->scope,
        .foreign = want->foreign,
    };
    if (inflow->desk->closing)
        du_error_set(&inflow->error, DU_CANCELLED, "the worker is ending");
    else if (du_want_check_url(want, &inflow->error) == DU_OK)
        du_fetch_start(inflow->desk->client, &options, &hooks, inflow, &inflow->fetch,
                       &inflow->error);
}

static void resume(struct du_inflow *inflow) {
    const char **headers = du_resume_headers(&inflow->resume, inflow->kept);
    inflow->broken = false;
    atomic_fetch_add(&inflow->desk->cache->figures.resumed, 1);
    if (headers == NULL)
        du_error_set(&inflow->error, DU_MEMORY, "resume a body");
    else
        fetch(inflow, headers);
    du_free(headers);
}

void du_inflow_begin(struct du_inflow *inflow) {
    fetch(inflow, inflow->want->headers);
}

static void fetch_again(struct du_timer *timer) {
    struct du_inflow *inflow = du_container_of(timer, struct du_inflow, pause);
    if (inflow->headed)
        resume(inflow);
    else
        du_inflow_begin(inflow);
    inflow->moved(inflow);
}

void du_inflow_go_on(struct du_inflow *inflow, int64_t kept) {
    if (du_timer_running(&inflow->pause))
        return;
    inflow->kept = kept;
    if (du_timers_start(timers_of(inflow), &inflow->pause, du_resume_pause_ms(&inflow->resume)) !=
        DU_OK)
        du_error_set(&inflow->error, DU_MEMORY, "wait for another try");
}

void du_inflow_fail(struct du_inflow *inflow, const struct du_error *error) {
    inflow->error = *error;
    if (du_timer_running(&inflow->pause))
        du_timers_stop(timers_of(inflow), &inflow->pause);
    if (inflow->fetch != NULL)
        du_fetch_cancel(&inflow->fetch);
}

/* Taking --------------------------------------------------------------------------------------- */

int64_t du_inflow_take(struct du_inflow *inflow, struct du_bytes *empty) {
    struct du_bytes full = inflow->gathered;
    inflow->gathered = *empty;
    *empty = full;
    return inflow->received - (int64_t)full.size;
}

void du_inflow_flow(struct du_inflow *inflow) {
    if (!inflow->paused)
        return;
    inflow->paused = false;
    if (inflow->fetch != NULL)
        du_fetch_resume(inflow->fetch);
}

/* Life ----------------------------------------------------------------------------------------- */

void du_inflow_init(struct du_inflow *inflow, struct du_desk *desk, struct du_want *want,
                    size_t most, void (*moved)(struct du_inflow *inflow)) {
    *inflow = (struct du_inflow){.desk = desk,
                                 .want = du_want_ref(want),
                                 .moved = moved,
                                 .most = most,
                                 .length = -1,
                                 .pause = {.fire = fetch_again}};
    du_bytes_init(&inflow->gathered);
}

void du_inflow_deinit(struct du_inflow *inflow) {
    du_bytes_deinit(&inflow->gathered);
    du_resume_deinit(&inflow->resume);
    du_want_unref(&inflow->want);
}
