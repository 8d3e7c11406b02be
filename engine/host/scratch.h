#ifndef DU_SCRATCH_H
#define DU_SCRATCH_H

/* Temporary folders, for specs. Thread: any. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

enum { DU_SCRATCH_ROOM = 128 };

/* A fresh folder below $TMPDIR or /tmp. */
enum du_error_kind du_scratch_make(char folder[DU_SCRATCH_ROOM], struct du_error *error);
/* Writes a file; path is below the folder, its folders are made. */
enum du_error_kind du_scratch_write(const char *folder, const char *path, const void *data,
                                    size_t size, struct du_error *error);
/* With all that is in it; "" is nothing. */
void du_scratch_remove(const char *folder);
bool du_scratch_is_folder(const char *path);

#endif
