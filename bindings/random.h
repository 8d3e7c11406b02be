#ifndef DU_RANDOM_H
#define DU_RANDOM_H

/* Random bytes from the system, as text. Thread: any. */

#include <stdbool.h>
#include <stddef.h>

enum { DU_RANDOM_MOST = 256 };

/* Writes 2 * count hex digits and a NUL; count up to DU_RANDOM_MOST. False: errno says why not. */
bool du_random_hex(char *text, size_t count);

#endif
