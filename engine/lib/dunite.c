#include "dunite.h"

#include "bytes.h"
#include "check.h"
#include "lua_errors.h"
#include "mem.h"
#include "owned.h"
#include "versions.h"
#include "wait.h"

#include <lauxlib.h>
#include <string.h>
#include <time.h>

enum { LOOK_MS = 20 }; /* how often a drain looks whether it is over */

struct dunite {
    struct du_owned owned;
    struct du_engine *engine; /* NULL while it is only checked */
    void *user;
    void (*log)(void *user, const char *line, size_t size);
    /* Waits that were not dropped yet; see dunite_stop. */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t waits;
    bool refuses; /* accepts nothing more */
};

const char *dunite_version(void) {
    return DU_VERSION;
}

void dunite_text_free(char *text) {
    du_free(text);
}

/* --- what is wrong --- */

/* Every finding in a line of its own; without any, the error. */
static void tell(char **problem, const struct du_findings *findings, const struct du_error *error) {
    struct du_bytes text;
    if (problem == NULL)
        return;
    du_bytes_init(&text);
    for (size_t i = 0; i < findings->count; i++)
        du_bytes_format(&text, "%s%s", i > 0 ? "\n" : "", findings->list[i]);
    if (findings->count == 0)
        du_bytes_text(&text,
                      error->message[0] != '\0' ? error->message : du_error_text(error->kind));
    *problem = text.size > 0 ? du_strdup(text.data) : NULL;
    du_bytes_deinit(&text);
}

static enum dunite_result result_of(enum du_error_kind kind, const struct du_findings *findings) {
    if (kind == DU_OK)
        return DUNITE_OK;
    return findings->count > 0 ? DUNITE_REFUSED : DUNITE_FAILED;
}

/* --- from start to stop --- */

static void hear(void *user, enum du_log_level level, const char *line, size_t size) {
    struct dunite *dunite = user;
    (void)level;
    dunite->log(dunite->user, line, size);
}

static void free_dunite(struct dunite *dunite) {
    pthread_cond_destroy(&dunite->changed);
    pthread_mutex_destroy(&dunite->lock);
    du_owned_deinit(&dunite->owned);
    du_free(dunite);
}

static struct dunite *new_dunite(const struct dunite_options *options) {
    struct dunite *dunite = du_calloc(1, sizeof *dunite);
    if (dunite == NULL)
        return NULL;
    pthread_mutex_init(&dunite->lock, NULL);
    pthread_cond_init(&dunite->changed, NULL);
    dunite->user = options->user;
    dunite->log = options->log;
    if (!du_owned_init(&dunite->owned, options)) {
        free_dunite(dunite);
        return NULL;
    }
    dunite->owned.options.host = dunite;
    if (options->log != NULL) {
        dunite->owned.options.log_sink = hear;
        dunite->owned.options.log_user = dunite;
    }
    return dunite;
}

static enum du_error_kind check(struct dunite *dunite, struct du_findings *findings,
                                struct du_error *error) {
    struct du_check *check = NULL;
    enum du_error_kind kind = du_check_new(&check, &dunite->owned.options, findings, error);
    if (kind == DU_OK)
        du_check_free(&check);
    return kind;
}

static enum du_error_kind start(struct dunite *dunite, struct du_findings *findings,
                                struct du_error *error) {
    return du_engine_start(&dunite->engine, &dunite->owned.options, findings, error);
}

static enum dunite_result begin(const struct dunite_options *options, char **problem,
                                enum du_error_kind (*how)(struct dunite *, struct du_findings *,
                                                          struct du_error *),
                                struct dunite **out) {
    struct du_findings findings = {0};
    struct du_error error = du_error_of(DU_MEMORY);
    if (problem != NULL)
        *problem = NULL;
    *out = new_dunite(options);
    enum du_error_kind kind = *out != NULL ? how(*out, &findings, &error) : DU_MEMORY;
    if (kind != DU_OK)
        tell(problem, &findings, &error);
    enum dunite_result result = result_of(kind, &findings);
    du_findings_free(&findings);
    if (kind != DU_OK && *out != NULL) {
        free_dunite(*out);
        *out = NULL;
    }
    return result;
}

enum dunite_result dunite_check(const struct dunite_options *options, char **problem) {
    struct dunite *dunite;
    enum dunite_result result = begin(options, problem, check, &dunite);
    if (dunite != NULL)
        free_dunite(dunite);
    return result;
}

enum dunite_result dunite_start(struct dunite **out, const struct dunite_options *options,
                                char **problem) {
    return begin(options, problem, start, out);
}

struct reloading {
    struct du_reload_request request;
    struct dunite *dunite;
    char **problem;
    enum dunite_result result;
    bool done;
};

static void reloaded(struct du_reload_request *request, const struct du_reload_outcome *outcome) {
    struct reloading *reloading = du_container_of(request, struct reloading, request);
    struct dunite *dunite = reloading->dunite;
    if (reloading->problem != NULL && outcome->text[0] != '\0')
        *reloading->problem = du_strdup(outcome->text);
    reloading->result = outcome->ok ? DUNITE_OK : DUNITE_REFUSED;
    pthread_mutex_lock(&dunite->lock);
    reloading->done = true;
    pthread_cond_broadcast(&dunite->changed);
    pthread_mutex_unlock(&dunite->lock);
}

enum dunite_result dunite_reload(struct dunite *dunite, char **problem) {
    struct reloading reloading = {.request.done = reloaded, .dunite = dunite, .problem = problem};
    struct du_shared *shared = du_engine_shared(dunite->engine);
    if (problem != NULL)
        *problem = NULL;
    shared->reload(shared, &reloading.request);
    pthread_mutex_lock(&dunite->lock);
    while (!reloading.done)
        pthread_cond_wait(&dunite->changed, &dunite->lock);
    pthread_mutex_unlock(&dunite->lock);
    return reloading.result;
}

static int idle_within(struct dunite *dunite, int64_t ms) {
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000L};
    for (; ms > 0 && !du_engine_idle(dunite->engine); ms -= LOOK_MS)
        clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    return du_engine_idle(dunite->engine);
}

int dunite_drain(struct dunite *dunite, int64_t ms) {
    du_engine_drain(dunite->engine);
    idle_within(dunite, ms / 2);
    if (!dunite->refuses)
        du_engine_refuse(dunite->engine);
    dunite->refuses = true;
    return idle_within(dunite, ms / 2);
}

/* When the engine has settled, no task waits any more; but what the program is still working on
 * tells a worker when it is done, and until then that worker must be there. */
void dunite_stop(struct dunite **taken) {
    struct dunite *dunite = *taken;
    *taken = NULL;
    if (dunite == NULL)
        return;
    du_engine_settle(dunite->engine);
    pthread_mutex_lock(&dunite->lock);
    while (dunite->waits > 0)
        pthread_cond_wait(&dunite->changed, &dunite->lock);
    pthread_mutex_unlock(&dunite->lock);
    du_engine_stop(&dunite->engine);
    free_dunite(dunite);
}

const char *dunite_address(const struct dunite *dunite, size_t at) {
    return du_engine_address(dunite->engine, at);
}

/* --- for modules --- */

void *dunite_user(lua_State *L) {
    return ((struct dunite *)du_context_of(L)->host)->user;
}

int dunite_fail(lua_State *L, const char *name, const char *message) {
    struct du_error error;
    enum du_error_kind kind;
    if (!du_error_kind_of(name, &kind) || kind == DU_OK)
        kind = DU_SCRIPT;
    error = du_error_of(kind);
    du_error_set(&error, kind, "%s", message);
    return du_lua_fail(L, &error);
}

struct dunite_wait {
    struct du_wait wait;
    struct dunite *dunite;
    const struct dunite_waiting *how;
    void *user;
};

static int push_results(lua_State *L, struct du_wait *wait) {
    struct dunite_wait *own = (struct dunite_wait *)wait;
    return own->how->push(L, own->user);
}

static bool withdraw(struct du_wait *wait) {
    struct dunite_wait *own = (struct dunite_wait *)wait;
    return own->how->cancel != NULL && own->how->cancel(own->user);
}

static void count_waits(struct dunite *dunite, int change) {
    pthread_mutex_lock(&dunite->lock);
    dunite->waits += (size_t)change;
    pthread_cond_broadcast(&dunite->changed);
    pthread_mutex_unlock(&dunite->lock);
}

static void drop(struct du_wait *wait) {
    struct dunite_wait *own = (struct dunite_wait *)wait;
    if (own->how->drop != NULL)
        own->how->drop(own->user);
    count_waits(own->dunite, -1);
}

static const struct du_wait_type wait_type = {sizeof(struct dunite_wait), push_results, withdraw,
                                              drop};

struct dunite_wait *dunite_wait_new(lua_State *L, const struct dunite_waiting *how, void *user) {
    struct dunite_wait *own = du_task_may_wait(L) ? du_wait_try(L, &wait_type) : NULL;
    if (own == NULL) {
        if (how->drop != NULL)
            how->drop(user);
        du_task_check_wait(L);
        du_lua_raise(L, du_error_of(DU_MEMORY));
    }
    own->dunite = du_context_of(L)->host;
    own->how = how;
    own->user = user;
    count_waits(own->dunite, 1);
    return own;
}

int dunite_wait_park(lua_State *L, struct dunite_wait *own) {
    return du_wait_park(L, &own->wait);
}

void dunite_wait_done(struct dunite_wait *own) {
    du_wait_post(&own->wait);
}
