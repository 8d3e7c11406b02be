/* `dunite serve`: the engine until a signal says to end. The only place that handles signals. */

#include "bundled.h"
#include "command.h"
#include "engine.h"
#include "report.h"
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

/* Waits for one of the signals, or until ms have gone by (0). */
static int wait_for(const sigset_t *signals, int64_t ms) {
    struct timespec bound = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    for (;;) {
        int got = sigtimedwait(signals, NULL, &bound);
        if (got > 0 || errno == EAGAIN)
            return got > 0 ? got : 0;
    }
}

/* The service manager hears of reloads, whoever asked for them. */
static void tell_reloading(void *user, bool begins) {
    const struct du_service *service = user;
    if (begins)
        du_service_tell_reloading(service);
    else
        du_service_tell(service, "READY=1");
}

/* Until SIGTERM or SIGINT; SIGHUP puts the scripts as they are now in force, SIGUSR1 opens the log
 * anew. */
static void serve_until_told(struct du_engine *engine, const struct du_service *service,
                             const sigset_t *signals) {
    int64_t pause_ms = service->watchdog_ms > 0 ? service->watchdog_ms / 4 + 1 : 3600000;
    for (;;) {
        int got = wait_for(signals, pause_ms);
        if (service->watchdog_ms > 0 &&
            du_engine_stands_still_ms(engine) < service->watchdog_ms / 2)
            du_service_tell(service, "WATCHDOG=1");
        if (got == SIGTERM || got == SIGINT)
            return;
        if (got == SIGUSR1)
            du_log_reopen(du_engine_base(engine)->log);
        if (got == SIGHUP)
            du_engine_reload(engine);
    }
}

/* Until nothing runs, for so long; false when a signal cuts it short. */
static bool wait_until_idle(struct du_engine *engine, const sigset_t *signals, int64_t ms) {
    for (; ms > 0 && !du_engine_idle(engine); ms -= 20) {
        int got = wait_for(signals, 20);
        if (got == SIGTERM || got == SIGINT)
            return false;
    }
    return true;
}

/* Lets what runs finish, within the drain time; a second signal cuts it short. While something runs
 * it still accepts, for the first half of that time: a balancer in front of us must see /readyz
 * before it sends its requests elsewhere. */
static void drain(struct du_engine *engine, const sigset_t *signals) {
    int64_t half = du_engine_drain_ms(engine) / 2;
    du_engine_drain(engine);
    if (!wait_until_idle(engine, signals, half))
        return;
    du_engine_refuse(engine);
    wait_until_idle(engine, signals, half);
}

static void say_where(struct du_engine *engine) {
    for (size_t i = 0; du_engine_address(engine, i) != NULL; i++)
        fprintf(stderr, "dunite: listening on %s\n", du_engine_address(engine, i));
}

int du_command_serve(int count, char **words) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, du_arguments_serve, 0, &options) ||
        !du_arguments_at_most(&options, 1, "serve"))
        return 2;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGPIPE);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    sigdelset(&signals, SIGPIPE);

    struct du_service service;
    du_service_open(&service);
    struct du_bytes overrides;
    du_bytes_init(&overrides);
    du_arguments_overrides(&options, &overrides);
    if (!du_service_override(&service, &overrides)) {
        du_bytes_deinit(&overrides);
        return 1;
    }
    const char *folder = options.argument_count > 0 ? options.arguments[0] : NULL;
    struct du_engine_options wanted = {
        .folder = folder != NULL ? folder : ".",
        .bundle = du_bundled_unless(folder),
        .scripts = du_arguments_text(&options, "scripts"),
        .overrides = overrides.data,
        .sockets = service.sockets,
        .program = "/proc/self/exe",
        .reloading = tell_reloading,
        .reloading_user = &service,
    };
    struct du_engine *engine = NULL;
    int code = du_report_start(&engine, &wanted);
    if (code == 0) {
        say_where(engine);
        du_service_tell(&service, "READY=1");
        serve_until_told(engine, &service, &signals);
        du_service_tell(&service, "STOPPING=1");
        drain(engine, &signals);
        du_engine_stop(&engine);
    }
    du_bytes_deinit(&overrides);
    du_service_close(&service);
    return code;
}
