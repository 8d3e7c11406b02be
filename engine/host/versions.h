#ifndef DU_VERSIONS_H
#define DU_VERSIONS_H

/* Calls each with the name and version of the program and everything linked. Thread: any. */
void du_versions_each(void (*each)(void *user, const char *name, const char *version), void *user);

/* The program's own. */
const char *du_versions_own(void);

#endif
