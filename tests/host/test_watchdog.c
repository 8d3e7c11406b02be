/* A worker whose loop stands still is noticed and told, with who is at it; the others go on. */

#include "reloading.h"

#include <sched.h>
#include <stdio.h>

struct lines {
    pthread_mutex_t lock;
    char stands[512], goes_on[512];
};

static void hear(void *user, enum du_log_level level, const char *line, size_t size) {
    struct lines *lines = user;
    (void)level, (void)size;
    pthread_mutex_lock(&lines->lock);
    if (strstr(line, "a worker stands still") != NULL)
        snprintf(lines->stands, sizeof lines->stands, "%s", line);
    if (strstr(line, "a worker goes on after it stood still") != NULL)
        snprintf(lines->goes_on, sizeof lines->goes_on, "%s", line);
    pthread_mutex_unlock(&lines->lock);
}

static bool has(struct lines *lines, const char *text) {
    pthread_mutex_lock(&lines->lock);
    bool found = strstr(text, "worker=") != NULL;
    pthread_mutex_unlock(&lines->lock);
    return found;
}

/* Each pattern takes longer than the one before, until together they took longer than a stall. */
static const char stand[] =
    "app:get('/still', function() local began, size = dunite.clock.mono(), 20 "
    "while dunite.clock.mono() - began < 1500 do "
    "local _ = ('a'):rep(size):find(('.-'):rep(6) .. 'b') size = size + 10 end "
    "return answer.text('at last') end) "
    "app:get('/', function() return answer.text('well') end)";

static void a_loop_that_stands_still_is_told_with_who_is_at_it(void **state) {
    (void)state;
    struct stage stage;
    struct asker asker;
    struct lines lines = {.lock = PTHREAD_MUTEX_INITIALIZER};
    stage_write(&stage, "", stand);
    struct du_engine_options options = {
        .folder = stage.folder, .quiet = true, .log_sink = hear, .log_user = &lines};
    assert_int_equal(du_engine_start(&stage.engine, &options, &stage.findings, &stage.error),
                     DU_OK);
    asker_begin(&asker, &stage, "/still");
    UNTIL(has(&lines, lines.stands));
    assert_true(du_engine_stands_still_ms(stage.engine) > 0);
    assert_non_null(strstr(lines.stands, "at=\"a request\""));
    assert_non_null(strstr(lines.stands, "request="));
    UNTIL(has(&lines, lines.goes_on));
    asker_says(&asker, "\r\n\r\nat last");
    stage_says(&stage, "/", "well");
    stage_end(&stage);
}

static void an_engine_can_be_stopped_while_a_loop_stands_still(void **state) {
    (void)state;
    struct stage stage;
    struct asker asker;
    stage_write(&stage, "", stand);
    assert_int_equal(stage_start(&stage), DU_OK);
    asker_begin(&asker, &stage, "/still");
    UNTIL(du_engine_stands_still_ms(stage.engine) > 300);
    struct du_engine *engine = stage.engine; /* the asker looks at the stage's */
    du_engine_drain(engine);
    du_engine_stop(&engine);
    pthread_join(asker.thread, NULL);
    stage.engine = NULL;
    du_bytes_deinit(&asker.answer);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_stands_still_is_told_with_who_is_at_it),
        cmocka_unit_test(an_engine_can_be_stopped_while_a_loop_stands_still),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
