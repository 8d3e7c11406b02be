#include "http1.h"

#include <string.h>

/* Our own reader of a header that llhttp found complete. */
struct cut {
    struct du_http1 *request;
    const char *data;
    size_t at, end; /* end: behind the header's last byte, as llhttp sees it */
    bool has_encoding;
};

static int on_complete(llhttp_t *parser) {
    (void)parser;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {.on_headers_complete = on_complete};

void du_http1_init(struct du_http1 *request) {
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parsed = request->size = 0;
    request->status = 0;
    request->reason = NULL;
    request->count = 0;
    request->method = request->target = request->path = request->query = request->host =
        (struct du_http1_span){0, 0};
    request->query_given = request->keep_alive = request->chunked = false;
    request->expects_continue = request->is_1_1 = false;
    request->length = -1;
}

static enum du_http1_result answer(struct du_http1 *request, int status, const char *reason) {
    request->status = status;
    request->reason = reason;
    return DU_HTTP1_ANSWER;
}

/* False, so that a check may end in `return bad(…)`. */
static bool bad(struct cut *cut, int status, const char *reason) {
    answer(cut->request, status, reason);
    return false;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token(const char *text, size_t size) {
    static const bool other[128] = {
        ['!'] = 1, ['#'] = 1, ['$'] = 1, ['%'] = 1, ['&'] = 1, ['\''] = 1, ['*'] = 1, ['+'] = 1,
        ['-'] = 1, ['.'] = 1, ['^'] = 1, ['_'] = 1, ['`'] = 1, ['|'] = 1,  ['~'] = 1};
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool letter = (unsigned)((c | 32) - 'a') < 26 || (unsigned)(c - '0') < 10;
        if (!letter && (c > 127 || !other[c]))
            return false;
    }
    return size > 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static struct du_http1_span span_of(size_t from, size_t to) {
    return (struct du_http1_span){(uint32_t)from, (uint32_t)(to - from)};
}

/* The next line without its CRLF; false at a line that ends otherwise, or not at all. */
static bool next_line(struct cut *cut, size_t *from, size_t *to) {
    const char *start = cut->data + cut->at;
    const char *feed = memchr(start, '\n', cut->end - cut->at);
    if (feed == NULL || feed == start || feed[-1] != '\r')
        return bad(cut, 400, "a line does not end with CRLF");
    *from = cut->at;
    *to = (size_t)(feed - 1 - cut->data);
    cut->at = *to + 2;
    return true;
}

/* host [ ":" port ], by its characters (RFC 3986 section 3.2); nothing that could be a path or a
 * user. */
static bool is_authority(struct du_slice text) {
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] <= ' ' || strchr("/?#@\\\"<>,", text.data[i]) != NULL ||
            (unsigned char)text.data[i] >= 127)
            return false;
    return true;
}

static void cut_query(struct cut *cut, size_t from, size_t to) {
    struct du_http1 *request = cut->request;
    const char *mark = memchr(cut->data + from, '?', to - from);
    size_t at = mark != NULL ? (size_t)(mark - cut->data) : to;
    request->path = span_of(from, at);
    request->query_given = mark != NULL;
    request->query = mark != NULL ? span_of(at + 1, to) : (struct du_http1_span){0, 0};
}

/* "http://authority/path?query"; its path may be empty. */
static bool cut_absolute(struct cut *cut, struct du_slice target) {
    size_t scheme = target.size > 7 && du_slice_equal_fold((struct du_slice){target.data, 7},
                                                           DU_SLICE("http://"))
                        ? 7
                        : 0;
    if (target.size > 8 &&
        du_slice_equal_fold((struct du_slice){target.data, 8}, DU_SLICE("https://")))
        scheme = 8;
    if (scheme == 0)
        return bad(cut, 400, "the target has an unknown form");
    size_t size = scheme;
    while (size < target.size && target.data[size] != '/' && target.data[size] != '?')
        size++;
    size_t base = cut->request->target.at;
    cut->request->host = span_of(base + scheme, base + size);
    if (size == scheme || !is_authority(du_http1_slice(cut->data, cut->request->host)))
        return bad(cut, 400, "the target has a bad authority");
    cut_query(cut, base + size, base + target.size);
    return true;
}

static bool cut_target(struct cut *cut) {
    struct du_http1 *request = cut->request;
    struct du_slice method = du_http1_slice(cut->data, request->method);
    struct du_slice target = du_http1_slice(cut->data, request->target);
    if (du_slice_equal(method, DU_SLICE("CONNECT")))
        return bad(cut, 501, "CONNECT");
    if (memchr(target.data, '#', target.size) != NULL)
        return bad(cut, 400, "a fragment in the target");
    if (du_slice_equal(target, DU_SLICE("*"))) {
        if (!du_slice_equal(method, DU_SLICE("OPTIONS")))
            return bad(cut, 400, "the target '*' is for OPTIONS");
        request->path = request->target;
        return true;
    }
    if (target.data[0] != '/')
        return cut_absolute(cut, target);
    cut_query(cut, request->target.at, request->target.at + target.size);
    return true;
}

/* method SP target SP "HTTP/1." digit: one space each. */
static bool cut_request_line(struct cut *cut) {
    struct du_http1 *request = cut->request;
    size_t from, to;
    do
        if (!next_line(cut, &from, &to))
            return false;
    while (from == to && cut->at < cut->end);
    const char *data = cut->data;
    const char *space = memchr(data + from, ' ', to - from);
    if (space == NULL)
        return bad(cut, 400, "a malformed request line");
    request->method = span_of(from, (size_t)(space - data));
    size_t target = (size_t)(space + 1 - data);
    space = memchr(data + target, ' ', to - target);
    if (space == NULL)
        return bad(cut, 505, "HTTP/0.9");
    request->target = span_of(target, (size_t)(space - data));
    struct du_slice version = {space + 1, to - (size_t)(space + 1 - data)};
    request->is_1_1 = du_slice_equal(version, DU_SLICE("HTTP/1.1"));
    if (!request->is_1_1 && !du_slice_equal(version, DU_SLICE("HTTP/1.0")))
        return bad(cut, version.size == 8 && memcmp(version.data, "HTTP/", 5) == 0 ? 505 : 400,
                   "a version we do not speak");
    if (request->target.size == 0 || !is_token(data + from, request->method.size) ||
        !du_bytes_is_line(data + target, request->target.size))
        return bad(cut, 400, "a malformed request line");
    return cut_target(cut);
}

static bool note_length(struct cut *cut, struct du_slice value) {
    struct du_http1 *request = cut->request;
    if (request->length >= 0)
        return bad(cut, 400, "a second Content-Length");
    if (value.size == 0 || value.size > 18)
        return bad(cut, 400, "a bad Content-Length");
    int64_t length = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return bad(cut, 400, "a bad Content-Length");
        length = length * 10 + (value.data[i] - '0');
    }
    request->length = length;
    return true;
}

static bool note_encoding(struct cut *cut, struct du_slice value) {
    if (cut->has_encoding)
        return bad(cut, 400, "a second Transfer-Encoding");
    cut->has_encoding = true;
    if (!cut->request->is_1_1)
        return bad(cut, 400, "Transfer-Encoding in HTTP/1.0");
    cut->request->chunked = du_slice_equal_fold(value, DU_SLICE("chunked"));
    return cut->request->chunked || bad(cut, 501, "a Transfer-Encoding other than chunked");
}

/* In *has_host: whether one came already. */
static bool note_host(struct cut *cut, struct du_http1_span *value, bool *has_host) {
    if (*has_host)
        return bad(cut, 400, "a second Host");
    *has_host = true;
    if (!is_authority(du_http1_slice(cut->data, *value)))
        return bad(cut, 400, "a bad Host");
    if (cut->request->host.size > 0)
        *value = cut->request->host;
    else
        cut->request->host = *value;
    return true;
}

static bool note_expect(struct cut *cut, struct du_slice value) {
    if (!du_slice_equal_fold(value, DU_SLICE("100-continue")))
        return bad(cut, 417, "an unknown expectation");
    /* HTTP/1.0 has no 100: RFC 9110 section 10.1.1. */
    cut->request->expects_continue = cut->request->is_1_1;
    return true;
}

/* The headers that decide how the connection goes on. The size picks the only one it can be. */
static bool note(struct cut *cut, struct du_slice name, struct du_http1_span *value,
                 bool *has_host) {
    struct du_slice text = du_http1_slice(cut->data, *value);
    if (name.size == 4 && du_slice_equal_fold(name, DU_SLICE("Host")))
        return note_host(cut, value, has_host);
    if (name.size == 6 && du_slice_equal_fold(name, DU_SLICE("Expect")))
        return note_expect(cut, text);
    if (name.size == 14 && du_slice_equal_fold(name, DU_SLICE("Content-Length")))
        return note_length(cut, text);
    if (name.size == 17 && du_slice_equal_fold(name, DU_SLICE("Transfer-Encoding")))
        return note_encoding(cut, text);
    return true;
}

static bool cut_header(struct cut *cut, size_t from, size_t to, bool *has_host) {
    struct du_http1 *request = cut->request;
    const char *data = cut->data;
    if (is_blank(data[from]))
        return bad(cut, 400, "a folded header");
    const char *colon = memchr(data + from, ':', to - from);
    if (colon == NULL || !is_token(data + from, (size_t)(colon - data) - from))
        return bad(cut, 400, "a bad header name");
    if (request->count == DU_HTTP1_HEADERS)
        return bad(cut, 431, "too many headers");
    size_t middle = (size_t)(colon - data), first = middle + 1, last = to;
    while (first < last && is_blank(data[first]))
        first++;
    while (last > first && is_blank(data[last - 1]))
        last--;
    if (!du_bytes_is_line(data + first, last - first))
        return bad(cut, 400, "a control character in a header");
    struct du_http1_span name = span_of(from, middle), value = span_of(first, last);
    if (!note(cut, du_http1_slice(data, name), &value, has_host))
        return false;
    request->header[request->count].name = name;
    request->header[request->count++].value = value;
    return true;
}

static bool cut_headers(struct cut *cut) {
    bool has_host = false;
    size_t from, to;
    for (;;) {
        if (!next_line(cut, &from, &to))
            return false;
        if (from == to)
            break;
        if (!cut_header(cut, from, to, &has_host))
            return false;
    }
    if (cut->at != cut->end)
        return bad(cut, 400, "a header whose end is unclear");
    if (!has_host && cut->request->is_1_1)
        return bad(cut, 400, "no Host");
    if (cut->has_encoding && cut->request->length >= 0)
        return bad(cut, 400, "both Content-Length and Transfer-Encoding");
    return true;
}

static enum du_http1_result finish(struct du_http1 *request, const char *data) {
    struct cut cut = {request, data, 0, (size_t)(llhttp_get_error_pos(&request->parser) - data),
                      false};
    if (!cut_request_line(&cut) || !cut_headers(&cut))
        return DU_HTTP1_ANSWER;
    unsigned flags = request->parser.flags;
    if (((flags & F_CONTENT_LENGTH) != 0) != (request->length >= 0) ||
        ((flags & F_CHUNKED) != 0) != request->chunked ||
        (request->length >= 0 && request->parser.content_length != (uint64_t)request->length))
        return answer(request, 400, "a body whose length is unclear");
    if (request->path.size == 1 && data[request->path.at] == '*')
        return answer(request, 204, "OPTIONS *");
    request->keep_alive = (flags & F_CONNECTION_CLOSE) == 0 &&
                          (request->is_1_1 || (flags & F_CONNECTION_KEEP_ALIVE) != 0);
    request->size = cut.end;
    return DU_HTTP1_DONE;
}

/* A method we cannot know, if the first word is one at all. */
static enum du_http1_result refuse_method(struct du_http1 *request, const char *data, size_t size) {
    enum { TLS_HANDSHAKE = 0x16 }; /* RFC 8446 section 5.1 */
    if (data[0] == TLS_HANDSHAKE)
        return answer(request, 0, "a TLS hello on a plain port");
    const char *space = memchr(data, ' ', size);
    if (space != NULL && is_token(data, (size_t)(space - data)))
        return answer(request, 501, "an unknown method");
    return answer(request, 400, "a malformed request line");
}

enum du_http1_result du_http1_parse(struct du_http1 *request, const char *data, size_t size,
                                    size_t most) {
    size_t upto = size < most ? size : most;
    llhttp_errno_t result =
        llhttp_execute(&request->parser, data + request->parsed, upto - request->parsed);
    request->parsed = upto;
    /* llhttp counts 46 errors; only those that are not a plain 400 have a case. */
    if (result == HPE_PAUSED)
        return finish(request, data);
    if (result == HPE_INVALID_METHOD)
        return refuse_method(request, data, size);
    if (result == HPE_INVALID_VERSION || result == HPE_PAUSED_H2_UPGRADE)
        return answer(request, 505, "a version we do not speak");
    if (result != HPE_OK)
        return answer(request, 400, llhttp_get_error_reason(&request->parser));
    if (size < most)
        return DU_HTTP1_MORE;
    return memchr(data, '\n', most) == NULL ? answer(request, 414, "the target is too long")
                                            : answer(request, 431, "the header is too long");
}
