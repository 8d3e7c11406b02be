#include "curl_handle.h"

#include <string.h>
#include <strings.h>

enum { READ_BUFFER = 64 * 1024 };

bool du_curl_handle_set_rules(CURL *easy, const char *ca_file) {
    int bad = 0;
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_BUFFER);
    bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "dunite");
    /* Removing a handle would else wait for getaddrinfo, and the loop with it. */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    /* Extra authorities: the system's are found by their folder, which this leaves alone. */
    if (ca_file != NULL)
        bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    return bad == 0;
}

static bool method_is(const struct du_outgoing *request, const char *method) {
    return strcmp(request->method != NULL ? request->method : "GET", method) == 0;
}

bool du_curl_handle_is_head(const struct du_outgoing *request) {
    return method_is(request, "HEAD");
}

static bool set_method(CURL *easy, const struct du_outgoing *request) {
    if (method_is(request, "GET"))
        return true;
    if (du_curl_handle_is_head(request))
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    const char *body = request->body != NULL ? request->body : "";
    curl_off_t size = request->body != NULL ? (curl_off_t)request->body_size : 0;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, size) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

static bool add_line(struct curl_slist **lines, const char *line) {
    struct curl_slist *longer = curl_slist_append(*lines, line);
    if (longer != NULL)
        *lines = longer;
    return longer != NULL;
}

static bool add_lines(const struct du_outgoing *request, struct curl_slist **lines) {
    bool typed = false;
    bool good = request->authorization == NULL || add_line(lines, request->authorization);
    for (char *const *line = request->headers; good && line != NULL && *line != NULL; line++) {
        typed = typed || strncasecmp(*line, "Content-Type:", 13) == 0;
        good = add_line(lines, *line);
    }
    /* A name without a value: curl leaves out what it would send of its own. */
    return good && add_line(lines, "Expect:") && (typed || add_line(lines, "Content-Type:"));
}

bool du_curl_handle_set_request(CURL *easy, const struct du_outgoing *request,
                                struct curl_slist **lines) {
    return add_lines(request, lines) && set_method(easy, request) &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *lines) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK;
}
