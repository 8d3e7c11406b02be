#include "sign_in.h"

#include "mem.h"
#include "single_flight.h"
#include "transfer.h"
#include "upstream_error.h"

#include <stdio.h>
#include <string.h>

enum { ANSWER_MOST = 64 * 1024 };

/* One who waits for a token. */
struct du_sign_in {
    struct du_waiter waiter;
    struct du_mail mail; /* brings the outcome home */
    struct du_client *client;
    struct du_origin *origin;
    char *scope;
    struct du_challenge challenge;
    void (*done)(void *user, const struct du_error *error, struct du_bearer *token);
    void *user;
    bool stopped; /* too late to leave: the mail is under way */
};

/* The request that all of them wait for. */
struct ask {
    struct du_client *client;
    struct du_origin *origin;
    struct du_flight *flight;
    struct du_transfer *transfer;
    char *scope;
    struct du_bytes answer;
    struct du_error verdict;
};

/* ---- asking the token server ---- */

static void free_ask(struct ask *ask) {
    if (ask->answer.data != NULL)
        explicit_bzero(ask->answer.data, ask->answer.size);
    du_bytes_deinit(&ask->answer);
    du_origin_unref(&ask->origin);
    du_free(ask->scope);
    du_free(ask);
}

/* The flight ends with the token (and takes the reference), or with the error. */
static void settle(struct du_flight *flight, const struct du_error *error,
                   struct du_bearer *token) {
    struct du_outcome outcome = {.error = *error, .value = token != NULL ? &token->value : NULL};
    du_flight_complete(&flight, outcome);
}

static enum du_transfer_body on_head(void *user, struct du_transfer *transfer, int status) {
    struct ask *ask = user;
    if (status == 200)
        return DU_TRANSFER_DELIVER;
    du_upstream_error_of_status(ask->origin, DU_PARTY_TOKEN_SERVER, status,
                                du_transfer_header(transfer, "Retry-After", 0), &ask->verdict);
    return DU_TRANSFER_DROP;
}

static void on_data(void *user, const char *data, size_t size) {
    struct ask *ask = user;
    if (ask->answer.size + size <= ANSWER_MOST)
        du_bytes_add(&ask->answer, data, size);
    else if (ask->verdict.kind == DU_OK)
        du_error_set(&ask->verdict, DU_UPSTREAM,
                     "the token server of upstream %.64s answered more than a token",
                     ask->origin->name);
}

static void on_done(void *user, const struct du_error *failed) {
    struct ask *ask = user;
    struct du_error error = failed->kind != DU_OK ? *failed : ask->verdict;
    struct du_bearer *token = NULL;
    int64_t now = du_clock_wall_ms(&ask->client->base->clock);
    struct du_slice answer = {ask->answer.data, ask->answer.size};
    if (error.kind == DU_OK && ask->answer.failed)
        du_error_set(&error, DU_MEMORY, "no memory for a token");
    if (error.kind == DU_OK && du_bearer_read(answer, now, &token, &error) == DU_OK)
        du_bearers_keep(ask->origin->tokens, ask->scope, token, now);
    settle(ask->flight, &error, token);
    free_ask(ask);
}

static const struct du_transfer_hooks ask_hooks = {on_head, on_data, on_done};

static void add_parameter(struct du_bytes *url, const char *name, const char *text, size_t size) {
    du_bytes_text(url, memchr(url->data, '?', url->size) != NULL ? "&" : "?");
    du_bytes_text(url, name);
    du_bytes_text(url, "=");
    du_url_encode(url, text, size);
}

/* The challenge's own scope is what it wants; ours where it names none. Several are asked for one
 * by one. */
static void write_url(struct du_bytes *url, const struct du_challenge *challenge,
                      const char *scope) {
    const char *at = challenge->scope.size > 0 ? challenge->scope.data : scope;
    du_bytes_add(url, challenge->realm.data, challenge->realm.size);
    if (url->failed)
        return;
    if (challenge->service.size > 0)
        add_parameter(url, "service", challenge->service.data, challenge->service.size);
    for (at += strspn(at, " "); *at != '\0' && !url->failed; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        add_parameter(url, "scope", at, size);
        at += size;
    }
}

/* The credentials, if that token server may see them. */
static char *credentials_for(const struct ask *ask, const struct du_url *realm) {
    char *line = ask->origin->basic_header;
    if (line == NULL || du_origin_trusts(ask->origin, realm))
        return line;
    du_log_format(ask->client->base->log, DU_LOG_WARN,
                  "upstream %.64s sends us for tokens to %.100s:%s, which does not get its "
                  "credentials; list it in credential_hosts if it is meant",
                  ask->origin->name, realm->host, realm->port);
    return NULL;
}

static enum du_error_kind send_ask(struct ask *ask, const struct du_challenge *challenge,
                                   struct du_error *error) {
    struct du_bytes text = {0};
    struct du_url realm;
    write_url(&text, challenge, ask->scope);
    enum du_error_kind kind = du_bytes_check(&text) == DU_OK
                                  ? du_url_parse(text.data, &realm, error)
                                  : du_error_set(error, DU_MEMORY, "no memory for a URL");
    if (kind != DU_OK) {
        du_upstream_error_name(ask->origin, "the realm of its challenge", error);
    } else {
        struct du_outgoing request = {.url = text.data,
                                      .own = du_origin_is_own(ask->origin, &realm),
                                      .authorization = credentials_for(ask, &realm)};
        kind = du_transfer_start(ask->client, ask->origin, &request, &ask_hooks, ask,
                                 &ask->transfer, error);
        du_url_deinit(&realm);
    }
    du_bytes_deinit(&text);
    return kind;
}

static enum du_error_kind begin_ask(struct du_sign_in *sign_in, struct du_flight *flight,
                                    struct du_error *error) {
    struct ask *ask = du_calloc(1, sizeof *ask);
    if (ask == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a token's request");
    ask->client = sign_in->client;
    ask->origin = du_origin_ref(sign_in->origin);
    ask->flight = flight;
    ask->verdict = du_error_of(DU_OK);
    ask->scope = du_strdup(sign_in->scope);
    enum du_error_kind kind = ask->scope == NULL
                                  ? du_error_set(error, DU_MEMORY, "no memory for a scope")
                                  : send_ask(ask, &sign_in->challenge, error);
    if (kind != DU_OK)
        free_ask(ask);
    return kind;
}

/* The request before may have ended between our look at the tokens and now: look again. */
static void lead(struct du_sign_in *sign_in, struct du_flight *flight) {
    struct du_error error = du_error_of(DU_OK);
    struct du_bearer *token = du_bearers_find(sign_in->origin->tokens, sign_in->scope,
                                              du_clock_wall_ms(&sign_in->client->base->clock));
    if (token != NULL || begin_ask(sign_in, flight, &error) != DU_OK)
        settle(flight, &error, token);
}

/* ---- waiting for the outcome ---- */

static void free_sign_in(struct du_sign_in *sign_in) {
    du_challenge_deinit(&sign_in->challenge);
    du_origin_unref(&sign_in->origin);
    du_free(sign_in->scope);
    du_free(sign_in);
}

/* On whatever thread the request ended. */
static void on_settled(struct du_waiter *waiter) {
    struct du_sign_in *sign_in = du_container_of(waiter, struct du_sign_in, waiter);
    du_mailbox_post(sign_in->client->mailbox, &sign_in->mail);
}

static enum du_error_kind join(struct du_sign_in *sign_in, struct du_error *error) {
    struct du_flight *flight = NULL;
    sign_in->waiter = (struct du_waiter){.deliver = on_settled};
    du_client_expect(sign_in->client, 1);
    switch (du_single_flight_join(sign_in->origin->sign_ins, sign_in->scope,
                                  strlen(sign_in->scope) + 1, &sign_in->waiter, NULL, &flight,
                                  error)) {
    case DU_JOIN_LEADER:
        lead(sign_in, flight);
        return DU_OK;
    case DU_JOIN_JOINED:
        return DU_OK;
    case DU_JOIN_SETTLED:
        on_settled(&sign_in->waiter);
        return DU_OK;
    case DU_JOIN_FAILED:
        break;
    }
    du_client_expect(sign_in->client, -1);
    return DU_MEMORY;
}

static void on_mail(struct du_mail *mail) {
    struct du_sign_in *sign_in = du_container_of(mail, struct du_sign_in, mail);
    struct du_client *client = sign_in->client;
    struct du_error error = sign_in->waiter.outcome.error;
    struct du_value *value = sign_in->waiter.outcome.value;
    struct du_bearer *token =
        value != NULL ? du_container_of(value, struct du_bearer, value) : NULL;
    bool again = !sign_in->stopped && error.kind == DU_CANCELLED;
    if (!again || join(sign_in, &error) != DU_OK) {
        if (!sign_in->stopped)
            sign_in->done(sign_in->user, &error, token);
        free_sign_in(sign_in);
    }
    du_bearer_unref(&token);
    du_client_expect(client, -1);
}

enum du_error_kind
du_sign_in_start(struct du_client *client, struct du_origin *origin, const char *scope,
                 struct du_challenge *challenge,
                 void (*done)(void *user, const struct du_error *error, struct du_bearer *token),
                 void *user, struct du_sign_in **started, struct du_error *error) {
    struct du_sign_in *sign_in = du_calloc(1, sizeof *sign_in);
    char *copy = du_strdup(scope);
    if (sign_in == NULL || copy == NULL) {
        du_free(sign_in);
        du_free(copy);
        return du_error_set(error, DU_MEMORY, "no memory to sign in upstream");
    }
    sign_in->mail.deliver = on_mail;
    sign_in->client = client;
    sign_in->origin = du_origin_ref(origin);
    sign_in->scope = copy;
    sign_in->challenge = *challenge;
    du_challenge_init(challenge);
    sign_in->done = done;
    sign_in->user = user;
    enum du_error_kind kind = join(sign_in, error);
    if (kind != DU_OK)
        free_sign_in(sign_in);
    else
        *started = sign_in;
    return kind;
}

void du_sign_in_stop(struct du_sign_in **stopped) {
    struct du_sign_in *sign_in = *stopped;
    *stopped = NULL;
    if (sign_in == NULL)
        return;
    if (du_flight_leave(&sign_in->waiter)) {
        du_client_expect(sign_in->client, -1);
        free_sign_in(sign_in);
    } else {
        sign_in->stopped = true;
    }
}
