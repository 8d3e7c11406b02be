#ifndef DU_DATADIR_H
#define DU_DATADIR_H

/* The data folder: made at need (0700), locked against a second process, known to be writable.
 * Thread: one, at start and end. */

#include "base.h"

struct du_datadir;

/* DU_STORE: another process holds it (the message says which). DU_IO: it cannot be made or
 * written. */
enum du_error_kind du_datadir_open(struct du_datadir **datadir, struct du_base *base,
                                   const char *path, struct du_error *error);
/* Gives the lock up. The kernel does it for a process that dies. */
void du_datadir_close(struct du_datadir **datadir);

#endif
