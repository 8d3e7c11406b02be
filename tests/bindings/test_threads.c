/* Two workers on threads of their own hammer the same flights and the same limit: whatever the
 * interleaving, every caller gets exactly one answer and nothing is left. For the thread sanitizer
 * above all. */

#include "rig.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 100 };

static struct engine engine;
static pthread_barrier_t line;

struct hammer {
    pthread_t thread;
    unsigned number;
    char failure[512];
};

static const char stampede[] =
    "local flights, limiter, turn = native.flights 'reports', native.limiter 'downloads', "
    "native.clock.sleep\n"
    "local functions = {}\n"
    "for i = 1, 20 do\n"
    "  local key = tostring((SEED * 7 + i) % 4)\n"
    "  local function operation(publish)\n"
    "    for _ = 1, i % 4 do turn(0) end\n"
    "    if i % 5 == 0 then error 'dead' end\n"
    "    if i % 3 == 0 then publish('p' .. key) turn(0) end\n"
    "    return 'v' .. key\n"
    "  end\n"
    "  functions[i] = function()\n"
    "    local options = { on_abandon = i % 2 == 0 and 'cancel' or 'finish', timeout = i % 7 == 0 "
    "and 0 or nil }\n"
    "    local value, problem = flights:run(key, operation, options)\n"
    "    assert(value == 'v' .. key or value == 'p' .. key or problem.variant, value)\n"
    "    local lease <close> = limiter:acquire('s' .. key, 2, -1, { wait = 1000 })\n"
    "    assert(lease)\n"
    "    turn(0)\n"
    "  end\n"
    "end\n"
    "for _, got in ipairs(native.all(functions)) do assert(not got[2], got[2] and got[2].message) "
    "end\n";

/* Every third round its client leaves in the midst of it. */
static void play_round(struct worker *worker, struct hammer *hammer, int round) {
    struct outcome outcome;
    lua_pushinteger(worker->L, round + (int)hammer->number);
    lua_setglobal(worker->L, "SEED");
    struct du_task *task = worker_begin(worker, stampede, DU_PHASE_REQUEST, &outcome);
    for (int turn = 0; turn < round % 5; turn++)
        uv_run(&worker->loop, UV_RUN_NOWAIT);
    bool leaves = round % 3 == 0;
    if (leaves && !outcome.ended)
        du_task_cancel(task);
    worker_turn_until(worker, &outcome.ended);
    if (outcome.end != DU_TASK_RETURNED && !(leaves && outcome.end == DU_TASK_CANCELLED))
        snprintf(hammer->failure, sizeof hammer->failure, "round %d: %s", round,
                 outcome.error.message);
}

static void *run(void *user) {
    struct hammer *hammer = user;
    struct worker worker;
    worker_start(&worker, &engine, hammer->number);
    pthread_barrier_wait(&line);
    for (int round = 0; round < ROUNDS && hammer->failure[0] == '\0'; round++)
        play_round(&worker, hammer, round);
    pthread_barrier_wait(&line);
    worker_end(&worker);
    return NULL;
}

static void two_threads_leave_nothing_behind(void **state) {
    (void)state;
    struct hammer hammers[2] = {{.number = 0}, {.number = 1}};
    engine_start(&engine);
    pthread_barrier_init(&line, NULL, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&hammers[i].thread, NULL, run, &hammers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(hammers[i].thread, NULL);
    pthread_barrier_destroy(&line);
    for (int i = 0; i < 2; i++)
        assert_string_equal(hammers[i].failure, "");
    assert_int_equal(du_limiter_subjects(engine.named.downloads), 0);
    engine_end(&engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_threads_leave_nothing_behind)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
