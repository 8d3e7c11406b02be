/* What the tests of reloading share: another text for a stage's deployment, and wishes that are
 * waited for. */

#ifndef DU_RELOADING_H
#define DU_RELOADING_H

#include "context.h"
#include "stage.h"

#include <pthread.h>
#include <stdlib.h>

struct wish {
    struct du_reload_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done, ok;
    uint64_t generation;
    char text[8192];
};

static inline void wish_done(struct du_reload_request *request,
                             const struct du_reload_outcome *outcome) {
    struct wish *wish = du_container_of(request, struct wish, request);
    pthread_mutex_lock(&wish->lock);
    wish->ok = outcome->ok;
    wish->generation = outcome->generation;
    snprintf(wish->text, sizeof wish->text, "%s", outcome->text);
    wish->done = true;
    pthread_cond_signal(&wish->changed);
    pthread_mutex_unlock(&wish->lock);
}

static inline void wish_begin(struct wish *wish, struct stage *stage) {
    struct du_shared *shared = du_engine_shared(stage->engine);
    memset(wish, 0, sizeof *wish);
    pthread_mutex_init(&wish->lock, NULL);
    pthread_cond_init(&wish->changed, NULL);
    wish->request.done = wish_done;
    shared->reload(shared, &wish->request);
}

static inline void wish_wait(struct wish *wish) {
    pthread_mutex_lock(&wish->lock);
    while (!wish->done)
        pthread_cond_wait(&wish->changed, &wish->lock);
    pthread_mutex_unlock(&wish->lock);
}

/* Reloads, and waits for the outcome. */
static inline struct wish stage_reload(struct stage *stage) {
    struct wish wish;
    wish_begin(&wish, stage);
    wish_wait(&wish);
    return wish;
}

static inline void stage_reload_fine(struct stage *stage) {
    struct wish wish = stage_reload(stage);
    if (!wish.ok)
        fail_msg("%s", wish.text);
}

/* A file of the deployment's folder. */
static inline void stage_file(struct stage *stage, const char *name, const char *text) {
    assert_int_equal(du_scratch_write(stage->folder, name, text, strlen(text), &stage->error),
                     DU_OK);
}

/* The deployment's text, as stage_write has it. */
static inline void stage_rewrite(struct stage *stage, const char *settings, const char *routes) {
    struct du_bytes text;
    du_bytes_init(&text);
    du_bytes_format(&text,
                    "local dunite = require 'dunite'\n"
                    "local answer = require 'dunite.answer'\n"
                    "return dunite.deployment {\n"
                    "  listen = { '127.0.0.1:0' }, workers = 2,\n"
                    "  %s\n"
                    "  routes = function(app) %s end,\n"
                    "}\n",
                    settings, routes);
    stage_file(stage, "dunite.lua", text.data);
    du_bytes_deinit(&text);
}

/* The body of what a GET answers, up to its end. */
static inline void stage_says(struct stage *stage, const char *path, const char *wanted) {
    struct du_bytes answer = stage_get(stage, path);
    const char *body = answer.data != NULL ? strstr(answer.data, "\r\n\r\n") : NULL;
    if (body == NULL || strcmp(body + 4, wanted) != 0)
        fail_msg("%s: '%s', wanted '%s'", path, answer.data, wanted);
    du_bytes_deinit(&answer);
}

struct seen_generations {
    size_t old;
    uint64_t current;
    char held_by[512];
};

static inline void see_one(void *user, const struct du_generation_seen *seen) {
    struct seen_generations *all = user;
    if (seen->current)
        all->current = seen->generation;
    else
        snprintf(all->held_by, sizeof all->held_by, "%s", seen->held_by);
    all->old += !seen->current;
}

static inline struct seen_generations stage_generations(struct stage *stage) {
    struct du_shared *shared = du_engine_shared(stage->engine);
    struct seen_generations all = {0};
    shared->generations(shared, see_one, &all);
    return all;
}

/* A GET on a thread of its own. */
struct asker {
    struct stage *stage;
    const char *path;
    struct du_bytes answer;
    pthread_t thread;
};

static inline void *asker_run(void *user) {
    struct asker *asker = user;
    asker->answer = stage_get(asker->stage, asker->path);
    return NULL;
}

static inline void asker_begin(struct asker *asker, struct stage *stage, const char *path) {
    asker->stage = stage;
    asker->path = path;
    pthread_create(&asker->thread, NULL, asker_run, asker);
}

static inline void asker_says(struct asker *asker, const char *wanted) {
    pthread_join(asker->thread, NULL);
    if (asker->answer.data == NULL || strstr(asker->answer.data, wanted) == NULL)
        fail_msg("'%s', wanted '%s'", asker->answer.data, wanted);
    du_bytes_deinit(&asker->answer);
}

#define UNTIL(condition)                                                                           \
    while (!(condition))                                                                           \
    sched_yield()

#endif
