#ifndef DU_BLOB_INT_H
#define DU_BLOB_INT_H

/* What blob.c (the folder) and partial.c (files in the making) share. */

#include "blob.h"

#include <stdatomic.h>
#include <time.h>

/* "sha256/ab/" and 64 digits. */
enum { DU_BLOB_PATH = 7 + 3 + 64 + 1, DU_PARTIAL_PATH = 32 };

struct du_blobs {
    struct du_base *base;
    char *folder;
    int fd;               /* of the folder: all paths are relative to it */
    atomic_ullong number; /* of the latest partial */
    struct timespec born; /* when the folder was opened, by its file system's clock */
};

/* "sha256/ab/HEX"; its first 9 bytes name the folder that holds it. */
const char *du_blob_path(const struct du_digest *digest, char path[DU_BLOB_PATH]);
/* Makes sure that the entries of a folder (relative to blobs) survive a power cut. 0 or -1,
 * errno. */
int du_blob_sync_folder(struct du_blobs *blobs, const char *path);

#endif
