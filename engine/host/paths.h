#ifndef DU_PATHS_H
#define DU_PATHS_H

/* path as it is when it is absolute, else below folder; the caller's to free. NULL: out of memory.
 */
char *du_path_below(const char *folder, const char *path);

#endif
