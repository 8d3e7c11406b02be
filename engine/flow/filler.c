#include "filler.h"

#include "filler_int.h"
#include "mem.h"

/* What may gather while the disk works: with one chunk more it still fits a room of 1 MiB. */
enum { GATHERED_MOST = 960 << 10 };

static bool is_failing(const struct du_filler *filler) {
    return du_inflow_is_failing(&filler->inflow);
}

/* The end -------------------------------------------------------------------------------------- */

static void log_end(const struct du_filler *filler, enum du_log_level level, const char *kind,
                    const char *message) {
    const struct du_want *want = filler->inflow.want;
    char what[DU_WANT_TEXT];
    du_log_format(filler->desk->cache->base->log, level, "fill of %s from %s: %s: %s",
                  du_want_text(want, what), du_origin_name(want->origin), kind, message);
}

static void complete_flight(struct du_filler *filler) {
    struct du_cache *cache = filler->desk->cache;
    struct du_outcome outcome = {filler->inflow.error, NULL};
    if (is_failing(filler))
        outcome.value = du_value_ref(&filler->inflow.want->value);
    atomic_fetch_add(is_failing(filler) ? &cache->figures.failed : &cache->figures.filled, 1);
    du_flight_complete(&filler->flight, outcome);
}

static void filler_free(struct du_filler *filler) {
    struct du_desk *desk = filler->desk;
    du_fill_unref(&filler->fill);
    du_inflow_deinit(&filler->inflow);
    du_bytes_deinit(&filler->writing);
    du_list_remove(&filler->node);
    du_turns_give(&desk->cache->fills, &filler->turn);
    du_free(filler);
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
    const struct du_error *error = &filler->inflow.error;
    log_end(filler, DU_LOG_WARN, du_error_name(error->kind), error->message);
    if (filler->outgrew)
        du_cache_outgrew(filler->desk->cache, filler->inflow.want);
    complete_flight(filler);
    du_fill_failed(filler->fill, error);
    if (filler->partial == NULL)
        filler_free(filler);
    else
        start_job(filler, du_filler_discard);
}

/* All who wait pass it through, each for himself; nobody has seen anything of the fill yet. */
static void make_way(struct du_filler *filler) {
    log_end(filler, DU_LOG_INFO, "passed through", filler->disk_error.message);
    du_inflow_fail(&filler->inflow, &filler->disk_error);
    du_flight_succeed(&filler->flight, du_value_ref(&filler->inflow.want->value));
    filler_free(filler);
}

static void end(struct du_filler *filler) {
    if (filler->flight != NULL)
        complete_flight(filler);
    filler_free(filler);
}

static void create(struct du_filler *filler) {
    du_fill_set_length(filler->fill, filler->inflow.length);
    start_job(filler, du_filler_create);
}

static void write_on(struct du_filler *filler) {
    filler->place = du_inflow_take(&filler->inflow, &filler->writing);
    start_job(filler, du_filler_write);
    du_inflow_flow(&filler->inflow);
}

static void wait_for_next_try(struct du_filler *filler) {
    du_inflow_go_on(&filler->inflow, du_partial_size(filler->partial));
    if (is_failing(filler))
        give_up(filler);
}

/* Whatever is next to do. The filler may be gone after it, but never while its fetch is up. */
static void proceed(struct du_filler *filler) {
    const struct du_inflow *inflow = &filler->inflow;
    if (filler->working)
        return;
    if (filler->over) {
        end(filler);
    } else if (is_failing(filler)) {
        give_up(filler);
    } else if (filler->no_room) {
        make_way(filler);
    } else if (inflow->headed && filler->partial == NULL) {
        create(filler);
    } else if (du_inflow_has_bytes(inflow)) {
        write_on(filler);
    } else if (inflow->arrived) {
        du_fill_verifying(filler->fill);
        start_job(filler, du_filler_finish);
    } else if (inflow->broken) {
        wait_for_next_try(filler);
    }
}

static void moved(struct du_inflow *inflow) {
    proceed(du_container_of(inflow, struct du_filler, inflow));
}

static void worked(struct du_job *job) {
    struct du_filler *filler = du_filler_of(job);
    du_mailbox_expect(job->home, -1);
    filler->working = false;
    du_bytes_clear(&filler->writing);
    if (filler->disk_error.kind != DU_OK && !filler->no_room && !is_failing(filler))
        du_inflow_fail(&filler->inflow, &filler->disk_error);
    if (job->work == du_filler_create && !is_failing(filler) && !filler->no_room)
        du_flight_publish(filler->flight, du_fill_value(filler->fill));
    proceed(filler);
}

/* The desk's side ------------------------------------------------------------------------------ */

static struct du_filler *filler_new(struct du_desk *desk, struct du_want *want) {
    struct du_filler *filler = du_calloc(1, sizeof *filler);
    if (filler == NULL || (filler->fill = du_fill_new()) == NULL) {
        du_free(filler);
        return NULL;
    }
    filler->desk = desk;
    filler->turn.granted = du_desk_turn;
    filler->turn.user = desk;
    du_inflow_init(&filler->inflow, desk, want, GATHERED_MOST, moved);
    filler->job.done = worked;
    filler->job.home = desk->home;
    du_bytes_init(&filler->writing);
    du_list_append(&desk->fillers, &filler->node);
    return filler;
}

/* Its turn has come, or cannot come. */
static void begin(struct du_filler *filler) {
    filler->queued = false;
    if (!is_failing(filler))
        du_inflow_begin(&filler->inflow);
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
    filler->queued = du_turns_take(&desk->cache->fills, &filler->turn, want->origin, want->member,
                                   &filler->inflow.error) == DU_STEP_PENDING;
    if (!filler->queued)
        begin(filler);
}

void du_filler_start_queued(struct du_list *fillers) {
    du_list_each(node, fillers) {
        struct du_filler *filler = du_container_of(node, struct du_filler, node);
        if (filler->queued && du_turn_is_taken(&filler->turn))
            begin(filler);
    }
}

static void cancel(struct du_filler *filler, const char *why) {
    struct du_error error;
    du_error_set(&error, DU_CANCELLED, "%s", why);
    du_inflow_fail(&filler->inflow, &error);
    proceed(filler);
}

static bool may_cancel(const struct du_filler *filler) {
    int64_t committed;
    return !is_failing(filler) && du_fill_look(filler->fill, &committed, NULL) == DU_FILL_FILLING;
}

void du_filler_check_all(struct du_list *fillers) {
    du_list_each(node, fillers) {
        struct du_filler *filler = du_container_of(node, struct du_filler, node);
        if (filler->inflow.want->cancel_when_abandoned && may_cancel(filler) &&
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
