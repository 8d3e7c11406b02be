#ifndef DU_FRAMING_H
#define DU_FRAMING_H

/* Where the body of a request ends, and which of the bytes are it: by length, or in chunks (RFC
 * 9112 sections 6 and 7.1). Pure.
 *
 * The chunks are read by hand, more strictly than llhttp does: a size is 1 to 15 hexadecimal digits
 * at once behind the CRLF before, every line ends with CRLF, extensions and trailers are bounded
 * and dropped.
 *
 *      SIZE ──";"──> EXTENSION
 *       │ CRLF <────────┘
 *       ├── n > 0 ──> DATA ──> DATA_END ──CRLF──> SIZE
 *       └── n = 0 ──> TRAILER ──empty line──> DONE
 *
 * Thread: any, one at a time.
 */

#include "bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum du_framing_state {
    DU_FRAMING_LENGTH, /* `left` bytes to come */
    DU_FRAMING_SIZE,
    DU_FRAMING_EXTENSION,
    DU_FRAMING_SIZE_END, /* CR was seen */
    DU_FRAMING_DATA,
    DU_FRAMING_DATA_END,
    DU_FRAMING_DATA_CR,
    DU_FRAMING_TRAILER, /* at the start of a line */
    DU_FRAMING_TRAILER_LINE,
    DU_FRAMING_TRAILER_CR,
    DU_FRAMING_LAST_CR, /* CR of the empty line was seen */
    DU_FRAMING_DONE,
    DU_FRAMING_BAD
};

struct du_framing {
    enum du_framing_state state;
    unsigned digits;
    uint32_t aside; /* bytes of extensions and trailers so far */
    uint64_t left;  /* of the body, or of the chunk */
};

/* length -1: there is none. */
void du_framing_init(struct du_framing *framing, bool chunked, int64_t length);
/* Takes bytes from data up to the end of the next piece of body, and says how many; *piece is empty
 * when none came. After it the state may be DONE (what was not taken is the next request's) or BAD.
 */
size_t du_framing_take(struct du_framing *framing, const char *data, size_t size,
                       struct du_slice *piece);

#endif
