#include "child.h"

#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MOST = 64 * 1024, LOOK_MS = 100, PIECE = 4096 };

extern char **environ;

struct child {
    const struct du_child_options *options;
    struct du_bytes *output;
    pid_t id;
    int from; /* what it says */
};

/* Ours, with the given ones before: the first of a name is what getenv finds. NULL: no memory. The
 * strings are borrowed. */
static char **merge_environment(const char *const *first) {
    size_t count = 0, at = 0;
    for (size_t i = 0; first != NULL && first[i] != NULL; i++)
        count++;
    for (size_t i = 0; environ[i] != NULL; i++)
        count++;
    char **merged = du_calloc(count + 1, sizeof *merged);
    if (merged == NULL)
        return NULL;
    for (size_t i = 0; first != NULL && first[i] != NULL; i++)
        merged[at++] = (char *)first[i];
    for (size_t i = 0; environ[i] != NULL; i++)
        merged[at++] = environ[i];
    return merged;
}

/* Its own process group, so that what it starts ends with it. */
static int spawn(struct child *child, int said, char **environment) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, said, 1);
    posix_spawn_file_actions_adddup2(&actions, said, 2);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    char *const *words = (char *const *)child->options->words;
    int failed = posix_spawn(&child->id, words[0], &actions, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* False at its end. */
static bool listen_once(struct child *child) {
    char piece[PIECE];
    struct pollfd wanted = {.fd = child->from, .events = POLLIN};
    if (poll(&wanted, 1, LOOK_MS) <= 0)
        return true;
    ssize_t got = read(child->from, piece, sizeof piece);
    if (got <= 0)
        return got < 0 && (errno == EINTR || errno == EAGAIN);
    du_bytes_add(child->output, piece, (size_t)got);
    if (child->output->size > OUTPUT_MOST)
        du_bytes_consume(child->output, child->output->size - OUTPUT_MOST);
    return true;
}

static int64_t now_ms(void) {
    struct du_clock clock;
    du_clock_init(&clock);
    return du_clock_mono_ms(&clock);
}

/* Until it has closed its outputs; DU_OK, or why it was ended. */
static enum du_error_kind follow(struct child *child) {
    const struct du_child_options *options = child->options;
    int64_t end_ms = now_ms() + options->most_ms;
    while (listen_once(child)) {
        bool given_up = options->give_up != NULL && options->give_up(options->user);
        if (!given_up && now_ms() < end_ms)
            continue;
        kill(-child->id, SIGKILL);
        return given_up ? DU_CANCELLED : DU_TIMEOUT;
    }
    return DU_OK;
}

static enum du_error_kind tell_end(enum du_error_kind kind, int status, const char *name,
                                   struct du_error *error) {
    if (kind != DU_OK)
        return du_error_set(error, kind, "%s: ended before their end, %s", name,
                            kind == DU_TIMEOUT ? "for they took too long"
                                               : "for nobody waits for them");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return DU_OK;
    if (WIFEXITED(status))
        return du_error_set(error, DU_SCRIPT, "%s ended with %d", name, WEXITSTATUS(status));
    return du_error_set(error, DU_SCRIPT, "%s was ended by signal %d", name, WTERMSIG(status));
}

enum du_error_kind du_child_run(const struct du_child_options *options, struct du_bytes *output,
                                struct du_error *error) {
    struct child child = {.options = options, .output = output};
    int ends[2], status = 0;
    char **environment = merge_environment(options->environment);
    if (environment == NULL)
        return du_error_set(error, DU_MEMORY, "running %s", options->name);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        du_free(environment);
        return du_error_errno(error, errno, "run", options->name);
    }
    child.from = ends[0];
    int failed = spawn(&child, ends[1], environment);
    close(ends[1]);
    du_free(environment);
    if (failed != 0) {
        close(ends[0]);
        return du_error_errno(error, failed, "run", options->name);
    }
    enum du_error_kind kind = follow(&child);
    pid_t ended;
    while ((ended = waitpid(child.id, &status, 0)) < 0 && errno == EINTR)
        continue;
    close(ends[0]);
    if (ended < 0) /* the host program ignores SIGCHLD */
        return du_error_errno(error, errno, "learn the end of", options->name);
    return tell_end(kind, status, options->name, error);
}
