/* The end of an engine: what still runs ends, nothing hangs, nothing leaks (under ASan). */

#include "stage.h"

#include <pthread.h>
#include <sched.h>

struct asker {
    struct stage *stage;
    char address[64];
    struct du_bytes answer;
    pthread_t thread;
};

static void *ask(void *user) {
    static const char request[] = "GET /wait HTTP/1.1\r\nHost: stage\r\nConnection: close\r\n\r\n";
    struct asker *asker = user;
    struct du_slice text = {request, sizeof request - 1};
    du_call(asker->address, text, 20, &asker->answer, NULL);
    return NULL;
}

static void begin(struct asker *asker, struct stage *stage) {
    asker->stage = stage;
    strcpy(asker->address, du_engine_address(stage->engine, 0));
    du_bytes_init(&asker->answer);
    pthread_create(&asker->thread, NULL, ask, asker);
    while (du_engine_idle(stage->engine))
        sched_yield();
}

static void finish(struct asker *asker) {
    pthread_join(asker->thread, NULL);
    du_bytes_deinit(&asker->answer);
}

static void a_task_that_sleeps_is_cancelled(void **state) {
    (void)state;
    struct stage stage;
    struct asker asker;
    stage_write(
        &stage, "",
        "app:get('/wait', function() dunite.clock.sleep(3600000) return answer.text('late') end)");
    assert_int_equal(stage_start(&stage), DU_OK);
    begin(&asker, &stage);
    du_engine_stop(&stage.engine);
    finish(&asker);
    stage_end(&stage);
}

static void a_flight_with_waiters_is_cancelled(void **state) {
    (void)state;
    struct stage stage;
    struct asker first, second;
    stage_write(&stage, "flights = { 'slow' },",
                "app:get('/wait', function() app.flights.slow:run('key', function() "
                "dunite.clock.sleep(3600000) end) return answer.text('late') end)");
    assert_int_equal(stage_start(&stage), DU_OK);
    begin(&first, &stage);
    begin(&second, &stage);
    du_engine_stop(&stage.engine);
    finish(&first);
    finish(&second);
    stage_end(&stage);
}

static void a_drain_lets_what_runs_finish(void **state) {
    (void)state;
    struct stage stage;
    struct asker asker;
    stage_write(&stage, "",
                "app:get('/wait', function() while not dunite.health().draining do "
                "dunite.clock.sleep(1) end return answer.text('in time') end)");
    assert_int_equal(stage_start(&stage), DU_OK);
    begin(&asker, &stage);
    du_engine_drain(stage.engine);
    while (!du_engine_idle(stage.engine))
        sched_yield();
    pthread_join(asker.thread, NULL);
    assert_non_null(strstr(asker.answer.data, "in time"));
    du_bytes_deinit(&asker.answer);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_that_sleeps_is_cancelled),
        cmocka_unit_test(a_flight_with_waiters_is_cancelled),
        cmocka_unit_test(a_drain_lets_what_runs_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
