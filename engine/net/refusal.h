#ifndef DU_REFUSAL_H
#define DU_REFUSAL_H

/* The small plain answers that the server gives by itself, each the last of its connection. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

enum { DU_REFUSAL_ROOM = 512 };

/* The whole answer, header only to a HEAD; tells its size. date: du_clock_http_date. */
size_t du_refusal_write(char text[DU_REFUSAL_ROOM], int status, const char *date, bool is_head);

#endif
