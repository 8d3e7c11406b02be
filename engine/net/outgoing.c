#include "outgoing.h"

#include "bytes.h"
#include "mem.h"
#include "upstream.h"

#include <string.h>

static const char *const not_the_callers[] = {
    "Authorization",     "Connection", "Content-Length",     "Host", "Cookie", "Expect",
    "Transfer-Encoding", "Upgrade",    "Proxy-Authorization"};

static bool is_token(struct du_slice text) {
    static const char more[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alphanumeric && (c == '\0' || strchr(more, c) == NULL))
            return false;
    }
    return text.size > 0;
}

static bool may_send(const char *line) {
    const char *colon = strchr(line, ':');
    if (colon == NULL)
        return false;
    struct du_slice name = {line, (size_t)(colon - line)};
    for (size_t i = 0; i < sizeof not_the_callers / sizeof *not_the_callers; i++) {
        if (du_slice_equal_fold(name, du_slice_of(not_the_callers[i])))
            return false;
    }
    for (const char *c = colon; *c != '\0'; c++) {
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return false;
    }
    return is_token(name);
}

static enum du_error_kind check(const struct du_fetch_options *options, struct du_error *error) {
    if (options->method != NULL && !is_token(du_slice_of(options->method)))
        return du_error_set(error, DU_SCRIPT, "\"%.32s\" is no HTTP method", options->method);
    for (const char *const *line = options->headers; line != NULL && *line != NULL; line++) {
        if (!may_send(*line))
            return du_error_set(error, DU_SCRIPT,
                                "the header \"%.*s\" may not be sent upstream by a script",
                                (int)(strcspn(*line, ":") < 64 ? strcspn(*line, ":") : 64), *line);
    }
    return DU_OK;
}

static bool copy_headers(struct du_outgoing *request, const char *const *headers) {
    size_t count = 0;
    while (headers != NULL && headers[count] != NULL)
        count++;
    request->headers = du_calloc(count + 1, sizeof *request->headers);
    for (size_t i = 0; request->headers != NULL && i < count; i++) {
        request->headers[i] = du_strdup(headers[i]);
        if (request->headers[i] == NULL)
            return false;
    }
    return request->headers != NULL;
}

enum du_error_kind du_outgoing_init(struct du_outgoing *request,
                                    const struct du_fetch_options *options,
                                    struct du_error *error) {
    *request = (struct du_outgoing){0};
    enum du_error_kind kind = check(options, error);
    if (kind != DU_OK)
        return kind;
    bool good = copy_headers(request, options->headers);
    if (good && options->method != NULL)
        good = (request->method = du_strdup(options->method)) != NULL;
    if (good && options->body != NULL) {
        good = (request->body = du_memdup(options->body, options->body_size)) != NULL;
        request->body_size = options->body_size;
    }
    if (good)
        return DU_OK;
    du_outgoing_deinit(request);
    return du_error_set(error, DU_MEMORY, "no memory for a request to upstream");
}

void du_outgoing_authorize(struct du_outgoing *request, char *line) {
    if (request->authorization != NULL)
        explicit_bzero(request->authorization, strlen(request->authorization));
    du_free(request->authorization);
    request->authorization = line;
}

void du_outgoing_deinit(struct du_outgoing *request) {
    for (char **line = request->headers; line != NULL && *line != NULL; line++)
        du_free(*line);
    du_free(request->headers);
    du_free(request->method);
    du_free(request->url);
    du_free(request->body);
    du_outgoing_authorize(request, NULL);
    *request = (struct du_outgoing){0};
}

static bool method_is(const struct du_outgoing *request, const char *method) {
    return strcmp(request->method != NULL ? request->method : "GET", method) == 0;
}

bool du_outgoing_is_redirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

void du_outgoing_redirect(struct du_outgoing *request, int status) {
    bool to_get = (status == 303 && !method_is(request, "HEAD")) ||
                  ((status == 301 || status == 302) && method_is(request, "POST"));
    if (!to_get)
        return;
    du_free(request->method);
    du_free(request->body);
    request->method = request->body = NULL;
    request->body_size = 0;
}
