#ifndef DU_WATCHED_BODY_H
#define DU_WATCHED_BODY_H

/* A reader as a reply's body, with its request told why it broke: the connection closes a body
 * before anybody could ask it.
 *
 * Thread: the connection's loop.
 */

#include "reader.h"
#include "request.h"

/* Takes the reader (and nulls it) unless out of memory (NULL). */
struct du_body *du_watched_body_new(struct du_body **reader, struct du_request *request);

#endif
