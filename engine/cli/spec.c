/* `dunite spec`. */

#include "spec.h"

#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int du_command_spec(int count, char **words) {
    static const char *const none[] = {NULL};
    const char *folder = ".";
    const char *scripts = NULL;
    for (; count >= 2 && strcmp(words[0], "--scripts") == 0; count -= 2, words += 2)
        scripts = words[1];
    if (count > 0 && words[0][0] != '-') {
        if (access(words[0], F_OK) != 0) {
            fprintf(stderr, "dunite: %s: %s\n", words[0], strerror(errno));
            return 1;
        }
        folder = words[0];
        count--;
        words++;
    }
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &pipe, NULL);
    struct du_spec_options options = {
        .folder = folder,
        .scripts = scripts,
        .words = count > 0 ? (const char *const *)words : none,
        .word_count = (size_t)count,
    };
    struct du_error error = {0};
    int code = du_spec_run(&options, &error);
    if (error.kind != DU_OK)
        fprintf(stderr, "dunite: %s\n", error.message);
    return code;
}
