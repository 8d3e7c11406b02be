#include "refusal.h"

#include "reply.h"

#include <stdio.h>
#include <string.h>

size_t du_refusal_write(char text[DU_REFUSAL_ROOM], int status, const char *date, bool is_head) {
    const char *reason = du_reply_reason(status);
    /* 204 has neither body nor length: RFC 9110 section 8.6. */
    if (status == 204)
        return (size_t)snprintf(text, DU_REFUSAL_ROOM,
                                "HTTP/1.1 204 %s\r\nDate: %s\r\nConnection: close\r\n\r\n", reason,
                                date);
    int size = snprintf(text, DU_REFUSAL_ROOM,
                        "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: text/plain\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        status, reason, date, strlen(reason) + 5);
    if (!is_head)
        size += snprintf(text + size, DU_REFUSAL_ROOM - (size_t)size, "%d %s\n", status, reason);
    return (size_t)size;
}
