#include "edition.h"

#include "bindings.h"
#include "mem.h"
#include "versions.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_REPORT_MS = 30 * 1000, LONGEST_PAUSE_MS = 3600 * 1000 };

static void fill_context(struct du_edition *edition, const struct du_edition_options *options) {
    edition->context = (struct du_context){
        .base = options->base,
        .folder = options->folder,
        .bundle = options->bundle,
        .modules = options->modules,
        .host = options->host,
        .sources = edition->sources,
        .environment = options->environment,
        .versions = du_versions_each,
        .generation = options->generation,
        .worker = options->worker,
        .budget = {.instructions = options->instructions},
    };
}

enum du_error_kind du_edition_new(struct du_edition **out, const struct du_edition_options *options,
                                  struct du_findings *findings, struct du_error *error) {
    struct du_edition *edition = du_calloc(1, sizeof *edition);
    if (edition == NULL)
        return du_error_set(error, DU_MEMORY, "making a Lua state");
    du_list_init(&edition->node);
    edition->sources = du_sources_ref(options->sources);
    fill_context(edition, options);
    enum du_error_kind kind = du_generation_open(&edition->generation, &edition->context,
                                                 options->scripts, options->memory, error);
    if (kind == DU_OK)
        kind = du_generation_load(&edition->generation, options->overrides, findings, error);
    if (kind == DU_OK)
        *out = edition;
    else
        du_edition_free(&edition);
    return kind;
}

void du_edition_free(struct du_edition **taken) {
    struct du_edition *edition = *taken;
    *taken = NULL;
    if (edition->home.timers != NULL)
        du_timers_stop(edition->home.timers, &edition->report);
    du_generation_close(&edition->generation);
    du_sources_unref(&edition->sources);
    du_free(edition);
}

/* --- an old one --- */

static void note_held(struct du_edition *edition) {
    struct du_bytes text;
    du_bytes_init(&text);
    du_bindings_describe(&edition->context, &text);
    pthread_mutex_lock(edition->home.lock);
    edition->requests = du_bindings_owed(&edition->context).requests;
    snprintf(edition->held_by, sizeof edition->held_by, "%s", text.data != NULL ? text.data : "");
    pthread_mutex_unlock(edition->home.lock);
    du_bytes_deinit(&text);
}

static void report(struct du_timer *timer) {
    struct du_edition *edition = du_container_of(timer, struct du_edition, report);
    int64_t age_ms = du_clock_mono_ms(&edition->context.base->clock) - edition->since_ms;
    note_held(edition);
    const struct du_log_field fields[] = {
        {"generation", DU_LOG_INTEGER, {.integer = (int64_t)edition->context.generation}},
        {"worker", DU_LOG_INTEGER, {.integer = edition->context.worker}},
        {"secs", DU_LOG_INTEGER, {.integer = age_ms / 1000}},
        {"held_by", DU_LOG_STRING, {.string = edition->held_by}},
    };
    du_log_write(edition->context.base->log, DU_LOG_WARN, NULL,
                 "an old generation of scripts has not ended", fields,
                 sizeof fields / sizeof *fields);
    edition->pause_ms =
        2 * edition->pause_ms < LONGEST_PAUSE_MS ? 2 * edition->pause_ms : LONGEST_PAUSE_MS;
    du_timers_start(edition->home.timers, &edition->report, edition->pause_ms);
}

static void look(struct du_mail *mail) {
    struct du_edition *edition = du_container_of(mail, struct du_edition, look);
    edition->looking = false;
    if (!edition->old)
        return;
    struct du_bindings_owed owed = du_bindings_owed(&edition->context);
    if (owed.calls == 0 && edition->generation.state != NULL &&
        du_tasks_alive(edition->context.tasks) == 0)
        du_generation_close_state(&edition->generation);
    if (edition->generation.state == NULL && owed.requests == 0)
        edition->home.ended(edition->home.user, edition);
    else
        note_held(edition);
}

static void less_owed(struct du_context *context) {
    struct du_edition *edition = du_container_of(context, struct du_edition, context);
    if (edition->looking)
        return;
    edition->looking = true;
    du_mailbox_post(edition->home.mailbox, &edition->look);
}

void du_edition_attach(struct du_edition *edition, const struct du_edition_home *home) {
    edition->home = *home;
    edition->context.shared = home->shared;
    edition->context.loop = home->loop;
    edition->context.mailbox = home->mailbox;
    edition->context.timers = home->timers;
    edition->context.client = home->client;
    du_tasks_set_watch(edition->context.tasks, home->watch);
    edition->look.deliver = look;
    edition->report.fire = report;
    edition->since_ms = du_clock_mono_ms(&edition->context.base->clock);
}

void du_edition_retire(struct du_edition *edition) {
    pthread_mutex_lock(edition->home.lock);
    edition->old = true;
    edition->since_ms = du_clock_mono_ms(&edition->context.base->clock);
    pthread_mutex_unlock(edition->home.lock);
    edition->pause_ms = FIRST_REPORT_MS;
    du_timers_start(edition->home.timers, &edition->report, edition->pause_ms);
    edition->context.less_owed = less_owed;
    less_owed(&edition->context);
}

void du_edition_hush(struct du_edition *edition) {
    edition->old = false;
    edition->context.less_owed = NULL;
    du_timers_stop(edition->home.timers, &edition->report);
}
