#include "url.h"

#include "mem.h"

#include <curl/curl.h>
#include <string.h>

/* A copy of one part that is ours to free; NULL when the URL lacks it, or memory. */
static char *part_of(CURLU *handle, CURLUPart part, unsigned flags, bool *failed) {
    char *text = NULL;
    CURLUcode code = curl_url_get(handle, part, &text, flags);
    if (code == CURLUE_NO_QUERY)
        return NULL;
    char *copy = code == CURLUE_OK ? du_strdup(text) : NULL;
    curl_free(text);
    *failed = *failed || copy == NULL;
    return copy;
}

static enum du_error_kind refused(struct du_error *error, const char *why) {
    /* Without the URL itself: what it carries may be secret. */
    return du_error_set(error, DU_INVALID_URL, "the URL is refused: %s", why);
}

/* What text is against what the handle holds already. */
static enum du_error_kind read_url(CURLU *handle, const char *text, unsigned flags,
                                   struct du_error *error) {
    char *scheme = NULL;
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, text, flags | CURLU_DISALLOW_USER);
    if (code == CURLUE_OUT_OF_MEMORY)
        return du_error_set(error, DU_MEMORY, "no memory for a URL");
    if (code != CURLUE_OK)
        return refused(error, curl_url_strerror(code));
    code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
    bool known = code == CURLUE_OK && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    return known ? DU_OK : refused(error, "only http and https are spoken here");
}

enum du_error_kind du_url_parse(const char *text, struct du_url *url, struct du_error *error) {
    *url = (struct du_url){0};
    CURLU *handle = curl_url();
    if (handle == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a URL");
    enum du_error_kind kind = read_url(handle, text, 0, error);
    if (kind == DU_OK) {
        bool failed = false;
        url->scheme = part_of(handle, CURLUPART_SCHEME, 0, &failed);
        url->host = part_of(handle, CURLUPART_HOST, 0, &failed);
        url->port = part_of(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT, &failed);
        url->path = part_of(handle, CURLUPART_PATH, 0, &failed);
        url->query = part_of(handle, CURLUPART_QUERY, 0, &failed);
        if (failed)
            kind = du_error_set(error, DU_MEMORY, "no memory for a URL");
    }
    curl_url_cleanup(handle);
    if (kind != DU_OK)
        du_url_deinit(url);
    return kind;
}

void du_url_deinit(struct du_url *url) {
    du_free(url->scheme);
    du_free(url->host);
    du_free(url->port);
    du_free(url->path);
    du_free(url->query);
    *url = (struct du_url){0};
}

bool du_url_same_origin(const struct du_url *a, const struct du_url *b) {
    return du_slice_equal_fold(du_slice_of(a->scheme), du_slice_of(b->scheme)) &&
           du_slice_equal_fold(du_slice_of(a->host), du_slice_of(b->host)) &&
           strcmp(a->port, b->port) == 0;
}

enum du_error_kind du_url_join(const char *base, const char *relative, char **joined,
                               struct du_error *error) {
    *joined = NULL;
    CURLU *handle = curl_url();
    if (handle == NULL)
        return du_error_set(error, DU_MEMORY, "no memory for a URL");
    enum du_error_kind kind = read_url(handle, base, 0, error);
    /* Servers do send a Location with spaces in it; what is escaped already stays as it is. */
    if (kind == DU_OK)
        kind = read_url(handle, relative, CURLU_URLENCODE, error);
    if (kind == DU_OK) {
        bool failed = false;
        curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0);
        *joined = part_of(handle, CURLUPART_URL, 0, &failed);
        if (failed)
            kind = du_error_set(error, DU_MEMORY, "no memory for a URL");
    }
    curl_url_cleanup(handle);
    return kind;
}

bool du_url_decode(struct du_slice text, bool segment, struct du_bytes *decoded) {
    size_t from = decoded->size;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte == '%') {
            if (text.size - i < 3 || !du_bytes_unhex(text.data + i + 1, 2, &byte))
                return false;
            i += 2;
        }
        if (byte == '\0' || (segment && byte == '/'))
            return false;
        du_bytes_add(decoded, &byte, 1);
    }
    if (!segment || decoded->failed || decoded->size == from)
        return true;
    struct du_slice result = {decoded->data + from, decoded->size - from};
    return !du_slice_equal(result, DU_SLICE(".")) && !du_slice_equal(result, DU_SLICE(".."));
}

static bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~", c) != NULL);
}

void du_url_encode(struct du_bytes *bytes, const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (is_unreserved(text[i]))
            du_bytes_add(bytes, &text[i], 1);
        else
            du_bytes_format(bytes, "%%%02X", (unsigned char)text[i]);
    }
}
