#ifndef DU_EMBEDDED_H
#define DU_EMBEDDED_H

/* Scripts that the program carries; cmake/EmbedScripts.cmake writes the table from a folder of
 * files. */

#include <stddef.h>

struct du_embedded_script {
    const char *name;   /* its path below the folder: "dunite/router.lua" */
    const char *source; /* its text, with a NUL that size leaves out */
    size_t size;
};

extern const struct du_embedded_script du_embedded_scripts[];
extern const size_t du_embedded_script_count;

#endif
