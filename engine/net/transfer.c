#include "transfer.h"

#include "curl_handle.h"
#include "mem.h"
#include "upstream_error.h"

#include <assert.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_MOST = 256 * 1024, /* of one answer, 1xx and trailers included */
    DROP_MOST = 16 * 1024,    /* a body worth reading to keep the connection */
    DROP_MS = 2000
};

enum phase { CONNECT, HEADER, BODY, DROP };

struct du_transfer {
    struct du_client *client;
    struct du_origin *origin;
    const struct du_transfer_hooks *hooks; /* NULL: stopped, or done */
    void *user;
    CURL *easy;
    struct curl_slist *lines;
    struct du_list node, later;
    struct du_timer deadline; /* runs from the start to the end, so setting it anew cannot fail */
    enum phase phase;
    bool own, is_head;
    bool added;  /* to the multi */
    bool paused; /* by the owner */
    bool held;   /* by curl: a chunk waits in it */
    bool framed;
    CURLcode broken; /* without curl's telling */
    size_t header_bytes, dropped;
    int64_t length;
    char where[128];  /* host and port, for messages */
    char refused[64]; /* the private address that was asked for; empty: none */
};

/* The transfer goes, then its owner is told how it ended. Not from within curl. */
static void finish(struct du_transfer *transfer, const struct du_error *error);

struct du_transfer *du_transfer_of_node(struct du_list *node) {
    return du_container_of(node, struct du_transfer, node);
}

struct du_transfer *du_transfer_of_later(struct du_list *node) {
    return du_container_of(node, struct du_transfer, later);
}

static void explain(const struct du_transfer *transfer, CURLcode code, struct du_error *error) {
    if (transfer->refused[0] != '\0')
        du_error_set(
            error, DU_INVALID_URL,
            "upstream %.40s: %.60s is at the private address %s, which is refused; list it "
            "in allow_private if it is meant",
            transfer->origin->name, transfer->where, transfer->refused);
    else
        du_upstream_error_of_curl(transfer->origin, transfer->where, transfer->easy, code, error);
}

/* ---- the deadline ---- */

static int64_t allowed_ms(const struct du_transfer *transfer) {
    switch (transfer->phase) {
    case CONNECT:
        return transfer->origin->connect_ms;
    case HEADER:
        return transfer->origin->first_byte_ms;
    case BODY:
        return transfer->origin->stall_ms;
    case DROP:
        return DROP_MS;
    }
    return 0;
}

static enum du_error_kind set_deadline(struct du_transfer *transfer) {
    return du_timers_start(transfer->client->timers, &transfer->deadline, allowed_ms(transfer));
}

static void enter(struct du_transfer *transfer, enum phase phase) {
    transfer->phase = phase;
    set_deadline(transfer);
}

static void on_deadline(struct du_timer *timer) {
    static const char *const waited_for[] = {
        [CONNECT] = "connection", [HEADER] = "answer", [BODY] = "byte of the body", [DROP] = ""};
    struct du_transfer *transfer = du_container_of(timer, struct du_transfer, deadline);
    struct du_error error = du_error_of(DU_OK);
    if (transfer->client->inside) {
        du_timers_start(transfer->client->timers, timer, 0);
        return;
    }
    if (transfer->phase == BODY && transfer->paused) {
        set_deadline(transfer);
        return;
    }
    if (transfer->phase != DROP)
        du_error_set(&error, DU_TIMEOUT,
                     "upstream %.40s (%.60s): no %s within %lld ms; check its load",
                     transfer->origin->name, transfer->where, waited_for[transfer->phase],
                     (long long)allowed_ms(transfer));
    finish(transfer, &error);
}

/* ---- what curl calls ---- */

static bool may_reach(struct du_transfer *transfer, const struct du_address *address) {
    return transfer->own || du_origin_allows(transfer->origin, address);
}

static void note_refused(struct du_transfer *transfer, const struct sockaddr *address,
                         socklen_t size) {
    if (getnameinfo(address, size, transfer->refused, sizeof transfer->refused, NULL, 0,
                    NI_NUMERICHOST) != 0)
        strcpy(transfer->refused, "(unknown)");
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *to) {
    struct du_transfer *transfer = user;
    struct du_address address;
    (void)purpose;
    if (!du_address_of(&to->addr, &address) || !may_reach(transfer, &address)) {
        note_refused(transfer, &to->addr, to->addrlen);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int on_request(void *user, char *remote_ip, char *local_ip, int remote_port,
                      int local_port) {
    struct du_transfer *transfer = user;
    struct du_address address;
    (void)local_ip, (void)remote_port, (void)local_port;
    if (transfer->hooks == NULL)
        return CURL_PREREQFUNC_ABORT;
    if (!transfer->own && (!du_address_parse(remote_ip, strlen(remote_ip), &address) ||
                           !may_reach(transfer, &address))) {
        snprintf(transfer->refused, sizeof transfer->refused, "%s", remote_ip);
        return CURL_PREREQFUNC_ABORT;
    }
    transfer->refused[0] = '\0'; /* another of the host's addresses was good */
    atomic_fetch_add_explicit(&transfer->origin->requests, 1, memory_order_relaxed);
    enter(transfer, HEADER);
    return CURL_PREREQFUNC_OK;
}

/* The length and framing that the header announces (RFC 9112 section 6.3). */
static void read_framing(struct du_transfer *transfer, long status) {
    const char *length = du_transfer_header(transfer, "Content-Length", 0);
    bool chunked = du_transfer_header(transfer, "Transfer-Encoding", 0) != NULL;
    bool bodiless = transfer->is_head || status == 204 || status == 304;
    if (length != NULL && !chunked)
        transfer->length = strtoll(length, NULL, 10);
    transfer->framed = bodiless || chunked || length != NULL;
}

/* The final header is complete. */
static bool got_head(struct du_transfer *transfer, long status) {
    read_framing(transfer, status);
    enter(transfer, BODY);
    enum du_transfer_body body = transfer->hooks->head(transfer->user, transfer, (int)status);
    if (transfer->hooks == NULL)
        return false;
    if (body == DU_TRANSFER_DROP)
        enter(transfer, DROP);
    return body == DU_TRANSFER_DELIVER || transfer->length <= DROP_MOST;
}

static size_t on_header(char *line, size_t one, size_t size, void *user) {
    struct du_transfer *transfer = user;
    long status = 0;
    (void)one;
    transfer->header_bytes += size;
    if (transfer->hooks == NULL || transfer->header_bytes > HEADER_MOST)
        return 0;
    if (transfer->phase != HEADER || (line[0] != '\r' && line[0] != '\n'))
        return size;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 || got_head(transfer, status) ? size : 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *user) {
    struct du_transfer *transfer = user;
    (void)one;
    if (transfer->hooks == NULL)
        return 0;
    if (transfer->phase == DROP) {
        transfer->dropped += size;
        return transfer->dropped <= DROP_MOST ? size : 0;
    }
    if (transfer->paused) {
        transfer->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    set_deadline(transfer);
    transfer->hooks->data(transfer->user, data, size);
    return transfer->hooks != NULL ? size : 0;
}

/* ---- beginning ---- */

static bool set_callbacks(struct du_transfer *transfer) {
    CURL *easy = transfer->easy;
    int bad = 0;
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    return bad == 0;
}

static void do_later(struct du_transfer *transfer) {
    du_list_remove(&transfer->later);
    du_list_append(&transfer->client->later, &transfer->later);
}

static void release(struct du_transfer *transfer) {
    du_timers_stop(transfer->client->timers, &transfer->deadline);
    if (transfer->added)
        curl_multi_remove_handle(transfer->client->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->lines);
    du_list_remove(&transfer->node);
    du_list_remove(&transfer->later);
    du_origin_unref(&transfer->origin);
    du_free(transfer);
}

static enum du_error_kind prepare(struct du_transfer *transfer, const struct du_outgoing *request,
                                  struct du_error *error) {
    struct du_url url;
    enum du_error_kind kind = du_url_parse(request->url, &url, error);
    if (kind != DU_OK)
        return kind;
    snprintf(transfer->where, sizeof transfer->where, "%s:%s", url.host, url.port);
    du_url_deinit(&url);
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL ||
        !du_curl_handle_set_rules(transfer->easy, transfer->origin->ca_file) ||
        !du_curl_handle_set_request(transfer->easy, request, &transfer->lines) ||
        !set_callbacks(transfer) || set_deadline(transfer) != DU_OK)
        return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    return DU_OK;
}

static bool add(struct du_transfer *transfer) {
    transfer->added = curl_multi_add_handle(transfer->client->multi, transfer->easy) == CURLM_OK;
    return transfer->added;
}

enum du_error_kind du_transfer_start(struct du_client *client, struct du_origin *origin,
                                     const struct du_outgoing *request,
                                     const struct du_transfer_hooks *hooks, void *user,
                                     struct du_transfer **started, struct du_error *error) {
    struct du_transfer *transfer = du_calloc(1, sizeof *transfer);
    if (transfer == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    *transfer = (struct du_transfer){.client = client,
                                     .origin = du_origin_ref(origin),
                                     .hooks = hooks,
                                     .user = user,
                                     .deadline = {.fire = on_deadline},
                                     .own = request->own,
                                     .is_head = du_curl_handle_is_head(request),
                                     .length = -1};
    du_list_init(&transfer->later);
    du_list_init(&transfer->node);
    du_list_append(&client->transfers, &transfer->node);
    enum du_error_kind kind = prepare(transfer, request, error);
    if (kind == DU_OK && client->inside)
        do_later(transfer);
    else if (kind == DU_OK && !add(transfer))
        kind = du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
    if (kind != DU_OK)
        release(transfer);
    else
        *started = transfer;
    return kind;
}

/* ---- under way ---- */

void du_transfer_pause(struct du_transfer *transfer) {
    transfer->paused = true;
}

/* Hands out what curl holds back, from within this very call. */
static void resume(struct du_transfer *transfer) {
    struct du_client *client = transfer->client;
    transfer->held = false;
    du_client_enter(client);
    CURLcode code = curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK)
        du_transfer_break(transfer, code);
    du_client_leave(client);
}

void du_transfer_resume(struct du_transfer *transfer) {
    if (!transfer->paused)
        return;
    transfer->paused = false;
    set_deadline(transfer);
    if (transfer->held && transfer->client->inside)
        do_later(transfer);
    else if (transfer->held)
        resume(transfer);
}

const char *du_transfer_header(struct du_transfer *transfer, const char *name, size_t at) {
    struct curl_header *header;
    return curl_easy_header(transfer->easy, name, at, CURLH_HEADER, -1, &header) == CURLHE_OK
               ? header->value
               : NULL;
}

int64_t du_transfer_length(const struct du_transfer *transfer) {
    return transfer->length;
}

bool du_transfer_is_framed(const struct du_transfer *transfer) {
    return transfer->framed;
}

/* ---- the end ---- */

void du_transfer_stop(struct du_transfer **stopped) {
    struct du_transfer *transfer = *stopped;
    *stopped = NULL;
    if (transfer == NULL)
        return;
    transfer->hooks = NULL;
    if (transfer->client->inside)
        do_later(transfer);
    else
        release(transfer);
}

static void finish(struct du_transfer *transfer, const struct du_error *error) {
    const struct du_transfer_hooks *hooks = transfer->hooks;
    void *user = transfer->user;
    assert(hooks != NULL && !transfer->client->inside);
    release(transfer);
    hooks->done(user, error);
}

void du_transfer_break(struct du_transfer *transfer, CURLcode code) {
    transfer->broken = code;
    do_later(transfer);
}

void du_transfer_ended(struct du_transfer *transfer, CURLcode code) {
    struct du_error error = du_error_of(DU_OK);
    if (code != CURLE_OK && transfer->phase != DROP)
        explain(transfer, code, &error);
    if (transfer->hooks != NULL)
        finish(transfer, &error);
    else
        release(transfer);
}

void du_transfer_abandon(struct du_transfer *transfer) {
    struct du_error error = du_error_of(DU_CANCELLED);
    if (transfer->hooks != NULL)
        finish(transfer, &error);
    else
        release(transfer);
}

void du_transfer_settle(struct du_transfer *transfer) {
    struct du_error error;
    if (transfer->hooks == NULL) {
        release(transfer);
    } else if (transfer->broken != CURLE_OK) {
        du_transfer_ended(transfer, transfer->broken);
    } else if (!transfer->added && !add(transfer)) {
        du_error_set(&error, DU_MEMORY, "no memory for a request to upstream");
        finish(transfer, &error);
    } else if (transfer->held && !transfer->paused) {
        resume(transfer);
    }
}
