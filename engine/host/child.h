#ifndef DU_CHILD_H
#define DU_CHILD_H

/* A program that is run and listened to: what it says (both its outputs) is gathered.
 *
 * It gets an empty signal mask, the default dispositions, nothing on its standard input, and none
 * of our descriptors.
 * Thread: any; blocks.
 */

#include "bytes.h"

#include <stdbool.h>

struct du_child_options {
    const char *name;               /* what messages call it */
    const char *const *words;       /* the program's path, its arguments, NULL */
    const char *const *environment; /* "NAME=value" before ours; NULL ends it; may be NULL */
    int64_t most_ms;                /* then it is ended */
    bool (*give_up)(void *user);    /* looked at now and then: true ends it; may be NULL */
    void *user;
};

/* DU_OK when it ended with 0. DU_SCRIPT: it ended otherwise; DU_TIMEOUT; DU_CANCELLED; DU_IO: it
 * could not be run. output is appended to, with the last 64 KiB it said. */
enum du_error_kind du_child_run(const struct du_child_options *options, struct du_bytes *output,
                                struct du_error *error);

#endif
