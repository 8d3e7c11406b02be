#ifndef DU_OUTGOING_H
#define DU_OUTGOING_H

/* A request as it goes out to upstream. Thread: its owner's. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

struct du_fetch_options;

struct du_outgoing {
    char *method; /* NULL: GET */
    char *url;
    char **headers; /* "Name: value", NULL-terminated; may be NULL */
    char *body;     /* may be NULL */
    size_t body_size;
    char *authorization; /* a whole line; may be NULL */
    bool own;            /* to the origin itself, whose address may be private */
};

/* Copies method, headers and body. DU_SCRIPT for what would not be one header line, or is not the
 * caller's to say (Authorization, Host and what frames a message). */
enum du_error_kind du_outgoing_init(struct du_outgoing *request,
                                    const struct du_fetch_options *options, struct du_error *error);
/* Takes the line (NULL for none) in the place of the one before, which is wiped. */
void du_outgoing_authorize(struct du_outgoing *request, char *line);
/* Frees all it holds. */
void du_outgoing_deinit(struct du_outgoing *request);
/* Whether a Location goes with the status. */
bool du_outgoing_is_redirect(int status);
/* What a redirect with this status leaves of method and body (RFC 9110 section 15.4). */
void du_outgoing_redirect(struct du_outgoing *request, int status);

#endif
