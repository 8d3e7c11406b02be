/* Whatever bytes come, and in whatever portions: header and body are read the same way, and what
 * passes keeps the promises of http1.h. */

#include "framing.h"
#include "http1.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 2048 };

static void must(bool holds) {
    if (!holds)
        abort();
}

static void must_lie_within(struct du_http1_span span, size_t size) {
    must(span.at <= size && span.size <= size - span.at);
}

static void look(const struct du_http1 *request, const char *text, size_t size) {
    unsigned hosts = 0;
    must(request->size <= size && request->size <= MOST && request->count <= DU_HTTP1_HEADERS);
    must(memcmp(text + request->size - 4, "\r\n\r\n", 4) == 0);
    must_lie_within(request->method, request->size);
    must_lie_within(request->target, request->size);
    must_lie_within(request->path, request->size);
    must_lie_within(request->query, request->size);
    must(request->method.size > 0 && request->target.size > 0);
    must(!request->chunked || (request->length < 0 && request->is_1_1));
    for (unsigned i = 0; i < request->count; i++) {
        must_lie_within(request->header[i].name, request->size);
        must_lie_within(request->header[i].value, request->size);
        must(request->header[i].name.size > 0);
        struct du_slice value = du_http1_slice(text, request->header[i].value);
        for (size_t k = 0; k < value.size; k++)
            must(value.data[k] != '\0' && value.data[k] != '\r' && value.data[k] != '\n');
        hosts +=
            du_slice_equal_fold(du_http1_slice(text, request->header[i].name), DU_SLICE("Host"));
    }
    must(hosts == 1 || (hosts == 0 && !request->is_1_1));
}

/* Copies to blocks of their own size, so that reading past what has come is seen. */
static enum du_http1_result parse(struct du_http1 *request, const char *text, size_t size,
                                  size_t portion) {
    enum du_http1_result result = DU_HTTP1_MORE;
    du_http1_init(request);
    for (size_t come = 0; come < size && result == DU_HTTP1_MORE;) {
        come = size - come < portion ? size : come + portion;
        char *copy = malloc(come);
        memcpy(copy, text, come);
        result = du_http1_parse(request, copy, come, MOST);
        free(copy);
    }
    return result;
}

/* A sum over the body's bytes, and where it ended. */
static uint64_t unframe(struct du_framing *framing, const char *text, size_t size, size_t portion,
                        size_t *end) {
    uint64_t sum = 0;
    *end = 0;
    while (*end < size && framing->state != DU_FRAMING_DONE && framing->state != DU_FRAMING_BAD) {
        struct du_slice piece;
        size_t most = size - *end < portion ? size - *end : portion;
        size_t used = du_framing_take(framing, text + *end, most, &piece);
        must(used > 0 && used <= most);
        must(piece.size <= used);
        for (size_t i = 0; i < piece.size; i++)
            sum = sum * 31 + (unsigned char)piece.data[i] + 1;
        *end += used;
    }
    return sum;
}

static void try_body(const struct du_http1 *request, const char *text, size_t size,
                     size_t portion) {
    struct du_framing whole, parts;
    size_t whole_end, parts_end;
    du_framing_init(&whole, request->chunked, request->length);
    du_framing_init(&parts, request->chunked, request->length);
    uint64_t sum = unframe(&whole, text, size, size, &whole_end);
    must(sum == unframe(&parts, text, size, portion, &parts_end));
    must(whole.state == parts.state && whole_end == parts_end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t portion = 1 + data[0] % 16;
    const char *text = (const char *)data + 1;
    struct du_http1 whole, parts;
    size--;
    enum du_http1_result result = parse(&whole, text, size, size);
    enum du_http1_result again = parse(&parts, text, size, portion);
    must(result == again);
    if (result != DU_HTTP1_DONE)
        return 0;
    look(&whole, text, size);
    must(parts.size == whole.size && parts.count == whole.count && parts.length == whole.length);
    must(memcmp(parts.header, whole.header, whole.count * sizeof(whole.header[0])) == 0);
    try_body(&whole, text + whole.size, size - whole.size, portion);
    return 0;
}
