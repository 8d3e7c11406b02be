#ifndef DU_SOURCES_H
#define DU_SOURCES_H

/* The files that a generation of scripts is made from: each is read once, so that all the states of
 * a generation are made of the same text, whenever they are made and whatever became of the files.
 *
 * Invariants
 *  1. What was found for a path, a text or why there is none, is what is found ever after.
 *  2. A text stays where it is until the last reference goes; it is wiped then (secrets are read
 *     here, too).
 *
 * Thread: any.
 */

#include "bytes.h"

struct du_sources;

/* NULL: no memory. */
struct du_sources *du_sources_new(void);
struct du_sources *du_sources_ref(struct du_sources *sources);
void du_sources_unref(struct du_sources **sources);

/* 0 with the file's text, or errno: EINVAL for what is no file, EFBIG for more than 8 MiB. */
int du_sources_read(struct du_sources *sources, const char *path, struct du_slice *text);
/* The same, as the file is now. */
int du_sources_read_now(const char *path, struct du_bytes *text);

#endif
