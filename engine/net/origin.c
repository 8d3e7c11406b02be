#include "mem.h"
#include "single_flight.h"
#include "upstream_error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { CONNECT_MS = 10000, FIRST_BYTE_MS = 30000, STALL_MS = 30000, CONNECTIONS = 64 };

static char *copy_text(const char *text, bool *failed) {
    char *copy = text != NULL ? du_strdup(text) : NULL;
    *failed = *failed || (text != NULL && copy == NULL);
    return copy;
}

static void forget_secret(char *text) {
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    du_free(text);
}

/* RFC 4648 section 4; base/bytes has only the other alphabet. */
static void add_base64(struct du_bytes *bytes, const void *data, size_t size) {
    size_t from = bytes->size;
    du_bytes_base64url(bytes, data, size);
    while (!bytes->failed && (bytes->size - from) % 4 != 0)
        du_bytes_text(bytes, "=");
    for (size_t i = from; !bytes->failed && i < bytes->size; i++) {
        if (bytes->data[i] == '-')
            bytes->data[i] = '+';
        else if (bytes->data[i] == '_')
            bytes->data[i] = '/';
    }
}

static char *text_of(struct du_bytes *bytes, bool *failed) {
    *failed = *failed || du_bytes_check(bytes) != DU_OK;
    return bytes->data;
}

static char *basic_line(const char *username, const char *password, bool *failed) {
    struct du_bytes plain = {0}, line = {0};
    du_bytes_format(&plain, "%s:%s", username != NULL ? username : "",
                    password != NULL ? password : "");
    du_bytes_text(&line, "Authorization: Basic ");
    if (!plain.failed)
        add_base64(&line, plain.data, plain.size);
    *failed = *failed || plain.failed;
    if (plain.data != NULL)
        explicit_bzero(plain.data, plain.size);
    du_bytes_deinit(&plain);
    return text_of(&line, failed);
}

static char *token_line(const char *token, bool *failed) {
    struct du_bytes line = {0};
    du_bytes_format(&line, "Authorization: token %s", token);
    return text_of(&line, failed);
}

static void copy_credentials(struct du_origin *origin, const struct du_origin_options *options,
                             bool *failed) {
    const char *password = options->password != NULL ? options->password : options->token;
    if (options->username != NULL || password != NULL)
        origin->basic_header = basic_line(options->username, password, failed);
    if (options->kind == DU_ORIGIN_FORGEJO && options->token != NULL)
        origin->token_header = token_line(options->token, failed);
}

static void copy_lists(struct du_origin *origin, const struct du_origin_options *options,
                       bool *failed) {
    size_t size = options->allow_private_count * sizeof *options->allow_private;
    origin->allow_private = du_malloc(size);
    origin->credential_hosts =
        du_calloc(options->credential_host_count, sizeof *origin->credential_hosts);
    *failed = *failed || origin->allow_private == NULL || origin->credential_hosts == NULL;
    if (*failed)
        return;
    if (size > 0)
        memcpy(origin->allow_private, options->allow_private, size);
    origin->allow_private_count = options->allow_private_count;
    for (size_t i = 0; i < options->credential_host_count; i++)
        origin->credential_hosts[i] = copy_text(options->credential_hosts[i], failed);
    origin->credential_host_count = options->credential_host_count;
}

static bool has_control(const char *text) {
    for (; text != NULL && *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static enum du_error_kind check(const struct du_origin *origin,
                                const struct du_origin_options *options, struct du_error *error) {
    if (has_control(options->token) || has_control(options->username) ||
        has_control(options->password))
        return du_error_set(error, DU_SCRIPT,
                            "upstream %.64s: a credential holds a line break or another control "
                            "character; look at the file it is read from",
                            options->name);
    if (origin->base.query != NULL)
        return du_error_set(error, DU_INVALID_URL, "upstream %.64s: its url may have no query",
                            options->name);
    return DU_OK;
}

/* "https://host", or "https://host:port" when the port is not the scheme's own. */
static char *root_of(const struct du_url *url, bool *failed) {
    struct du_bytes root = {0};
    bool usual = strcmp(url->port, strcmp(url->scheme, "https") == 0 ? "443" : "80") == 0;
    du_bytes_format(&root, "%s://%s%s%s", url->scheme, url->host, usual ? "" : ":",
                    usual ? "" : url->port);
    return text_of(&root, failed);
}

/* The path that others are put behind: without its last slash. */
static void trim_path(struct du_origin *origin) {
    size_t size = strlen(origin->base.path);
    while (size > 0 && origin->base.path[size - 1] == '/')
        origin->base.path[--size] = '\0';
}

static void free_origin(struct du_origin *origin) {
    for (size_t i = 0; i < origin->credential_host_count; i++)
        du_free(origin->credential_hosts[i]);
    du_free(origin->credential_hosts);
    du_free(origin->allow_private);
    forget_secret(origin->token_header);
    forget_secret(origin->basic_header);
    du_free(origin->name);
    du_free(origin->url);
    du_free(origin->root);
    du_free(origin->ca_file);
    du_url_deinit(&origin->base);
    du_bearers_free(&origin->tokens);
    du_single_flight_free(&origin->sign_ins);
    du_free(origin);
}

static enum du_error_kind fill_in(struct du_origin *origin, struct du_flight_domain *domain,
                                  const struct du_origin_options *options, struct du_error *error) {
    bool failed = false;
    struct du_error reason;
    enum du_error_kind kind = du_url_parse(options->url, &origin->base, &reason);
    if (kind != DU_OK)
        return du_error_set(error, kind, "upstream %.64s: its url: %.120s", options->name,
                            reason.message);
    trim_path(origin);
    origin->name = copy_text(options->name, &failed);
    origin->url = copy_text(options->url, &failed);
    origin->root = root_of(&origin->base, &failed);
    origin->ca_file = copy_text(options->ca_file, &failed);
    copy_credentials(origin, options, &failed);
    copy_lists(origin, options, &failed);
    if (failed || du_bearers_new(&origin->tokens) != DU_OK ||
        du_single_flight_new(&origin->sign_ins, domain) != DU_OK)
        return du_error_set(error, DU_MEMORY, "no memory for upstream %.64s", options->name);
    return check(origin, options, error);
}

enum du_error_kind du_origin_new(struct du_origin **made, struct du_flight_domain *domain,
                                 struct du_base *base, const struct du_origin_options *options,
                                 struct du_error *error) {
    struct du_origin *origin = du_calloc(1, sizeof *origin);
    if (origin == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for upstream %.64s", options->name);
    atomic_init(&origin->references, 1);
    atomic_init(&origin->wants_basic, false);
    atomic_init(&origin->requests, 0);
    origin->kind = options->kind;
    origin->engine = base;
    origin->connect_ms = options->connect_ms > 0 ? options->connect_ms : CONNECT_MS;
    origin->first_byte_ms = options->first_byte_ms > 0 ? options->first_byte_ms : FIRST_BYTE_MS;
    origin->stall_ms = options->stall_ms > 0 ? options->stall_ms : STALL_MS;
    origin->connections = options->connections > 0 ? options->connections : CONNECTIONS;
    enum du_error_kind kind = fill_in(origin, domain, options, error);
    if (kind != DU_OK)
        free_origin(origin);
    else
        *made = origin;
    return kind;
}

struct du_origin *du_origin_ref(struct du_origin *origin) {
    atomic_fetch_add_explicit(&origin->references, 1, memory_order_relaxed);
    return origin;
}

void du_origin_unref(struct du_origin **dropped) {
    struct du_origin *origin = *dropped;
    *dropped = NULL;
    if (origin != NULL &&
        atomic_fetch_sub_explicit(&origin->references, 1, memory_order_acq_rel) == 1)
        free_origin(origin);
}

const char *du_origin_name(const struct du_origin *origin) {
    return origin->name;
}

const char *du_origin_url(const struct du_origin *origin) {
    return origin->url;
}

enum du_origin_kind du_origin_kind(const struct du_origin *origin) {
    return origin->kind;
}

uint64_t du_origin_requests(const struct du_origin *origin) {
    return atomic_load_explicit(&origin->requests, memory_order_relaxed);
}

/* Forgejo serves its registry at the root's /v2 and takes the token there as a password only. */
static bool is_registry_path(const struct du_origin *origin, const char *path) {
    size_t prefix = strlen(origin->base.path);
    if (strncmp(path, origin->base.path, prefix) == 0 && path[prefix] == '/')
        path += prefix;
    return strncmp(path, "/v2", 3) == 0 && (path[3] == '/' || path[3] == '\0' || path[3] == '?');
}

const char *du_origin_authorization(const struct du_origin *origin, const char *path) {
    switch (origin->kind) {
    case DU_ORIGIN_FORGEJO:
        return origin->token_header != NULL && !is_registry_path(origin, path)
                   ? origin->token_header
                   : origin->basic_header;
    case DU_ORIGIN_OCI:
        return atomic_load_explicit(&origin->wants_basic, memory_order_relaxed)
                   ? origin->basic_header
                   : NULL;
    case DU_ORIGIN_PLAIN:
        return origin->basic_header;
    }
    return NULL;
}

bool du_origin_is_own(const struct du_origin *origin, const struct du_url *url) {
    return du_url_same_origin(&origin->base, url);
}

/* A segment "." or "..", however it is written: upstream would walk out of the path's prefix. */
static bool has_dot_segment(const char *path) {
    size_t dots = 0, others = 0;
    for (;; path++) {
        if (*path == '/' || *path == '\0' || *path == '?' || *path == '#') {
            if (others == 0 && (dots == 1 || dots == 2))
                return true;
            if (*path != '/')
                return false;
            dots = others = 0;
        } else if (*path == '.') {
            dots++;
        } else if (strncasecmp(path, "%2e", 3) == 0) {
            dots++;
            path += 2;
        } else {
            others++;
        }
    }
}

static enum du_error_kind resolve_below(const struct du_origin *origin, const char *path,
                                        char **url, struct du_error *error) {
    struct du_bytes text = {0};
    if (has_dot_segment(path))
        return du_error_set(error, DU_INVALID_URL, "a path with \"..\" in it is refused");
    du_bytes_format(&text, "%s%s%s", origin->root, origin->base.path, path);
    *url = text.data;
    if (!text.failed)
        return DU_OK;
    du_bytes_deinit(&text);
    return du_error_set(error, DU_MEMORY, "no memory for a URL");
}

enum du_error_kind du_origin_resolve(const struct du_origin *origin, const char *text, bool foreign,
                                     char **url, struct du_error *error) {
    struct du_url parts = {0};
    *url = NULL;
    enum du_error_kind kind = text[0] == '/' ? resolve_below(origin, text, url, error)
                                             : du_url_join(origin->root, text, url, error);
    if (kind == DU_OK)
        kind = du_url_parse(*url, &parts, error);
    if (kind != DU_OK)
        du_upstream_error_name(origin, "what was asked of it", error);
    if (kind == DU_OK && !foreign && !du_origin_is_own(origin, &parts))
        kind = du_error_set(error, DU_INVALID_URL, "upstream %.64s: the URL points to %.100s",
                            origin->name, parts.host);
    du_url_deinit(&parts);
    if (kind != DU_OK) {
        du_free(*url);
        *url = NULL;
    }
    return kind;
}

bool du_origin_trusts(const struct du_origin *origin, const struct du_url *realm) {
    struct du_bytes authority = {0};
    bool trusted = du_origin_is_own(origin, realm);
    du_bytes_format(&authority, "%s:%s", realm->host, realm->port);
    for (size_t i = 0; !authority.failed && i < origin->credential_host_count; i++)
        trusted = trusted || du_slice_equal_fold(du_slice_of(authority.data),
                                                 du_slice_of(origin->credential_hosts[i]));
    du_bytes_deinit(&authority);
    return trusted;
}

bool du_origin_allows(const struct du_origin *origin, const struct du_address *address) {
    bool allowed = !du_address_is_private(address);
    for (size_t i = 0; !allowed && i < origin->allow_private_count; i++)
        allowed = du_cidr_has(&origin->allow_private[i], address);
    return allowed;
}
