#ifndef DU_NEAREST_H
#define DU_NEAREST_H

/* The known name nearest to a misspelt one, for messages. */

#include <stddef.h>

struct du_nearest {
    const char *wanted;
    const char *best; /* NULL: none is near */
    size_t distance;
};

void du_nearest_init(struct du_nearest *nearest, const char *wanted);
/* Considers one more; the name outlives the search. */
void du_nearest_try(struct du_nearest *nearest, const char *name);

#endif
