/* `dunite version`: versions of everything linked. */

#include "command.h"
#include "versions.h"

#include <stdio.h>

static void print(void *user, const char *name, const char *version) {
    (void)user;
    printf("%-10s %s\n", name, version);
}

int du_command_version(int count, char **words) {
    static const struct du_option none[] = {{0}};
    struct du_arguments options;
    if (!du_arguments_parse(count, words, none, 0, &options) ||
        !du_arguments_at_most(&options, 0, "version"))
        return 2;
    du_versions_each(print, NULL);
    return 0;
}
