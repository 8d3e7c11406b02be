/* `dunite spec`. */

#include "spec.h"

#include "command.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool is_folder(const char *word) {
    return word[0] != '-' && access(word, F_OK) == 0;
}

int du_command_spec(int count, char **words) {
    static const char *const none[] = {NULL};
    const char *folder = ".";
    const char *scripts = NULL;
    for (; count >= 2 && strcmp(words[0], "--scripts") == 0; count -= 2, words += 2)
        scripts = words[1];
    if (count > 0 && is_folder(words[0])) {
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
