#include "filler.h"

#include "filler_int.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

/* What may gather while the disk works: with one chunk more it still fits a room of 1 MiB. */
enum { GATHERED_MOST = 960 << 10 };

static bool is_failing(const struct du_filler *filler) {
    return filler->error.kind != DU_OK;
}

/* The end -------------------------------------------------------------------------------------- */

static void log_failure(const struct du_filler *filler) {
    char what[DU_WANT_TEXT];
    du_log_format(filler->desk->cache->base->log, DU_LOG_WARN, "fill of %s from %s: %s: %s",
                  du_want_text(filler->want, what), du_origin_name(filler->want->origin),
                  du_error_name(filler->error.kind), filler->error.message);
}

static void complete_flight(struct du_filler *filler) {
    struct du_cache *cache = filler->desk->cache;
    struct du_outcome outcome = {filler->error, NULL};
    if (is_failing(filler))
        outcome.value = du_value_ref(&filler->want->value);
    atomic_fetch_add(is_failing(filler) ? &cache->figures.failed : &cache->figures.filled, 1);
    du_flight_complete(&filler->flight, outcome);
}

static void filler_free(struct du_filler *filler) {
    struct du_desk *desk = filler->desk;
    du_fill_unref(&filler->fill);
    du_resume_deinit(&filler->resume);
    du_want_unref(&filler->want);
    du_bytes_deinit(&filler->gathered);
    du_bytes_deinit(&filler->writing);
    du_list_remove(&filler->node);
    du_free(filler);
    if (du_filler_any_queued(&desk->fillers))
        du_desk_look(desk);
    du_desk_left(desk);
}

/* One step after the other --------------------------------------------------------------------- */

static void come_home(struct du_mail *mail) {
    struct du_job *job = du_container_of(mail, struct du_job, mail);
    job->done(job);
}

static void start_job(struct du_filler *filler, void (*work)(struct du_job *job)) {
    filler->working = true;
    filler->job.work = work;
    du_mailbox_expect(filler->job.home, 1);
    if (du_lane_submit(filler->desk->cache->disk, &filler->job) == DU_OK)
        return;
    /* As if it had failed there: a hook that got us here must not see the filler end. */
    if (work == du_filler_discard)
        du_filler_discard(&filler->job);
    else
        du_error_set(&filler->disk_error, DU_OVERLOADED, "the disk lane is full");
    filler->job.mail.deliver = come_home;
    du_mailbox_post(filler->job.home, &filler->job.mail);
}

/* The flight first: nobody may join a fill that has failed already. */
static void give_up(struct du_filler *filler) {
    log_failure(filler);
    complete_flight(filler);
    du_fill_failed(filler->fill, &filler->error);
    if (filler->partial == NULL)
        filler_free(filler);
    else
        start_job(filler, du_filler_discard);
}

static void end(struct du_filler *filler) {
    if (filler->flight != NULL)
        complete_flight(filler);
    filler_free(filler);
}

static void write_on(struct du_filler *filler) {
    struct du_bytes empty = filler->writing;
    filler->writing = filler->gathered;
    filler->gathered = empty;
    start_job(filler, du_filler_write);
    if (!filler->paused)
        return;
    filler->paused = false;
    if (filler->fetch != NULL)
        du_fetch_resume(filler->fetch);
}

static void wait_for_next_try(struct du_filler *filler) {
    if (du_timer_running(&filler->pause))
        return;
    filler->kept = du_partial_size(filler->partial);
    if (du_timers_start(du_client_timers(filler->desk->client), &filler->pause,
                        du_resume_pause_ms(&filler->resume)) == DU_OK)
        return;
    du_error_set(&filler->error, DU_MEMORY, "wait for another try");
    give_up(filler);
}

/* Whatever is next to do. The filler may be gone after it, but never while its fetch is up. */
static void proceed(struct du_filler *filler) {
    if (filler->working)
        return;
    if (filler->over) {
        end(filler);
    } else if (is_failing(filler)) {
        give_up(filler);
    } else if (filler->headed && filler->partial == NULL) {
        start_job(filler, du_filler_create);
    } else if (filler->gathered.size > 0) {
        write_on(filler);
    } else if (filler->arrived) {
        du_fill_verifying(filler->fill);
        start_job(filler, du_filler_finish);
    } else if (filler->broken) {
        wait_for_next_try(filler);
    }
}

static void fail(struct du_filler *filler, const struct du_error *error) {
    filler->error = *error;
    if (du_timer_running(&filler->pause))
        du_timers_stop(du_client_timers(filler->desk->client), &filler->pause);
    if (filler->fetch != NULL)
        du_fetch_cancel(&filler->fetch);
}

static void worked(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    du_mailbox_expect(job->home, -1);
    filler->working = false;
    du_bytes_clear(&filler->writing);
    if (filler->disk_error.kind != DU_OK && !is_failing(filler))
        fail(filler, &filler->disk_error);
    if (job->work == du_filler_create && !is_failing(filler))
        du_flight_publish(filler->flight, du_fill_value(filler->fill));
    proceed(filler);
}

/* What upstream sends -------------------------------------------------------------------------- */

/* Ends a hook: the fetch stops, as the filler is failing. */
static bool stop(struct du_filler *filler) {
    filler->fetch = NULL;
    proceed(filler);
    return false;
}

static bool stop_at_size(struct du_filler *filler, int64_t expected, int64_t actual) {
    struct du_error *error = &filler->error;
    du_error_set(error, DU_INTEGRITY, "%" PRId64 " bytes or more instead of %" PRId64, actual,
                 expected);
    snprintf(error->expected, sizeof error->expected, "%" PRId64, expected);
    snprintf(error->actual, sizeof error->actual, "%" PRId64, actual);
    return stop(filler);
}

static bool stop_at_status(struct du_filler *filler, int status) {
    du_error_set(&filler->error, DU_UPSTREAM, "status %d to a plain GET", status);
    filler->error.status = status;
    return stop(filler);
}

static bool on_first_head(struct du_filler *filler, const struct du_fetch_head *head) {
    int64_t expected = filler->want->size;
    if (head->status != 200)
        return stop_at_status(filler, head->status);
    if (expected >= 0 && head->length >= 0 && head->length != expected)
        return stop_at_size(filler, expected, head->length);
    du_fill_set_length(filler->fill, head->length >= 0 ? head->length : expected);
    du_resume_init(&filler->resume, filler->want, head);
    filler->headed = true;
    proceed(filler);
    return true;
}

/* Tries again, if there is a try left. */
static void break_off(struct du_filler *filler, const struct du_error *error) {
    char what[DU_WANT_TEXT];
    if (!filler->headed || !du_resume_may(&filler->resume, error)) {
        filler->error = *error;
        return;
    }
    filler->broken = true;
    du_log_format(filler->desk->cache->base->log, DU_LOG_WARN,
                  "fill of %s from %s broke at %" PRId64 " and is resumed: %s: %s",
                  du_want_text(filler->want, what), du_origin_name(filler->want->origin),
                  filler->received, du_error_name(error->kind), error->message);
}

static bool stop_and_try_plainly(struct du_filler *filler) {
    struct du_error error;
    du_error_set(&error, DU_TRANSPORT, "the answer to a range from %" PRId64 " is not that range",
                 filler->kept);
    filler->resume.plain = true;
    break_off(filler, &error);
    return stop(filler);
}

static bool on_next_head(struct du_filler *filler, const struct du_fetch_head *head) {
    if (head->status != 200 && head->status != 206)
        return stop_at_status(filler, head->status);
    switch (du_resume_judge(&filler->resume, head, filler->kept, du_fill_length(filler->fill))) {
    case DU_RESUME_APPEND:
        filler->received = filler->place = filler->kept;
        return true;
    case DU_RESUME_COMPARE:
        filler->received = filler->place = 0;
        return true;
    case DU_RESUME_CHANGED:
        du_error_set(&filler->error, DU_INTEGRITY, "it changed while it was fetched");
        return stop(filler);
    case DU_RESUME_ODD:
        break;
    }
    return stop_and_try_plainly(filler);
}

static bool on_head(void *user, const struct du_fetch_head *head) {
    struct du_filler *filler = user;
    return filler->headed ? on_next_head(filler, head) : on_first_head(filler, head);
}

static bool on_data(void *user, const char *data, size_t size) {
    struct du_filler *filler = user;
    int64_t length = du_fill_length(filler->fill);
    filler->received += (int64_t)size;
    atomic_fetch_add(&filler->desk->cache->figures.bytes, size);
    if (length >= 0 && filler->received > length)
        return stop_at_size(filler, length, filler->received);
    du_bytes_add(&filler->gathered, data, size);
    if (filler->gathered.failed) {
        du_error_set(&filler->error, DU_MEMORY, "gather a body");
        return stop(filler);
    }
    proceed(filler);
    if (filler->gathered.size >= GATHERED_MOST && !filler->paused) {
        filler->paused = true;
        du_fetch_pause(filler->fetch);
    }
    return true;
}

/* Nothing is missing, however its connection ended. */
static bool has_all(const struct du_filler *filler) {
    return filler->headed && filler->received == du_fill_length(filler->fill);
}

/* A body that just ended is whole when it is as long as promised, or has a digest to prove it. */
static bool is_whole(const struct du_filler *filler, bool complete) {
    int64_t length = du_fill_length(filler->fill);
    if (complete || has_all(filler))
        return filler->headed;
    return length < 0 && filler->want->by_digest;
}

/* Where no length is known, another try's end would prove nothing either. */
static void end_early(struct du_filler *filler) {
    struct du_error error;
    du_error_set(&error, DU_TRANSPORT, "the body just ended, after %" PRId64 " bytes",
                 filler->received);
    if (du_fill_length(filler->fill) < 0)
        filler->error = error;
    else
        break_off(filler, &error);
}

static void on_end(void *user, const struct du_error *error, bool complete) {
    struct du_filler *filler = user;
    filler->fetch = NULL;
    if (error->kind != DU_OK && !has_all(filler)) {
        break_off(filler, error);
    } else if (!is_whole(filler, complete)) {
        end_early(filler);
    } else if (filler->received < filler->kept) {
        du_error_set(&filler->error, DU_INTEGRITY, "it became shorter while it was fetched");
    } else {
        filler->arrived = true;
    }
    proceed(filler);
}

/* The desk's side ------------------------------------------------------------------------------ */

static void fetch(struct du_filler *filler, const char *const *headers) {
    static const struct du_fetch_hooks hooks = {on_head, on_data, on_end};
    const struct du_want *want = filler->want;
    const struct du_fetch_options options = {
        .origin = want->origin,
        .url = want->url,
        .headers = headers,
        .scope = want->scope,
        .foreign = want->foreign,
    };
    if (filler->desk->closing)
        du_error_set(&filler->error, DU_CANCELLED, "the worker is ending");
    else if (du_want_check_url(want, &filler->error) == DU_OK)
        du_fetch_start(filler->desk->client, &options, &hooks, filler, &filler->fetch,
                       &filler->error);
}

static void fetch_again(struct du_timer *timer) {
    struct du_filler *filler = du_container_of(timer, struct du_filler, pause);
    const char **headers = du_resume_headers(&filler->resume, filler->kept);
    filler->broken = false;
    atomic_fetch_add(&filler->desk->cache->figures.resumed, 1);
    if (headers == NULL)
        du_error_set(&filler->error, DU_MEMORY, "resume a body");
    else
        fetch(filler, headers);
    du_free(headers);
    proceed(filler);
}

static struct du_filler *filler_new(struct du_desk *desk, struct du_want *want) {
    struct du_filler *filler = du_calloc(1, sizeof *filler);
    if (filler == NULL || (filler->fill = du_fill_new()) == NULL) {
        du_free(filler);
        return NULL;
    }
    filler->desk = desk;
    filler->want = du_want_ref(want);
    filler->pause.fire = fetch_again;
    filler->job.done = worked;
    filler->job.home = desk->home;
    du_bytes_init(&filler->gathered);
    du_bytes_init(&filler->writing);
    du_list_append(&desk->fillers, &filler->node);
    return filler;
}

void du_filler_begin(struct du_filler *filler) {
    filler->queued = false;
    if (!is_failing(filler))
        fetch(filler, filler->want->headers);
    proceed(filler);
}

void du_filler_start(struct du_desk *desk, struct du_want *want, struct du_flight **flight) {
    struct du_filler *filler = filler_new(desk, want);
    if (filler == NULL) {
        struct du_outcome outcome = {du_error_of(DU_MEMORY), du_value_ref(&want->value)};
        du_flight_complete(flight, outcome);
        return;
    }
    filler->flight = *flight;
    *flight = NULL;
    du_filler_begin_or_queue(filler);
}

static void cancel(struct du_filler *filler, const char *why) {
    struct du_error error;
    du_error_set(&error, DU_CANCELLED, "%s", why);
    fail(filler, &error);
    proceed(filler);
}

static bool may_cancel(const struct du_filler *filler) {
    int64_t committed;
    return !is_failing(filler) && du_fill_look(filler->fill, &committed, NULL) == DU_FILL_FILLING;
}

void du_filler_check_all(struct du_list *fillers) {
    du_list_each(node, fillers) {
        struct du_filler *filler = du_container_of(node, struct du_filler, node);
        if (filler->want->cancel_when_abandoned && may_cancel(filler) &&
            du_flight_confirm_abandoned(filler->flight))
            cancel(filler, "nobody wants it any more");
    }
}

void du_filler_cancel_all(struct du_list *fillers) {
    du_list_each(node, fillers) {
        struct du_filler *filler = du_container_of(node, struct du_filler, node);
        if (may_cancel(filler))
            cancel(filler, "the worker is ending");
    }
}
