/* Whatever is given for a URL or a path: what passes is plain http, and encoding can be undone. */

#include "url.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds)
        abort();
}

static void must_be_plain(const struct du_url *url) {
    must(strcmp(url->scheme, "http") == 0 || strcmp(url->scheme, "https") == 0);
    must(url->host[0] != '\0' && strpbrk(url->host, "/@?# \r\n") == NULL);
    must(url->path[0] == '/' && strpbrk(url->path, "?#\r\n") == NULL);
    must(url->port[0] != '\0' && strspn(url->port, "0123456789") == strlen(url->port));
    must(du_url_same_origin(url, url));
}

static void parse(const char *text) {
    struct du_url url;
    if (du_url_parse(text, &url, NULL) != DU_OK)
        return;
    must_be_plain(&url);
    du_url_deinit(&url);
}

/* What a join gives is a URL that stands for itself. */
static void join(const char *relative) {
    struct du_url url;
    char *joined, *again;
    if (du_url_join("http://host:81/a/b?c", relative, &joined, NULL) != DU_OK)
        return;
    must(du_url_parse(joined, &url, NULL) == DU_OK);
    must_be_plain(&url);
    du_url_deinit(&url);
    must(du_url_join(joined, "", &again, NULL) == DU_OK);
    du_free(again);
    du_free(joined);
}

static void decode(const char *text, size_t size, bool segment) {
    struct du_bytes decoded = {0}, encoded = {0}, again = {0};
    if (du_url_decode((struct du_slice){text, size}, segment, &decoded) && decoded.size > 0) {
        must(memchr(decoded.data, '\0', decoded.size) == NULL);
        must(!segment || (strchr(decoded.data, '/') == NULL && strcmp(decoded.data, ".") != 0 &&
                          strcmp(decoded.data, "..") != 0));
        du_url_encode(&encoded, decoded.data, decoded.size);
        must(du_url_decode((struct du_slice){encoded.data, encoded.size}, segment, &again));
        must(again.size == decoded.size && memcmp(again.data, decoded.data, again.size) == 0);
    }
    du_bytes_deinit(&decoded);
    du_bytes_deinit(&encoded);
    du_bytes_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    parse(text);
    join(text);
    decode(text, size, true);
    decode(text, size, false);
    free(text);
    return 0;
}
