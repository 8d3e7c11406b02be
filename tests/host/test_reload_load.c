/* A hundred reloads under load on all workers: no request fails, none goes back to an older
 * generation, and nothing is left of the old ones. */

#include "mem.h"
#include "reloading.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { RELOADS = 100, CLIENTS = 4 };

struct load {
    struct stage *stage;
    atomic_bool ending;
    atomic_long asked;
    atomic_long newest; /* the highest generation that any answer told */
};

/* -1: the request failed. */
static long generation_of(const struct du_bytes *answer) {
    const char *body = answer->data != NULL ? strstr(answer->data, "\r\n\r\n") : NULL;
    bool fine = body != NULL && strncmp(answer->data, "HTTP/1.1 200 ", 13) == 0;
    return fine ? strtol(body + 4, NULL, 10) : -1;
}

/* What was asked after another had told a generation is answered by that one or a later. */
static void *ask_on(void *user) {
    struct load *load = user;
    while (!atomic_load(&load->ending)) {
        long least = atomic_load(&load->newest);
        struct du_bytes answer = stage_get(load->stage, "/");
        long told = generation_of(&answer);
        if (told < least)
            fail_msg("after generation %ld answered: %s", least,
                     answer.data != NULL ? answer.data : "nobody");
        while (least < told && !atomic_compare_exchange_weak(&load->newest, &least, told))
            continue;
        du_bytes_deinit(&answer);
        atomic_fetch_add(&load->asked, 1);
    }
    return NULL;
}

static void write_generation(struct stage *stage, int number) {
    char routes[512];
    snprintf(routes, sizeof routes,
             "app:get('/', function(req) local lease <close> = app.limits.takes:acquire('ada') "
             "return answer.text(app.flights.some:run('key', function() dunite.clock.sleep(0) "
             "return '%d' end)) end)",
             number);
    stage_rewrite(stage, "limits = { takes = {} }, flights = { 'some' },", routes);
}

/* That many reloads while clients ask; gives the blocks that live once everything old is over. */
static int64_t reload_under_load(struct load *load, int reloads) {
    pthread_t clients[CLIENTS];
    atomic_store(&load->ending, false);
    atomic_store(&load->newest, 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&clients[i], NULL, ask_on, load);
    for (int i = 1; i <= reloads; i++) {
        long asked = atomic_load(&load->asked);
        write_generation(load->stage, i);
        stage_reload_fine(load->stage);
        UNTIL(atomic_load(&load->asked) > asked + CLIENTS);
    }
    atomic_store(&load->ending, true);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    UNTIL(stage_generations(load->stage).old == 0 && du_engine_idle(load->stage->engine));
    /* What the last of the old had is given back by the time its worker does this. */
    du_engine_clock_moved(load->stage->engine);
    return du_mem_live();
}

static void a_hundred_reloads_fail_no_request_and_leave_nothing(void **state) {
    (void)state;
    struct stage stage;
    struct load load = {.stage = &stage};
    stage_write(&stage, "", "");
    write_generation(&stage, 0);
    assert_int_equal(stage_start(&stage), DU_OK);
    int64_t before = reload_under_load(&load, 10);
    write_generation(&stage, 0); /* the clients begin anew with the oldest number */
    stage_reload_fine(&stage);
    int64_t after = reload_under_load(&load, RELOADS);
    stage_says(&stage, "/", "100");
    struct du_named *named = du_engine_shared(stage.engine)->named;
    assert_int_equal(du_limiter_leases(du_named_limiter(named, "takes")), 0);
    assert_int_equal(du_single_flight_count(du_named_flights(named, "some")), 0);
    if (after > before + RELOADS / 2)
        fail_msg("%lld blocks live, %lld did before", (long long)after, (long long)before);
    stage_end(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_reloads_fail_no_request_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
