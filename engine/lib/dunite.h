#ifndef DUNITE_H
#define DUNITE_H

/* libdunite: a deployment of dunite, served from inside a program of yours.
 *
 *     dunite_start ──> it serves, on threads of its own ──> dunite_drain ──> dunite_stop
 *                        │  ^
 *                        └──┘ dunite_reload
 *
 * The program may give scripts modules of its own, written against Lua's C API; what they do may
 * wait without holding up anything else.
 *
 * What holds
 *  1. Nothing is global: several deployments run in one process side by side.
 *  2. The process stays yours: no signal's disposition is touched (SIGPIPE included), the library's
 * threads block every signal, nothing is written to standard output, nothing ends the process.
 *  3. What is given is copied before a function returns, but for `user` and code.
 *  4. What is wrong is told in text: one line for each finding, `file:line: what, and what to write
 * instead`. It never holds a secret.
 *
 * Thread: start, reload, drain and stop on one thread, or one after the other; the rest as said
 * there. None of these from within a module's function.
 */

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DUNITE_API __attribute__((visibility("default")))

struct dunite; /* one deployment that is served */

enum dunite_result {
    DUNITE_OK = 0,
    DUNITE_REFUSED, /* the deployment: its scripts or settings */
    DUNITE_FAILED   /* the machine: files, addresses, memory */
};

/* A script that the program carries itself. */
struct dunite_script {
    const char *name; /* its path in the deployment: "dunite.lua"; NULL ends a list */
    const char *text;
    size_t size; /* bytes of text */
};

/* A module for scripts: require "NAME" calls open(L) with NAME and ":preload:", in each Lua state
 * (one per worker, and one for every check and reload); what it returns is the module. */
struct dunite_module {
    const char *name; /* letters, digits, "_" and "." ; NULL ends a list */
    lua_CFunction open;
};

/* Zero what you do not set. */
struct dunite_options {
    const char *folder; /* the deployment's; relative paths are below it; NULL: "." */
    const struct dunite_script *scripts; /* the deployment, in place of files in folder; or NULL */
    const char *settings; /* JSON over what dunite.lua sets: {"listen":["127.0.0.1:0"]}; or NULL */
    const struct dunite_module *modules; /* or NULL */
    void *user;                          /* dunite_user gives it to the modules' functions */
    /* Gets each line of the log, without its newline, in place of the deployment's log file. Any
     * thread, several at once; it must not wait. NULL: as the deployment says. */
    void (*log)(void *user, const char *line, size_t size);
};

/* "0.1.0". Thread: any. */
DUNITE_API const char *dunite_version(void);

/* Loads and checks the deployment, serves nothing, opens no store. *problem (may be NULL): why not,
 * for dunite_text_free; NULL when it is fine. */
DUNITE_API enum dunite_result dunite_check(const struct dunite_options *options, char **problem);
/* Checks it, opens its data folder, listens, and returns when every address accepts. */
DUNITE_API enum dunite_result dunite_start(struct dunite **out,
                                           const struct dunite_options *options, char **problem);
/* Builds the scripts anew, from the folder as it is now, checks them, and puts them in force for
 * the requests to come; what runs ends with those it began with. On failure nothing changes.
 * Scripts that the program carries are those of dunite_start: only the environment and secrets are
 * read again. It returns when they are in force (*problem, if not NULL, says what needs a restart,
 * or is NULL), or were refused (*problem says why). */
DUNITE_API enum dunite_result dunite_reload(struct dunite *dunite, char **problem);
/* Begins to drain (/readyz says so; answers end their connections) and waits until nothing is being
 * served, for ms at most; after the first half of that nothing more is accepted. 1: nothing is. */
DUNITE_API int dunite_drain(struct dunite *dunite, int64_t ms);
/* Ends what still runs, writes what is to be kept, frees. It returns when no thread of the library
 * is left and every wait (below) was done. *taken becomes NULL. */
DUNITE_API void dunite_stop(struct dunite **taken);

/* Where it listens, from 0: "127.0.0.1:8080", "unix:PATH"; NULL past the last. Lives until stop.
 * Thread: any. */
DUNITE_API const char *dunite_address(const struct dunite *dunite, size_t at);
DUNITE_API void dunite_text_free(char *text);

/* --- in a module's functions; thread: the one that called them --- */

/* The options' user. */
DUNITE_API void *dunite_user(lua_State *L);
/* Pushes nil and an error, as operations of dunite give them: return dunite_fail(L, …). kind: a
 * name of dunite.ErrorKind; one that is none becomes "Script". message: for logs, never a secret.
 * It may raise (memory). */
DUNITE_API int dunite_fail(lua_State *L, const char *kind, const char *message);

/* A function that waits:
 *
 *     struct dunite_wait *wait = dunite_wait_new(L, &how, user);
 *     …have it worked on, anywhere; there, once, when it is ready: dunite_wait_done(wait)…
 *     return dunite_wait_park(L, wait);
 *
 * Between new and park nothing may raise (luaL_check… before). The task waits, its worker does not.
 * The function's results are what `push` pushes. */
struct dunite_wait;

struct dunite_waiting {
    /* Pushes the results and gives how many; it may raise. On the worker's thread, once at most. */
    int (*push)(lua_State *L, void *user);
    /* The task is gone (its client left, the engine stops): 1 when dunite_wait_done will never be
     * called now, 0 when it still will be. NULL: it still will be. On the worker's thread. */
    int (*cancel)(void *user);
    /* Frees user; last of all, exactly once. May be NULL. On the worker's thread. */
    void (*drop)(void *user);
};

/* `how` outlives the wait. Raises, with user dropped, where the task cannot wait (while scripts are
 * loaded, in a finalizer or a sort) and when out of memory. */
DUNITE_API struct dunite_wait *dunite_wait_new(lua_State *L, const struct dunite_waiting *how,
                                               void *user);
DUNITE_API int dunite_wait_park(lua_State *L, struct dunite_wait *wait);
/* Thread: any. It may come before park. The wait is gone after it. */
DUNITE_API void dunite_wait_done(struct dunite_wait *wait);

#ifdef __cplusplus
}
#endif

#endif
