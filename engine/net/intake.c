#include "intake.h"

#include "mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void du_intake_clear(struct du_intake *intake) {
    if (intake->room > DU_INTAKE_ROOM)
        du_intake_deinit(intake);
    intake->start = intake->at = intake->size = 0;
}

void du_intake_deinit(struct du_intake *intake) {
    du_free(intake->data);
    *intake = (struct du_intake){0};
}

static void move_to_front(struct du_intake *intake) {
    if (intake->start == 0)
        return;
    memmove(intake->data, intake->data + intake->start, intake->size - intake->start);
    intake->at -= intake->start;
    intake->size -= intake->start;
    intake->start = 0;
}

bool du_intake_reserve(struct du_intake *intake, size_t more) {
    if (intake->room - intake->size >= more)
        return true;
    move_to_front(intake);
    size_t needed = intake->size + more;
    if (intake->room >= needed)
        return true;
    size_t room = intake->room > 0 ? intake->room * 2 : DU_INTAKE_ROOM;
    room = room > needed ? room : needed;
    char *data = du_realloc(intake->data, room);
    if (data == NULL)
        return false;
    intake->data = data;
    intake->room = room;
    return true;
}

enum du_intake_result du_intake_receive(struct du_intake *intake, int fd, bool *drained) {
    size_t room = intake->room - intake->size;
    ssize_t size;
    do
        size = recv(fd, intake->data + intake->size, room, 0);
    while (size < 0 && errno == EINTR);
    *drained = size < (ssize_t)room;
    if (size < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? DU_INTAKE_NOTHING : DU_INTAKE_LEFT;
    if (size == 0)
        return DU_INTAKE_LEFT;
    intake->size += (size_t)size;
    return DU_INTAKE_GOT;
}
