#ifndef DU_URL_H
#define DU_URL_H

/* URLs by libcurl's URL API (RFC 3986), and the one percent-decoding of request paths. Thread: any.
 */

#include "bytes.h"
#include "error.h"

#include <stdbool.h>

struct du_url {
    char *scheme, *host, *port, *path,
        *query; /* port filled in by scheme; path "/" at least; query may be NULL */
};

/* http and https only, no user part, no fragment kept: anything else is DU_INVALID_URL. */
enum du_error_kind du_url_parse(const char *text, struct du_url *url, struct du_error *error);
void du_url_deinit(struct du_url *url);
/* Scheme, host and port are the same (RFC 6454 section 4). */
bool du_url_same_origin(const struct du_url *a, const struct du_url *b);
/* relative against base; the result is the caller's (du_free). */
enum du_error_kind du_url_join(const char *base, const char *relative, char **joined,
                               struct du_error *error);

/* Decodes percent-escapes once. False: malformed escape, NUL, or (where segment is set) an encoded
 * slash or a result of "." or "..". */
bool du_url_decode(struct du_slice text, bool segment, struct du_bytes *decoded);
/* Encodes all but the unreserved characters of RFC 3986 section 2.3. */
void du_url_encode(struct du_bytes *bytes, const char *text, size_t size);

#endif
