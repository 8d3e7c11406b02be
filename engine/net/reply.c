#include "reply.h"

#include <string.h>

enum { FIRST_ROOM = 256 }; /* most replies need no more than one allocation for their headers */

void du_reply_init(struct du_reply *reply, int status) {
    reply->status = status;
    du_bytes_init(&reply->headers);
    du_bytes_init(&reply->bytes);
    reply->body = NULL;
    reply->length = -1;
}

void du_reply_deinit(struct du_reply *reply) {
    du_bytes_deinit(&reply->headers);
    du_bytes_deinit(&reply->bytes);
    if (reply->body != NULL)
        reply->body->type->close(reply->body);
    reply->body = NULL;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_name(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!plain && (c <= ' ' || c >= 127 || strchr("\"(),/:;<=>?@[\\]{}", c) != NULL))
            return false;
    }
    return size > 0;
}

static bool is_ours(struct du_slice name) {
    static const struct du_slice ours[] = {
        {"Content-Length", 14}, {"Transfer-Encoding", 17}, {"Connection", 10}, {"Date", 4}};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (du_slice_equal_fold(name, ours[i]))
            return true;
    return false;
}

enum du_error_kind du_reply_header(struct du_reply *reply, const char *name, size_t name_size,
                                   const char *value, size_t value_size, struct du_error *error) {
    int shown = name_size < 64 ? (int)name_size : 64;
    if (!is_name(name, name_size))
        return du_error_set(error, DU_SCRIPT, "\"%.*s\" is no header name", shown, name);
    if (!du_bytes_is_line(value, value_size))
        return du_error_set(error, DU_SCRIPT, "the value of header %.*s has a control character",
                            shown, name);
    if (is_ours((struct du_slice){name, name_size}))
        return du_error_set(error, DU_SCRIPT, "header %.*s is set by the connection itself", shown,
                            name);
    if (reply->headers.room == 0)
        du_bytes_reserve(&reply->headers, FIRST_ROOM + name_size + value_size);
    du_bytes_add(&reply->headers, name, name_size);
    du_bytes_add(&reply->headers, ": ", 2);
    du_bytes_add(&reply->headers, value, value_size);
    du_bytes_add(&reply->headers, "\r\n", 2);
    if (du_bytes_check(&reply->headers) != DU_OK)
        return du_error_set(error, DU_MEMORY, "no memory for header %.*s", shown, name);
    return DU_OK;
}

const char *du_reply_reason(int status) {
    static const struct {
        int status;
        const char *reason;
    } table[] = {{100, "Continue"},
                 {101, "Switching Protocols"},
                 {200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {203, "Non-Authoritative Information"},
                 {204, "No Content"},
                 {205, "Reset Content"},
                 {206, "Partial Content"},
                 {300, "Multiple Choices"},
                 {301, "Moved Permanently"},
                 {302, "Found"},
                 {303, "See Other"},
                 {304, "Not Modified"},
                 {305, "Use Proxy"},
                 {307, "Temporary Redirect"},
                 {308, "Permanent Redirect"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {402, "Payment Required"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {407, "Proxy Authentication Required"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {416, "Range Not Satisfiable"},
                 {417, "Expectation Failed"},
                 {421, "Misdirected Request"},
                 {422, "Unprocessable Content"},
                 {426, "Upgrade Required"},
                 {428, "Precondition Required"},           /* RFC 6585 */
                 {429, "Too Many Requests"},               /* RFC 6585 */
                 {431, "Request Header Fields Too Large"}, /* RFC 6585 */
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].status == status)
            return table[i].reason;
    return "Unknown";
}
