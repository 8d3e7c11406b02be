#ifndef DU_INTAKE_H
#define DU_INTAKE_H

/* What a client has sent and nobody has read yet: one buffer, with the request's header at its
 * front.
 *
 *      data ... start ............ at ......... size ..... room
 *               the request        not read     empty
 *
 * Invariants
 *  1. While an exchange is handled its bytes from `start` do not move: room is made before.
 *
 * Thread: the loop's.
 */

#include <stdbool.h>
#include <stddef.h>

enum { DU_INTAKE_ROOM = 4096 }; /* of a fresh buffer: nearly every request */

enum du_intake_result {
    DU_INTAKE_GOT,
    DU_INTAKE_NOTHING, /* not now */
    DU_INTAKE_LEFT     /* the other side has closed, or the connection is dead */
};

struct du_intake {
    char *data;
    size_t start, at, size, room;
};

/* Empty it, keeping the buffer unless it has grown. */
void du_intake_clear(struct du_intake *intake);
void du_intake_deinit(struct du_intake *intake);
/* Room for `more` bytes behind size: moves what there is to the front, then grows. False: no
 * memory. */
bool du_intake_reserve(struct du_intake *intake, size_t more);
/* One recv into the room there is. *drained: the socket has no more at present. */
enum du_intake_result du_intake_receive(struct du_intake *intake, int fd, bool *drained);

#endif
