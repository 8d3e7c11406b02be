/* A program that serves a deployment of dunite from inside itself, and gives its scripts a module of
 * its own, "desk": desk.clerk() answers at once, desk.ask(question) waits for a clerk, a thread of
 * this program's.
 *
 *     usage: embed DEPLOYMENT DATA_DIR
 */

#include <dunite.h>

#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the clerk --- */

struct question {
    struct question *next;
    struct dunite_wait *wait;
    char text[64];
    char reply[128]; /* "": there is no reply */
};

struct desk {
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct question *first, **last;
    int closed;
};

/* What is asked backwards is its own reply. */
static void reply_to(struct question *question) {
    size_t size = strlen(question->text);
    for (size_t i = 0; i < size; i++)
        question->reply[i] = question->text[size - 1 - i];
}

static struct question *next_question(struct desk *desk) {
    pthread_mutex_lock(&desk->lock);
    while (desk->first == NULL && !desk->closed)
        pthread_cond_wait(&desk->asked, &desk->lock);
    struct question *question = desk->first;
    if (question != NULL) {
        desk->first = question->next;
        if (desk->first == NULL)
            desk->last = &desk->first;
    }
    pthread_mutex_unlock(&desk->lock);
    return question;
}

/* Until the desk is closed and everybody has been answered. */
static void *work(void *user) {
    struct question *question;
    while ((question = next_question(user)) != NULL) {
        reply_to(question);
        dunite_wait_done(question->wait);
    }
    return NULL;
}

static void close_desk(struct desk *desk, pthread_t clerk) {
    pthread_mutex_lock(&desk->lock);
    desk->closed = 1;
    pthread_cond_broadcast(&desk->asked);
    pthread_mutex_unlock(&desk->lock);
    pthread_join(clerk, NULL);
}

/* --- the module --- */

static int push_reply(lua_State *L, void *user) {
    struct question *question = user;
    if (question->reply[0] == '\0')
        return dunite_fail(L, "NotFound", "the clerk has no reply");
    lua_pushstring(L, question->reply);
    return 1;
}

/* No `cancel`: whoever asked may have left, the clerk still replies. */
static const struct dunite_waiting for_a_reply = {.push = push_reply, .drop = free};

static int ask(lua_State *L) {
    struct desk *desk = dunite_user(L);
    const char *text = luaL_checkstring(L, 1);
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL)
        return dunite_fail(L, "Memory", "asking the clerk");
    snprintf(question->text, sizeof question->text, "%s", text);
    struct dunite_wait *wait = dunite_wait_new(L, &for_a_reply, question);
    question->wait = wait;
    pthread_mutex_lock(&desk->lock);
    *desk->last = question;
    desk->last = &question->next;
    pthread_cond_signal(&desk->asked);
    pthread_mutex_unlock(&desk->lock);
    return dunite_wait_park(L, wait); /* the question may be gone from here on */
}

static int clerk(lua_State *L) {
    lua_pushliteral(L, "a clerk of this program");
    return 1;
}

static int open_desk(lua_State *L) {
    static const luaL_Reg functions[] = {{"ask", ask}, {"clerk", clerk}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

/* --- the program --- */

static int serve(struct desk *desk, const char *folder, const char *data_dir) {
    static const struct dunite_module modules[] = {{"desk", open_desk}, {NULL, NULL}};
    char settings[512], *problem;
    snprintf(settings, sizeof settings, "{\"data_dir\":\"%s\"}", data_dir);
    struct dunite_options options = {
        .folder = folder, .settings = settings, .modules = modules, .user = desk};
    struct dunite *dunite;
    if (dunite_start(&dunite, &options, &problem) != DUNITE_OK) {
        fprintf(stderr, "%s\n", problem);
        dunite_text_free(problem);
        return 1;
    }
    printf("listening on %s\n", dunite_address(dunite, 0));
    fflush(stdout);

    sigset_t ending;
    int got;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigwait(&ending, &got);
    dunite_drain(dunite, 5000);
    dunite_stop(&dunite);
    puts("ended");
    return 0;
}

int main(int count, char **words) {
    struct desk desk = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL, 0};
    pthread_t clerk_thread;
    sigset_t ending;
    if (count != 3) {
        fprintf(stderr, "usage: embed DEPLOYMENT DATA_DIR\n");
        return 2;
    }
    /* Signals are this program's own business; before any thread, so that they come to sigwait. */
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    desk.last = &desk.first;
    if (pthread_create(&clerk_thread, NULL, work, &desk) != 0)
        return 1;
    int code = serve(&desk, words[1], words[2]);
    close_desk(&desk, clerk_thread);
    return code;
}
