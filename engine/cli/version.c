/* `dunite version`: versions of everything linked. */

#include "command.h"
#include "versions.h"

#include <stdio.h>

static void print(void *user, const char *name, const char *version) {
    (void)user;
    printf("%-10s %s\n", name, version);
}

int du_command_version(int count, char **words) {
    (void)count, (void)words;
    du_versions_each(print, NULL);
    return 0;
}
