/* Workers that share an origin: one request for a token over all of them. */

#include "fetching.h"

#include "single_flight.h"
#include "upstream_int.h"

#include <pthread.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORKERS = 2, FETCHES = 20, ALL = WORKERS * FETCHES };

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct scene {
    struct double_server *server;
    struct du_flight_domain *domain;
    struct du_base base;
    struct du_origin *origin;
    char challenge[256];
    sem_t gate;      /* before a token is given */
    size_t opens_at; /* requests after which it opens by itself; 0: never */
    struct rig *rigs[WORKERS];
};

/* On a thread of the double's. */
static void asked(void *user) {
    struct scene *scene = user;
    if (double_requests(scene->server) == scene->opens_at)
        sem_post(&scene->gate);
    for (int i = 0; i < WORKERS; i++) {
        if (scene->rigs[i] != NULL)
            rig_asked(scene->rigs[i]);
    }
}

static void play_registry(struct scene *scene) {
    snprintf(scene->challenge, sizeof scene->challenge,
             "HTTP/1.1 401 X\r\nWWW-Authenticate: Bearer realm=\"%s\"\r\nContent-Length: 0\r\n\r\n",
             double_url(scene->server, "/token"));
    struct double_answer script[] = {
        {.to = "GET /v2/", .holding = "Bearer t1\r\n", .send = ok, .always = true},
        {.to = "GET /v2/", .send = scene->challenge, .always = true},
        {.to = "GET /token",
         .send =
             "HTTP/1.1 200 OK\r\nContent-Length: 33\r\n\r\n{\"token\":\"t1\",\"expires_in\":12345}",
         .gate = &scene->gate,
         .always = true},
        {0}};
    double_play(scene->server, script);
}

static int set_up(void **state) {
    struct scene *scene = calloc(1, sizeof *scene);
    sem_init(&scene->gate, 0, 0);
    du_clock_init_manual(&scene->base.clock, NOON_MS);
    du_faults_init(&scene->base.faults);
    assert_int_equal(du_flight_domain_new(&scene->domain), DU_OK);
    scene->server = double_listen("127.0.0.1", asked, scene);
    play_registry(scene);
    struct du_origin_options options = {
        .name = "hub", .kind = DU_ORIGIN_OCI, .url = double_url(scene->server, "")};
    assert_int_equal(du_origin_new(&scene->origin, scene->domain, &scene->base, &options, NULL),
                     DU_OK);
    *state = scene;
    return 0;
}

static int tear_down(void **state) {
    struct scene *scene = *state;
    du_origin_unref(&scene->origin);
    double_free(scene->server);
    du_flight_domain_free(&scene->domain);
    sem_destroy(&scene->gate);
    free(scene);
    return 0;
}

static struct du_fetch_options options_of(struct scene *scene) {
    return (struct du_fetch_options){
        .origin = scene->origin, .url = "/v2/a/b/manifests/1", .scope = "repository:a/b:pull"};
}

struct worker {
    struct scene *scene;
    pthread_t thread;
    size_t good;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    struct scene *scene = worker->scene;
    struct rig rig;
    struct got got[FETCHES] = {0};
    struct du_fetch_options options = options_of(scene);
    rig_init(&rig, scene->domain);
    for (int i = 0; i < FETCHES; i++) {
        if (got_start(&got[i], &rig, &options) != DU_OK)
            abort();
    }
    for (int i = 0; i < FETCHES; i++) {
        worker->good += got_end(&got[i]) == DU_OK && got[i].status == 200;
        got_deinit(&got[i]);
    }
    rig_deinit(&rig);
    return NULL;
}

static void all_workers_share_one_request_for_a_token(void **state) {
    struct scene *scene = *state;
    struct worker workers[WORKERS] = {0};
    size_t good = 0;
    scene->opens_at = ALL + 1;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].scene = scene;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        good += workers[i].good;
    }
    assert_int_equal(good, ALL);
    assert_int_equal(double_saw(scene->server, "GET /token"), 1);
    assert_int_equal(double_requests(scene->server), ALL + 1 + ALL);
    assert_int_equal(du_origin_requests(scene->origin), ALL + 1 + ALL);
}

static void count_waiters(void *user, const void *key, size_t size, size_t waiters,
                          bool published) {
    (void)key, (void)size, (void)published;
    *(size_t *)user += waiters;
}

static size_t waiters(struct scene *scene) {
    size_t count = 0;
    du_single_flight_each(scene->origin->sign_ins, count_waiters, &count);
    return count;
}

/* Both workers wait for the first one's request for a token, which the gate holds back. */
static void wait_together(struct scene *scene, struct rig rigs[WORKERS], struct got got[WORKERS]) {
    struct du_fetch_options options = options_of(scene);
    for (size_t i = 0; i < WORKERS; i++) {
        rig_init(&rigs[i], scene->domain);
        scene->rigs[i] = &rigs[i];
        assert_int_equal(got_start(&got[i], &rigs[i], &options), DU_OK);
        while (waiters(scene) < i + 1)
            rig_poll(&rigs[i]);
    }
    rig_until_asked(&rigs[0], scene->server, WORKERS + 1);
}

/* The double calls the rigs: it goes first. */
static void end_together(struct scene *scene, struct rig rigs[WORKERS], struct got got[WORKERS]) {
    double_free(scene->server);
    scene->server = double_listen("127.0.0.1", NULL, NULL);
    for (size_t i = 0; i < WORKERS; i++) {
        got_deinit(&got[i]);
        rig_deinit(&rigs[i]);
    }
}

static void a_worker_that_ends_does_not_take_the_others_token_with_it(void **state) {
    struct scene *scene = *state;
    struct rig rigs[WORKERS];
    struct got got[WORKERS] = {0};
    wait_together(scene, rigs, got);
    rig_close_client(&rigs[0]);
    assert_int_equal(got[0].error.kind, DU_CANCELLED);
    assert_int_equal(got[1].ends, 0);
    rig_until_asked(&rigs[1], scene->server, WORKERS + 2);
    assert_int_equal(double_saw(scene->server, "GET /token"), 2);
    for (int i = 0; i < 2; i++)
        sem_post(&scene->gate);
    assert_int_equal(got_end(&got[1]), DU_OK);
    end_together(scene, rigs, got);
}

static void a_worker_may_end_while_another_asks_for_the_token(void **state) {
    struct scene *scene = *state;
    struct rig rigs[WORKERS];
    struct got got[WORKERS] = {0};
    wait_together(scene, rigs, got);
    rig_close_client(&rigs[1]);
    assert_int_equal(got[1].error.kind, DU_CANCELLED);
    assert_int_equal(waiters(scene), 1);
    sem_post(&scene->gate);
    assert_int_equal(got_end(&got[0]), DU_OK);
    assert_int_equal(double_saw(scene->server, "GET /token"), 1);
    end_together(scene, rigs, got);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(all_workers_share_one_request_for_a_token),
        TEST(a_worker_that_ends_does_not_take_the_others_token_with_it),
        TEST(a_worker_may_end_while_another_asks_for_the_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
