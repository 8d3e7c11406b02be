/* The cache: who gets a blob from where. One fetch for all who want it, whoever comes between. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SIZE = 200 << 10, MANY = 60 };

static struct payload payload, other;

static int set_up(void **state) {
    struct rig *rig = rig_new();
    fake_reset();
    rig->origin = fake_origin();
    *state = rig;
    return 0;
}

static int tear_down(void **state) {
    rig_free(*state);
    return 0;
}

static struct taker *open_taker(struct rig *rig, int worker) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, SIZE);
    taker_open(taker);
    return taker;
}

static struct taker *open_from(struct rig *rig, int worker, const char *source, const char *url) {
    struct taker *taker = taker_new(rig, worker, &payload.digest, SIZE);
    taker->options.source = source;
    taker->options.url = url;
    taker_open(taker);
    return taker;
}

static void fill_cache(struct rig *rig) {
    struct taker *taker = open_taker(rig, 0);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(taker, payload.bytes, SIZE);
    taker_free(&taker);
}

static void assert_hit(struct rig *rig, int worker) {
    int before = fake_started();
    struct taker *taker = open_taker(rig, worker);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(taker->status, DU_CACHE_HIT);
    assert_int_equal(fake_started(), before);
    taker_free(&taker);
}

/* One fetch ------------------------------------------------------------------------------------ */

static void what_was_fetched_once_is_found_on_every_worker(void **state) {
    fill_cache(*state);
    assert_hit(*state, 0);
    assert_hit(*state, 1);
}

static void a_restart_finds_the_blob(void **state) {
    fill_cache(*state);
    rig_restart(*state);
    assert_hit(*state, 0);
}

static void without_an_origin_the_cache_only_looks(void **state) {
    struct taker *taker = taker_new(*state, 0, &payload.digest, SIZE);
    taker->options.origin = NULL;
    taker_open(taker);
    taker_assert_fails(taker, DU_NOT_FOUND);
    assert_int_equal(fake_started(), 0);
    taker_free(&taker);
}

struct crowd {
    struct rig *rig;
    int worker;
    pthread_barrier_t *start;
    struct taker *takers[MANY];
};

static void *open_all(void *user) {
    struct crowd *crowd = user;
    pthread_barrier_wait(crowd->start);
    for (int i = 0; i < MANY; i++)
        crowd->takers[i] = open_taker(crowd->rig, crowd->worker);
    return NULL;
}

static void a_stampede_from_two_loops_at_once_is_one_fetch(void **state) {
    pthread_barrier_t start;
    pthread_t threads[RIG_WORKERS];
    struct crowd crowds[RIG_WORKERS];
    int misses = 0;
    pthread_barrier_init(&start, NULL, RIG_WORKERS + 1);
    for (int i = 0; i < RIG_WORKERS; i++) {
        crowds[i] = (struct crowd){.rig = *state, .worker = i, .start = &start};
        assert_int_equal(pthread_create(&threads[i], NULL, open_all, &crowds[i]), 0);
    }
    pthread_barrier_wait(&start);
    /* Some come before the answer, some while the body runs, some may find the blob. */
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    for (size_t at = 0; at < SIZE; at += SIZE / 100)
        fake_data(fetch, payload.bytes + at, SIZE / 100);
    fake_end(fetch, DU_OK, true);
    for (int i = 0; i < RIG_WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < RIG_WORKERS * MANY; i++) {
        struct taker *taker = crowds[i / MANY].takers[i % MANY];
        taker_assert_gets(taker, payload.bytes, SIZE);
        misses += taker->status == DU_CACHE_MISS;
        taker_free(&taker);
    }
    assert_int_equal(misses, 1);
    assert_int_equal(fake_started(), 1);
    pthread_barrier_destroy(&start);
}

static void who_saw_a_miss_just_before_the_fill_ended_finds_the_blob(void **state) {
    struct rig *rig = *state;
    struct taker *first = open_taker(rig, 0), *between = taker_new(rig, 1, &payload.digest, SIZE);
    rig_gate_close(&gates.join);
    taker_post(between); /* it has asked the index, and not yet joined */
    rig_gate_wait_for_arrival(&gates.join, 1);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(first, payload.bytes, SIZE);
    rig_land(rig, 0);
    rig_gate_open(&gates.join);
    taker_assert_gets(between, payload.bytes, SIZE);
    assert_int_equal(between->status, DU_CACHE_HIT);
    assert_int_equal(fake_started(), 1);
    taker_free(&first);
    taker_free(&between);
}

static void who_comes_when_the_blob_is_visible_but_not_indexed_shares_the_fill(void **state) {
    rig_gate_close(&gates.index);
    struct taker *first = open_taker(*state, 0);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    rig_gate_wait_for_arrival(&gates.index, 1);
    struct taker *between = open_taker(*state, 1);
    taker_wait_idle(between);
    assert_int_equal(between->status, DU_CACHE_COALESCED);
    rig_gate_open(&gates.index);
    taker_assert_gets(first, payload.bytes, SIZE);
    taker_assert_gets(between, payload.bytes, SIZE);
    assert_int_equal(fake_started(), 1);
    taker_free(&first);
    taker_free(&between);
}

static const char *path_of(struct rig *rig, char path[256]) {
    char text[DU_DIGEST_TEXT];
    const char *hex = du_digest_format(&payload.digest, text) + 7;
    snprintf(path, 256, "%s/sha256/%.2s/%s", rig->folder, hex, hex);
    return path;
}

static void a_blob_whose_file_is_gone_or_cut_is_fetched_anew(void **state) {
    char path[256];
    fill_cache(*state);
    assert_int_equal(truncate(path_of(*state, path), SIZE - 1), 0);
    for (int fetches = 2; fetches <= 3; fetches++) {
        struct taker *taker = open_taker(*state, 1);
        fake_send(fake_wait(fetches), payload.bytes, SIZE);
        taker_assert_gets(taker, payload.bytes, SIZE);
        taker_free(&taker);
        rig_land(*state, 1);
        assert_hit(*state, 0);
        unlink(path_of(*state, path));
    }
}

static void a_slow_key_does_not_delay_another(void **state) {
    struct taker *slow = open_taker(*state, 0);
    struct taker *quick = taker_new(*state, 0, &other.digest, SIZE + 1);
    taker_open(quick);
    fake_send(fake_wait(2), other.bytes, other.size);
    taker_assert_gets(quick, other.bytes, other.size);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(slow, payload.bytes, SIZE);
    taker_free(&slow);
    taker_free(&quick);
}

/* Sources -------------------------------------------------------------------------------------- */

static void who_joins_from_another_source_does_not_inherit_its_404(void **state) {
    struct taker *a = open_from(*state, 0, "a", "/a");
    struct taker *also_a = open_from(*state, 1, "a", "/a");
    struct taker *b = open_from(*state, 1, "b", "/b");
    struct taker *c = open_from(*state, 0, "c", "/c");
    fake_end(fake_wait(1), DU_NOT_FOUND, false);
    taker_assert_fails(a, DU_NOT_FOUND);
    taker_assert_fails(also_a, DU_NOT_FOUND);
    struct fake_fetch *second = fake_wait(2);
    bool b_leads = strcmp(fake_url(second), "/b") == 0;
    assert_true(b_leads || strcmp(fake_url(second), "/c") == 0);
    /* Only when both are on it again does it fail, too. */
    rig_settle(b->worker);
    rig_settle(c->worker);
    fake_end(second, DU_UPSTREAM, false);
    taker_assert_fails(b_leads ? b : c, DU_UPSTREAM);
    struct fake_fetch *third = fake_wait(3);
    assert_string_equal(fake_url(third), b_leads ? "/c" : "/b");
    fake_send(third, payload.bytes, SIZE);
    taker_assert_gets(b_leads ? c : b, payload.bytes, SIZE);
    assert_int_equal(fake_started(), 3);
    taker_free(&a);
    taker_free(&also_a);
    taker_free(&b);
    taker_free(&c);
}

static void who_joins_from_another_source_shares_what_the_leader_gets(void **state) {
    struct taker *a = open_from(*state, 0, "a", "/a");
    struct taker *b = open_from(*state, 1, NULL, "/b");
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(a, payload.bytes, SIZE);
    taker_assert_gets(b, payload.bytes, SIZE);
    assert_int_equal(fake_started(), 1);
    taker_free(&a);
    taker_free(&b);
}

static void a_failure_of_our_own_is_inherited_from_any_source(void **state) {
    struct rig *rig = *state;
    struct taker *a = open_from(rig, 0, "a", "/a");
    struct taker *b = open_from(rig, 1, "b", "/b");
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_RESERVE, ENOSPC, 0, 1);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_fails(a, DU_IO);
    taker_assert_fails(b, DU_IO);
    assert_int_equal(fake_started(), 1);
    taker_free(&a);
    taker_free(&b);
}

static void figures_count_what_was_opened_and_fetched(void **state) {
    struct rig *rig = *state;
    struct du_cache_figures figures;
    struct taker *first = open_taker(rig, 0), *second = open_taker(rig, 1);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(first, payload.bytes, SIZE);
    taker_assert_gets(second, payload.bytes, SIZE);
    assert_hit(rig, 0);
    struct taker *failing = taker_new(rig, 0, &other.digest, -1);
    taker_open(failing);
    fake_end(fake_wait(2), DU_TIMEOUT, false);
    taker_assert_fails(failing, DU_TIMEOUT);
    rig_land(rig, 0);
    du_cache_figures(rig->cache, &figures);
    assert_int_equal(figures.opened[DU_CACHE_MISS], 2);
    assert_int_equal(figures.opened[DU_CACHE_COALESCED], 1);
    assert_int_equal(figures.opened[DU_CACHE_HIT], 1);
    assert_int_equal(figures.opened[DU_CACHE_BYPASS], 0);
    assert_int_equal(figures.filled, 1);
    assert_int_equal(figures.failed, 1);
    assert_int_equal(figures.bytes, SIZE);
    taker_free(&first);
    taker_free(&second);
    taker_free(&failing);
}

static int make_payloads(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    other = payload_of(SIZE + 1);
    return 0;
}

static int free_payloads(void **state) {
    (void)state;
    payload_free(&payload);
    payload_free(&other);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(what_was_fetched_once_is_found_on_every_worker),
        WITH_RIG(a_restart_finds_the_blob),
        WITH_RIG(without_an_origin_the_cache_only_looks),
        WITH_RIG(a_stampede_from_two_loops_at_once_is_one_fetch),
        WITH_RIG(who_saw_a_miss_just_before_the_fill_ended_finds_the_blob),
        WITH_RIG(who_comes_when_the_blob_is_visible_but_not_indexed_shares_the_fill),
        WITH_RIG(a_blob_whose_file_is_gone_or_cut_is_fetched_anew),
        WITH_RIG(a_slow_key_does_not_delay_another),
        WITH_RIG(who_joins_from_another_source_does_not_inherit_its_404),
        WITH_RIG(who_joins_from_another_source_shares_what_the_leader_gets),
        WITH_RIG(a_failure_of_our_own_is_inherited_from_any_source),
        WITH_RIG(figures_count_what_was_opened_and_fetched),
    };
    return cmocka_run_group_tests(tests, make_payloads, free_payloads);
}
