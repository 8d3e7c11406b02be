/* A file of core/ that wants the mailbox of loop/, which is above it. Mended, it reaches the same
 * header by its full path: it is there, and only the floor keeps it out of sight. */
#ifdef MENDED
#include MAILBOX
#else
#include "mailbox.h"
#endif

int climbs(void);

int climbs(void) {
    return 0;
}
