#ifndef DU_HTTP1_H
#define DU_HTTP1_H

/* The header of an HTTP/1 request, from bytes to slices (RFC 9112). Pure: no socket, no allocation.
 *
 * Two readers must agree. llhttp judges the grammar as bytes arrive; when it finds the end, our own
 * reader cuts the same bytes into lines. What either of them refuses is refused, and so is a header
 * whose end they see at different places. So nothing passes that another server might read in
 * another way.
 *
 * Invariants
 *  1. Every byte of a header that is DONE belongs to exactly one of: an empty line before the
 * request, the request line, a header line, the empty line at the end; each ends with CRLF.
 *  2. Names are tokens, at least one byte; values have no CTL but HTAB, and no white space around
 * them.
 *  3. One Host at least and at most (HTTP/1.0: at most); of Content-Length and Transfer-Encoding at
 * most one, once; Transfer-Encoding is "chunked", and never in HTTP/1.0.
 *  4. In absolute-form the target's authority takes the place of Host's value (RFC 9112
 * section 3.2.2).
 *
 * Thread: any, one at a time.
 */

#include "bytes.h"

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DU_HTTP1_HEADERS = 100 }; /* header lines of a request; more are 431 */

enum du_http1_result {
    DU_HTTP1_MORE,  /* the header is not complete */
    DU_HTTP1_DONE,  /* it is, and `size` says how long it was */
    DU_HTTP1_ANSWER /* `status` and `reason` say how it is answered without asking anybody */
};

/* A part of the header, by its offset from the header's first byte: the buffer may still move. */
struct du_http1_span {
    uint32_t at, size;
};

struct du_http1 {
    llhttp_t parser;
    size_t parsed; /* bytes llhttp has seen */

    int status;         /* ANSWER: 0 drops the connection without a word (a TLS hello) */
    const char *reason; /* for logs; static */

    size_t size; /* DONE: of the whole header */
    struct du_http1_span method, target, path, query;
    struct du_http1_span host; /* the authority; its size is 0 when there is none */
    bool query_given, keep_alive, chunked, expects_continue, is_1_1;
    int64_t length; /* Content-Length, -1 when there is none */
    unsigned count;
    struct {
        struct du_http1_span name, value;
    } header[DU_HTTP1_HEADERS];
};

void du_http1_init(struct du_http1 *request);
/* data begins at the request's first byte and holds all of it that has arrived: each call gives the
 * same bytes and more. At most `most` bytes may be header: over it 431, or 414 when not even the
 * request line has ended. Call it again only after MORE. */
enum du_http1_result du_http1_parse(struct du_http1 *request, const char *data, size_t size,
                                    size_t most);

static inline struct du_slice du_http1_slice(const char *data, struct du_http1_span span) {
    return (struct du_slice){data + span.at, span.size};
}

#endif
