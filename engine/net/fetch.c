#include "mem.h"
#include "sign_in.h"
#include "transfer.h"
#include "upstream_error.h"

#include <string.h>

enum { REDIRECTS_MOST = 5 };

/* What the header of the answer has decided. */
enum step { STEP_NONE, STEP_DELIVER, STEP_FOLLOW, STEP_SIGN_IN, STEP_REFUSE };

/* With which credentials the last request went out. */
enum sent { SENT_NOTHING, SENT_UNASKED, SENT_KEPT_TOKEN, SENT_NEW_TOKEN };

struct du_fetch {
    struct du_client *client;
    struct du_origin *origin;
    struct du_fetch_hooks hooks;
    void *user;
    struct du_list node;
    struct du_place place;
    struct du_timer total;
    int64_t total_ms;
    struct du_outgoing request; /* the next one, or the one that is out */
    bool any_status;
    struct du_transfer *transfer;
    struct du_sign_in *sign_in;
    char *scope;
    struct du_bearer *token;
    bool token_is_new, basic;
    enum sent sent;
    bool left; /* a redirect led away from the origin: no credentials any more, wherever it leads */
    unsigned redirects;
    enum step step;
    int status;
    char *location;                /* STEP_FOLLOW */
    struct du_challenge challenge; /* STEP_SIGN_IN */
    struct du_error verdict;       /* STEP_REFUSE */
    bool framed, paused;
    bool busy, dropped; /* in a hook; cancelled there */
};

struct du_fetch *du_fetch_of_node(struct du_list *node) {
    return du_container_of(node, struct du_fetch, node);
}

/* ---- the end ---- */

/* Nothing comes any more, and nobody knows it any more. */
static void detach(struct du_fetch *fetch) {
    du_timers_stop(fetch->client->timers, &fetch->total);
    du_transfer_stop(&fetch->transfer);
    du_sign_in_stop(&fetch->sign_in);
    du_client_give_place(fetch->client, &fetch->place);
    du_list_remove(&fetch->node);
}

static void release(struct du_fetch *fetch) {
    du_outgoing_deinit(&fetch->request);
    du_challenge_deinit(&fetch->challenge);
    du_bearer_unref(&fetch->token);
    du_origin_unref(&fetch->origin);
    du_free(fetch->scope);
    du_free(fetch->location);
    du_free(fetch);
}

static void finish(struct du_fetch *fetch, const struct du_error *error, bool complete) {
    detach(fetch);
    fetch->busy = true;
    fetch->hooks.end(fetch->user, error, complete);
    release(fetch);
}

void du_fetch_cancel(struct du_fetch **cancelled) {
    struct du_fetch *fetch = *cancelled;
    *cancelled = NULL;
    if (fetch == NULL)
        return;
    detach(fetch);
    if (fetch->busy)
        fetch->dropped = true;
    else
        release(fetch);
}

void du_fetch_abandon(struct du_fetch *fetch) {
    struct du_error error;
    du_error_set(&error, DU_CANCELLED, "upstream %.64s: its connections are being closed",
                 fetch->origin->name);
    finish(fetch, &error, false);
}

static void on_total(struct du_timer *timer) {
    struct du_fetch *fetch = du_container_of(timer, struct du_fetch, total);
    struct du_error error;
    if (fetch->client->inside) {
        du_timers_start(fetch->client->timers, timer, 0);
        return;
    }
    du_error_set(&error, DU_TIMEOUT, "upstream %.64s: not done within %lld ms; check its load",
                 fetch->origin->name, (long long)fetch->total_ms);
    finish(fetch, &error, false);
}

/* ---- what the header of an answer means ---- */

static enum step redirected(struct du_fetch *fetch, const char *location, int status) {
    if (++fetch->redirects > REDIRECTS_MOST) {
        du_error_set(&fetch->verdict, DU_UPSTREAM, "upstream %.64s redirects more than %d times",
                     fetch->origin->name, REDIRECTS_MOST);
        fetch->verdict.status = status;
        return STEP_REFUSE;
    }
    fetch->location = du_strdup(location);
    if (fetch->location != NULL)
        return STEP_FOLLOW;
    du_error_set(&fetch->verdict, DU_MEMORY, "no memory for a redirect");
    return STEP_REFUSE;
}

/* Whether there is an answer to the challenge that was not tried already. */
static bool challenged(struct du_fetch *fetch, struct du_transfer *transfer) {
    const char *value;
    bool untried = fetch->sent == SENT_NOTHING || fetch->sent == SENT_KEPT_TOKEN;
    if (fetch->left || !untried || fetch->origin->kind == DU_ORIGIN_PLAIN)
        return false;
    du_challenge_deinit(&fetch->challenge);
    for (size_t i = 0; (value = du_transfer_header(transfer, "WWW-Authenticate", i)) != NULL; i++)
        du_challenge_read(&fetch->challenge, du_slice_of(value));
    switch (fetch->challenge.scheme) {
    case DU_CHALLENGE_BEARER:
        return true;
    case DU_CHALLENGE_BASIC:
        return fetch->origin->basic_header != NULL;
    case DU_CHALLENGE_NONE:
        return false;
    }
    return false;
}

static enum step judge(struct du_fetch *fetch, struct du_transfer *transfer, int status) {
    const char *location = du_transfer_header(transfer, "Location", 0);
    bool usable = fetch->any_status || (status >= 200 && status < 300) || status == 304;
    if (du_outgoing_is_redirect(status) && location != NULL)
        return redirected(fetch, location, status);
    if (status == 401 && challenged(fetch, transfer))
        return STEP_SIGN_IN;
    if (usable)
        return STEP_DELIVER;
    du_upstream_error_of_status(fetch->origin, fetch->left ? DU_PARTY_ELSEWHERE : DU_PARTY_ORIGIN,
                                status, du_transfer_header(transfer, "Retry-After", 0),
                                &fetch->verdict);
    return STEP_REFUSE;
}

/* ---- the transfer's hooks ---- */

/* After a hook of the caller's: he may have cancelled, or have asked for it by his answer. */
static void after_hook(struct du_fetch *fetch, bool more) {
    fetch->busy = false;
    if (more && !fetch->dropped)
        return;
    detach(fetch);
    release(fetch);
}

static enum du_transfer_body on_head(void *user, struct du_transfer *transfer, int status) {
    struct du_fetch *fetch = user;
    fetch->status = status;
    fetch->step = judge(fetch, transfer, status);
    if (fetch->step != STEP_DELIVER)
        return DU_TRANSFER_DROP;
    fetch->framed = du_transfer_is_framed(transfer);
    struct du_fetch_head head = {.status = status,
                                 .length = du_transfer_length(transfer),
                                 .effective_url = fetch->request.url,
                                 .fetch = fetch};
    fetch->busy = true;
    after_hook(fetch, fetch->hooks.head(fetch->user, &head));
    return DU_TRANSFER_DELIVER;
}

static void on_data(void *user, const char *data, size_t size) {
    struct du_fetch *fetch = user;
    fetch->busy = true;
    after_hook(fetch, fetch->hooks.data(fetch->user, data, size));
}

static void follow(struct du_fetch *fetch);
static void sign_in(struct du_fetch *fetch);

static void on_done(void *user, const struct du_error *error) {
    struct du_fetch *fetch = user;
    fetch->transfer = NULL;
    switch (fetch->step) {
    case STEP_NONE:
    case STEP_DELIVER:
        finish(fetch, error, error->kind == DU_OK && fetch->framed);
        return;
    case STEP_FOLLOW:
        follow(fetch);
        return;
    case STEP_SIGN_IN:
        sign_in(fetch);
        return;
    case STEP_REFUSE:
        finish(fetch, &fetch->verdict, false);
    }
}

static const struct du_transfer_hooks transfer_hooks = {on_head, on_data, on_done};

/* ---- sending ---- */

/* Sets the Authorization line, and what went with it. False: no memory. */
static bool authorize(struct du_fetch *fetch, const char *path) {
    struct du_bytes line = {0};
    const char *unasked =
        fetch->basic ? fetch->origin->basic_header : du_origin_authorization(fetch->origin, path);
    fetch->sent = SENT_NOTHING;
    if (!fetch->left && fetch->token != NULL) {
        fetch->sent = fetch->token_is_new ? SENT_NEW_TOKEN : SENT_KEPT_TOKEN;
        du_bytes_format(&line, "Authorization: Bearer %s", fetch->token->text);
    } else if (!fetch->left && unasked != NULL) {
        fetch->sent = SENT_UNASKED;
        du_bytes_text(&line, unasked);
    }
    du_outgoing_authorize(&fetch->request, line.data);
    return !line.failed;
}

static enum du_error_kind send_request(struct du_fetch *fetch, struct du_error *error) {
    struct du_url url;
    enum du_error_kind kind = du_url_parse(fetch->request.url, &url, error);
    if (kind != DU_OK)
        return kind;
    fetch->request.own = du_origin_is_own(fetch->origin, &url);
    fetch->left = fetch->left || !fetch->request.own;
    fetch->step = STEP_NONE;
    kind = authorize(fetch, url.path)
               ? du_transfer_start(fetch->client, fetch->origin, &fetch->request, &transfer_hooks,
                                   fetch, &fetch->transfer, error)
               : du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    if (kind == DU_OK && fetch->paused)
        du_transfer_pause(fetch->transfer);
    du_url_deinit(&url);
    return kind;
}

static void send_or_finish(struct du_fetch *fetch) {
    struct du_error error;
    if (send_request(fetch, &error) != DU_OK)
        finish(fetch, &error, false);
}

static void follow(struct du_fetch *fetch) {
    struct du_error error;
    char *url = NULL;
    if (du_url_join(fetch->request.url, fetch->location, &url, &error) != DU_OK) {
        du_upstream_error_name(fetch->origin, "a redirect", &error);
        finish(fetch, &error, false);
        return;
    }
    du_free(fetch->request.url);
    du_free(fetch->location);
    fetch->request.url = url;
    fetch->location = NULL;
    du_outgoing_redirect(&fetch->request, fetch->status);
    send_or_finish(fetch);
}

static void on_token(void *user, const struct du_error *error, struct du_bearer *token) {
    struct du_fetch *fetch = user;
    fetch->sign_in = NULL;
    if (error->kind != DU_OK) {
        finish(fetch, error, false);
        return;
    }
    fetch->token = du_bearer_ref(token);
    fetch->token_is_new = true;
    send_or_finish(fetch);
}

static enum du_error_kind get_token(struct du_fetch *fetch, struct du_error *error) {
    struct du_origin *origin = fetch->origin;
    if (fetch->scope == NULL)
        fetch->scope =
            du_strdup(fetch->challenge.scope.size > 0 ? fetch->challenge.scope.data : "");
    if (fetch->scope == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a scope");
    if (fetch->token != NULL)
        du_bearers_forget(origin->tokens, fetch->scope, fetch->token);
    du_bearer_unref(&fetch->token);
    if (fetch->sent == SENT_NOTHING)
        fetch->token = du_bearers_find(origin->tokens, fetch->scope,
                                       du_clock_wall_ms(&fetch->client->base->clock));
    if (fetch->token != NULL)
        return send_request(fetch, error);
    return du_sign_in_start(fetch->client, origin, fetch->scope, &fetch->challenge, on_token, fetch,
                            &fetch->sign_in, error);
}

/* Answers the challenge: with the credentials themselves, or with a token they are good for. */
static void sign_in(struct du_fetch *fetch) {
    struct du_error error;
    if (fetch->challenge.scheme == DU_CHALLENGE_BASIC) {
        atomic_store_explicit(&fetch->origin->wants_basic, true, memory_order_relaxed);
        fetch->basic = true;
        du_bearer_unref(&fetch->token);
        send_or_finish(fetch);
    } else if (get_token(fetch, &error) != DU_OK) {
        finish(fetch, &error, false);
    }
}

/* ---- beginning ---- */

static void on_admitted(struct du_place *place) {
    send_or_finish(du_container_of(place, struct du_fetch, place));
}

static enum du_error_kind fill_in(struct du_fetch *fetch, const struct du_fetch_options *options,
                                  struct du_error *error) {
    struct du_origin *origin = fetch->origin;
    enum du_error_kind kind = du_outgoing_init(&fetch->request, options, error);
    if (kind == DU_OK)
        kind =
            du_origin_resolve(origin, options->url, options->foreign, &fetch->request.url, error);
    if (kind != DU_OK)
        return kind;
    if (options->scope != NULL && (fetch->scope = du_strdup(options->scope)) == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a scope");
    if (fetch->scope != NULL && origin->kind != DU_ORIGIN_PLAIN)
        fetch->token = du_bearers_find(origin->tokens, fetch->scope,
                                       du_clock_wall_ms(&fetch->client->base->clock));
    return DU_OK;
}

static enum du_error_kind set_off(struct du_fetch *fetch, struct du_error *error) {
    if (fetch->total_ms > 0 &&
        du_timers_start(fetch->client->timers, &fetch->total, fetch->total_ms) != DU_OK)
        return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    switch (du_client_take_place(fetch->client, fetch->origin, &fetch->place)) {
    case DU_STEP_DONE:
        return send_request(fetch, error);
    case DU_STEP_PENDING:
        return DU_OK;
    case DU_STEP_FAILED:
        break;
    }
    return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
}

enum du_error_kind du_fetch_start(struct du_client *client, const struct du_fetch_options *options,
                                  const struct du_fetch_hooks *hooks, void *user,
                                  struct du_fetch **started, struct du_error *error) {
    if (client->closing)
        return du_error_set(error, DU_CANCELLED, "the client is closing");
    struct du_fetch *fetch = du_calloc(1, sizeof *fetch);
    if (fetch == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    fetch->client = client;
    fetch->origin = du_origin_ref(options->origin);
    fetch->hooks = *hooks;
    fetch->user = user;
    fetch->any_status = options->any_status;
    fetch->total = (struct du_timer){.fire = on_total};
    fetch->total_ms = options->total_ms;
    fetch->place.admit = on_admitted;
    du_list_init(&fetch->node);
    du_list_append(&client->fetches, &fetch->node);
    enum du_error_kind kind = fill_in(fetch, options, error);
    if (kind == DU_OK)
        kind = set_off(fetch, error);
    if (kind == DU_OK) {
        *started = fetch;
        return DU_OK;
    }
    detach(fetch);
    release(fetch);
    return kind;
}

const char *du_fetch_header(struct du_fetch *fetch, const char *name) {
    return fetch->transfer != NULL ? du_transfer_header(fetch->transfer, name, 0) : NULL;
}

void du_fetch_pause(struct du_fetch *fetch) {
    fetch->paused = true;
    if (fetch->transfer != NULL)
        du_transfer_pause(fetch->transfer);
}

void du_fetch_resume(struct du_fetch *fetch) {
    fetch->paused = false;
    if (fetch->transfer != NULL)
        du_transfer_resume(fetch->transfer);
}
