#ifndef DU_BODY_H
#define DU_BODY_H

/* The body of a reply as the connection sees it: something that says, whenever asked, what may be
 * sent now. Higher floors implement it (bytes, a blob, a blob that is still filling).
 *
 * Invariants
 *  1. A connection asks `next` again only after it sent what the last answer allowed (through
 * `sent`), or after `wake`.
 *  2. After DU_BODY_WAIT the body calls wake exactly once, on the connection's loop, never from
 * inside next. No timer polls it. wake may ask, send and close the body before it returns.
 *  3. END and BROKEN are final. BROKEN breaks the connection: the client must not take what it has
 * for whole.
 *  4. close is called once, by the body's owner, in any state; nothing is called after it.
 *  5. A body of length 0 holds its headers: next is asked before they go out, so that WAIT, END and
 * BROKEN still can decide.
 *
 * Thread: the connection's.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum du_body_state { DU_BODY_BYTES, DU_BODY_FILE, DU_BODY_WAIT, DU_BODY_END, DU_BODY_BROKEN };

/* What may be sent now. */
struct du_piece {
    const char *data; /* BYTES: good until sent or close */
    size_t size;      /* BYTES and FILE: at least 1 */
    int fd;           /* FILE: read it at offset, where it is in memory: nobody waits for a disk */
    off_t offset;
};

struct du_body;

struct du_body_type {
    enum du_body_state (*next)(struct du_body *body, struct du_piece *piece);
    void (*sent)(struct du_body *body, size_t size);
    void (*close)(struct du_body *body); /* frees it */
};

/* Embed it first in a struct of your own. */
struct du_body {
    const struct du_body_type *type;
    int64_t length; /* how many bytes in all; -1: unknown (chunked, or to the close) */
    void (*wake)(struct du_body *body); /* set by who drives it, before the first next */
    void *driver;
};

#endif
