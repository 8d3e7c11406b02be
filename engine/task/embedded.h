#ifndef DU_EMBEDDED_H
#define DU_EMBEDDED_H

/* Scripts that the program carries: the standard library, whose table cmake/EmbedScripts.cmake
 * writes from a folder of files, and the deployment of a bundle. */

#include <stddef.h>

struct du_embedded_script {
    const char *name;   /* its path below the folder: "dunite/router.lua" */
    const char *source; /* its text, with a NUL that size leaves out */
    size_t size;
};

/* A set of them, by name. */
struct du_scripts {
    const struct du_embedded_script *list;
    size_t count;
};

/* NULL: there is none of that name. */
const struct du_embedded_script *du_scripts_find(const struct du_scripts *scripts,
                                                 const char *name);

extern const struct du_embedded_script du_embedded_scripts[];
extern const size_t du_embedded_script_count;

#endif
