#ifndef DU_REPLY_H
#define DU_REPLY_H

/* A reply in the making: a status, headers, and a body. A plain struct that is filled, then given
 * to du_exchange_reply.
 *
 * Invariants
 *  1. Names and values are checked when they are added (RFC 9110 section 5.5): none can smuggle a
 * line.
 *  2. Content-Length, Transfer-Encoding, Connection, Date belong to the connection; adding them is
 * refused.
 */

#include "body.h"
#include "bytes.h"
#include "error.h"

struct du_reply {
    int status;
    struct du_bytes headers; /* finished lines, each with its CRLF */
    struct du_bytes bytes;   /* the body, if `body` is NULL */
    struct du_body *body;    /* owned */
    int64_t length;          /* HEAD without bytes and body: the Content-Length to tell; -1: none */
};

void du_reply_init(struct du_reply *reply, int status);
void du_reply_deinit(struct du_reply *reply);
/* DU_SCRIPT for a name or value that may not be sent; DU_MEMORY. */
enum du_error_kind du_reply_header(struct du_reply *reply, const char *name, size_t name_size,
                                   const char *value, size_t value_size, struct du_error *error);
/* The reason phrase of RFC 9110 section 15 or RFC 6585; "Unknown" for what they do not list. */
const char *du_reply_reason(int status);

#endif
