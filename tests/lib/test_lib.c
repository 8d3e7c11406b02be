/* libdunite, as a program meets it: only dunite.h is included, only the shared library is linked.
 */

#include "dunite.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <lauxlib.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a deployment --- */

static char folder[] = "/tmp/dunite-lib-XXXXXX";

static const char deployment[] =
    "local dunite, answer = require 'dunite', require 'dunite.answer'\n"
    "local host = require 'host'\n"
    "return dunite.deployment {\n"
    "  listen = { '127.0.0.1:0' }, workers = 1,\n"
    "  routes = function(app)\n"
    "    app:get('/name', function() return answer.text(host.name()) end)\n"
    "    app:get('/wait', function() return answer.text(host.wait()) end)\n"
    "    app:get('/fail', function() local _, why = host.fail() return answer.error(why) end)\n"
    "  end,\n"
    "}\n";

/* What a program may hold for its modules. */
struct house {
    const char *name;
    sem_t began;                 /* a script waits */
    struct dunite_wait *waiting; /* which is to be done */
    int drops, cancels;
    bool withdrawn; /* what `cancel` answers */
    sem_t lines;    /* lines of the log */
};

static int name_of(lua_State *L) {
    lua_pushstring(L, ((struct house *)dunite_user(L))->name);
    return 1;
}

static int push_done(lua_State *L, void *user) {
    lua_pushfstring(L, "done for %s", ((struct house *)user)->name);
    return 1;
}

static int cancelled(void *user) {
    struct house *house = user;
    house->cancels++;
    return house->withdrawn;
}

static void dropped(void *user) {
    ((struct house *)user)->drops++;
}

static const struct dunite_waiting waiting = {push_done, cancelled, dropped};

static int wait_here(lua_State *L) {
    struct house *house = dunite_user(L);
    house->waiting = dunite_wait_new(L, &waiting, house);
    sem_post(&house->began);
    return dunite_wait_park(L, house->waiting);
}

static int fail_here(lua_State *L) {
    return dunite_fail(L, "Transport", "nobody is there");
}

static int open_host(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"name", name_of}, {"wait", wait_here}, {"fail", fail_here}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}

static const struct dunite_module modules[] = {{"host", open_host}, {NULL, NULL}};

static void hear(void *user, const char *line, size_t size) {
    struct house *house = user;
    assert_int_equal(strlen(line), size);
    sem_post(&house->lines);
}

static struct dunite_options options_of(struct house *house, const struct dunite_script *scripts,
                                        const char *settings) {
    return (struct dunite_options){.folder = folder,
                                   .scripts = scripts,
                                   .settings = settings,
                                   .modules = modules,
                                   .user = house,
                                   .log = hear};
}

static const struct dunite_script own[] = {{"dunite.lua", deployment, sizeof deployment - 1},
                                           {NULL, NULL, 0}};

static void prepare(struct house *house, const char *name) {
    memset(house, 0, sizeof *house);
    house->name = name;
    sem_init(&house->began, 0, 0);
    sem_init(&house->lines, 0, 0);
}

static struct dunite *start(struct house *house, const char *name, const char *data_dir) {
    char settings[64], *problem = NULL;
    struct dunite *dunite = NULL;
    prepare(house, name);
    snprintf(settings, sizeof settings, "{\"data_dir\":\"%s\"}", data_dir);
    struct dunite_options options = options_of(house, own, settings);
    enum dunite_result result = dunite_start(&dunite, &options, &problem);
    if (result != DUNITE_OK)
        print_message("%s\n", problem);
    assert_int_equal(result, DUNITE_OK);
    return dunite;
}

/* --- a client --- */

static int ask(const struct dunite *dunite, const char *path) {
    const char *address = dunite_address(dunite, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(strchr(address, ':') + 1)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[128];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", path);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, (size_t)size, 0), size);
    return fd;
}

static const char *answer(int fd) {
    static char text[4096];
    size_t at = 0;
    ssize_t got;
    while ((got = recv(fd, text + at, sizeof text - 1 - at, 0)) > 0)
        at += (size_t)got;
    text[at] = '\0';
    close(fd);
    return text;
}

static void answers(const struct dunite *dunite, const char *path, const char *part) {
    const char *text = answer(ask(dunite, path));
    if (strstr(text, part) == NULL)
        fail_msg("no '%s' in: %s", part, text);
}

/* --- the tests --- */

static void two_deployments_in_one_process_keep_to_themselves(void **state) {
    (void)state;
    struct house one, other;
    struct dunite *first = start(&one, "one", "a"), *second = start(&other, "other", "b");
    answers(first, "/name", "\r\n\r\none");
    answers(second, "/name", "\r\n\r\nother");
    dunite_stop(&first);
    assert_null(first);
    answers(second, "/name", "\r\n\r\nother");
    dunite_stop(&second);
}

static void a_function_that_waits_holds_nobody_up(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    int fd = ask(dunite, "/wait");
    sem_wait(&house.began);
    answers(dunite, "/name", "\r\n\r\nhouse"); /* by the one worker there is */
    dunite_wait_done(house.waiting);
    assert_non_null(strstr(answer(fd), "\r\n\r\ndone for house"));
    dunite_stop(&dunite);
    assert_int_equal(house.drops, 1);
    assert_int_equal(house.cancels, 0);
}

static void an_error_by_its_name_is_dunites_own(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    answers(dunite, "/fail", "502 ");
    dunite_stop(&dunite);
}

static void *stop(void *user) {
    dunite_stop(user);
    return NULL;
}

static void stopping_waits_for_what_the_program_still_works_on(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    int fd = ask(dunite, "/wait");
    pthread_t stopper;
    sem_wait(&house.began);
    assert_int_equal(pthread_create(&stopper, NULL, stop, &dunite), 0);
    answer(fd); /* its end: the engine has given the request up, but not the wait */
    assert_int_equal(pthread_tryjoin_np(stopper, NULL) != 0, 1);
    assert_int_equal(house.drops, 0);
    dunite_wait_done(house.waiting);
    pthread_join(stopper, NULL);
    assert_int_equal(house.cancels, 1);
    assert_int_equal(house.drops, 1);
}

static void a_wait_that_was_withdrawn_is_not_waited_for(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    house.withdrawn = true;
    int fd = ask(dunite, "/wait");
    sem_wait(&house.began);
    dunite_stop(&dunite);
    answer(fd);
    assert_int_equal(house.cancels, 1);
    assert_int_equal(house.drops, 1);
}

static void a_drain_waits_until_nothing_is_served(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    int fd = ask(dunite, "/wait");
    sem_wait(&house.began);
    assert_int_equal(dunite_drain(dunite, 40), 0);
    dunite_wait_done(house.waiting);
    assert_int_equal(dunite_drain(dunite, 20000), 1);
    assert_non_null(strstr(answer(fd), "done for house"));
    dunite_stop(&dunite);
}

static void write_deployment(const char *answer) {
    char path[64];
    snprintf(path, sizeof path, "%s/dunite.lua", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "local dunite, answer = require 'dunite', require 'dunite.answer'\n"
            "return dunite.deployment {\n"
            "  listen = { '127.0.0.1:0' }, workers = 2,\n"
            "  routes = function(app) app:get('/', function() return answer.text '%s' end) end,\n"
            "}\n",
            answer);
    assert_int_equal(fclose(file), 0);
}

static void a_reload_takes_the_scripts_as_they_are_now_or_changes_nothing(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = NULL;
    char *problem;
    prepare(&house, "house");
    struct dunite_options options = options_of(&house, NULL, "{\"data_dir\":\"a\"}");
    write_deployment("before");
    assert_int_equal(dunite_start(&dunite, &options, NULL), DUNITE_OK);
    answers(dunite, "/", "before");
    write_deployment("after");
    assert_int_equal(dunite_reload(dunite, &problem), DUNITE_OK);
    assert_null(problem);
    answers(dunite, "/", "after");
    write_deployment("never closed' (");
    assert_int_equal(dunite_reload(dunite, &problem), DUNITE_REFUSED);
    assert_non_null(strstr(problem, "dunite.lua:4: "));
    dunite_text_free(problem);
    answers(dunite, "/", "after");
    dunite_stop(&dunite);
}

static enum dunite_result check(const char *text, const char *settings, char **problem) {
    struct dunite_script scripts[] = {{"dunite.lua", text, strlen(text)}, {NULL, NULL, 0}};
    static struct house house;
    struct dunite_options options = options_of(&house, scripts, settings);
    prepare(&house, "house");
    return dunite_check(&options, problem);
}

static void what_is_wrong_with_a_deployment_is_told_by_file_and_line(void **state) {
    (void)state;
    char *problem;
    assert_int_equal(check(deployment, NULL, &problem), DUNITE_OK);
    assert_null(problem);
    assert_int_equal(
        check("return require 'dunite'.deployment {\n  listn = {},\n}", NULL, &problem),
        DUNITE_REFUSED);
    assert_non_null(strstr(problem, "dunite.lua:2: "));
    assert_non_null(strstr(problem, "listen"));
    dunite_text_free(problem);
    assert_int_equal(check("require 'host'.wait()", NULL, &problem), DUNITE_REFUSED);
    assert_non_null(strstr(problem, "wait"));
    dunite_text_free(problem);
    assert_int_equal(check("return nil nil", NULL, NULL), DUNITE_REFUSED);
}

static void what_is_wrong_with_the_machine_is_another_thing(void **state) {
    (void)state;
    struct house house, other;
    struct dunite *dunite = start(&house, "house", "a"), *none = NULL;
    char *problem;
    prepare(&other, "other");
    struct dunite_options options = options_of(&other, own, "{\"data_dir\":\"a\"}");
    assert_int_equal(dunite_start(&none, &options, &problem), DUNITE_FAILED);
    assert_null(none);
    assert_non_null(strstr(problem, "/a"));
    dunite_text_free(problem);
    dunite_stop(&dunite);
}

static void lines_of_the_log_go_to_the_program(void **state) {
    (void)state;
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    answers(dunite, "/name", "house");
    sem_wait(&house.lines);
    dunite_stop(&dunite);
}

/* The mask of a thread, as the kernel tells it. */
static unsigned long long blocked(const char *thread) {
    char path[64], line[256];
    unsigned long long mask = 0;
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "SigBlk: %llx", &mask);
    fclose(file);
    return mask;
}

static void signals_stay_the_programs(void **state) {
    (void)state;
    struct sigaction before[32], now;
    for (int i = 1; i < 32; i++)
        sigaction(i, NULL, &before[i]);
    char own_thread[16];
    snprintf(own_thread, sizeof own_thread, "%d", (int)gettid());
    unsigned long long own_mask = blocked(own_thread);
    struct house house;
    struct dunite *dunite = start(&house, "house", "a");
    answers(dunite, "/name", "house");
    DIR *threads = opendir("/proc/self/task");
    int others = 0;
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        if (!isdigit((unsigned char)thread->d_name[0]) || strcmp(thread->d_name, own_thread) == 0)
            continue;
        for (int i = 1; i < 32; i++)
            if (i != SIGKILL && i != SIGSTOP && !(blocked(thread->d_name) >> (i - 1) & 1))
                fail_msg("thread %s would take signal %d", thread->d_name, i);
        others++;
    }
    closedir(threads);
    assert_true(others >= 2);
    assert_true(blocked(own_thread) == own_mask);
    for (int i = 1; i < 32; i++) {
        sigaction(i, NULL, &now);
        assert_true(now.sa_handler == before[i].sa_handler);
    }
    dunite_stop(&dunite);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    char command[64];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_deployments_in_one_process_keep_to_themselves),
        cmocka_unit_test(a_function_that_waits_holds_nobody_up),
        cmocka_unit_test(an_error_by_its_name_is_dunites_own),
        cmocka_unit_test(stopping_waits_for_what_the_program_still_works_on),
        cmocka_unit_test(a_wait_that_was_withdrawn_is_not_waited_for),
        cmocka_unit_test(a_drain_waits_until_nothing_is_served),
        cmocka_unit_test(a_reload_takes_the_scripts_as_they_are_now_or_changes_nothing),
        cmocka_unit_test(what_is_wrong_with_a_deployment_is_told_by_file_and_line),
        cmocka_unit_test(what_is_wrong_with_the_machine_is_another_thing),
        cmocka_unit_test(lines_of_the_log_go_to_the_program),
        cmocka_unit_test(signals_stay_the_programs),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
