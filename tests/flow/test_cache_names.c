/* Names in the cache: keys, versions and sizes. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <string.h>

enum { SIZE = 200 << 10 };

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

static void assert_hit(struct rig *rig, int worker) {
    int before = fake_started();
    struct taker *taker = open_taker(rig, worker);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(taker->status, DU_CACHE_HIT);
    assert_int_equal(fake_started(), before);
    taker_free(&taker);
}

static struct taker *open_named(struct rig *rig, const char *name, const char *version,
                                int64_t size) {
    struct taker *taker = taker_new(rig, 0, NULL, size);
    taker->options.name = name;
    taker->options.version = version;
    taker_open(taker);
    return taker;
}

static void get_named(struct rig *rig, const char *version, const struct payload *wanted,
                      enum du_cache_status status) {
    int before = fake_started();
    struct taker *taker = open_named(rig, "asset", version, (int64_t)wanted->size);
    if (status == DU_CACHE_MISS)
        fake_send(fake_wait(before + 1), wanted->bytes, wanted->size);
    taker_assert_gets(taker, wanted->bytes, wanted->size);
    assert_int_equal(taker->status, status);
    taker_free(&taker);
}

static void a_name_finds_the_version_and_size_it_was_stored_under(void **state) {
    get_named(*state, "1", &payload, DU_CACHE_MISS);
    get_named(*state, "1", &payload, DU_CACHE_HIT);
    get_named(*state, "2", &payload, DU_CACHE_MISS);
    get_named(*state, "2", &payload, DU_CACHE_HIT);
    get_named(*state, "2", &other, DU_CACHE_MISS); /* uploaded again */
    get_named(*state, "2", &other, DU_CACHE_HIT);
    assert_int_equal(rig_blobs(*state), 1);
}

static void names_and_versions_make_keys_that_do_not_meet(void **state) {
    struct taker *takers[] = {open_named(*state, "a", "bc", SIZE),
                              open_named(*state, "a", "b", SIZE),
                              open_named(*state, "ab", "c", SIZE),
                              open_named(*state, "abc", NULL, SIZE), open_taker(*state, 0)};
    enum { COUNT = sizeof takers / sizeof *takers };
    fake_wait(COUNT);
    for (int i = 0; i < COUNT; i++) {
        fake_send(fake_wait(i + 1), payload.bytes, SIZE);
        taker_assert_gets(takers[i], payload.bytes, SIZE);
        taker_free(&takers[i]);
    }
    assert_int_equal(rig_blobs(*state), 1);
}

static void a_digest_whose_bytes_spell_a_name_is_another_key(void **state) {
    struct du_digest digest;
    char name[sizeof digest.sha256] = {0}; /* 31 letters, and the NUL as the digest's last byte */
    memset(name, 'x', sizeof name - 1);
    memcpy(digest.sha256, name, sizeof name);
    struct taker *named = open_named(*state, name, NULL, -1);
    struct taker *digested = taker_new(*state, 0, &digest, -1);
    taker_open(digested);
    fake_end(fake_wait(2), DU_TRANSPORT, false);
    taker_assert_fails(digested, DU_TRANSPORT);
    fake_end(fake_wait(1), DU_TIMEOUT, false);
    taker_assert_fails(named, DU_TIMEOUT);
    taker_free(&named);
    taker_free(&digested);
}

static void two_fills_of_one_content_do_not_harm_each_others_readers(void **state) {
    struct taker *named = open_named(*state, "asset", "1", SIZE), *digested = open_taker(*state, 1);
    taker_allow(named, 10);
    taker_allow(digested, 10);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    fake_send(fake_wait(2), payload.bytes, SIZE);
    taker_wait_got(named, 10);
    taker_wait_got(digested, 10);
    taker_allow(named, INT64_MAX);
    taker_allow(digested, INT64_MAX);
    taker_assert_gets(named, payload.bytes, SIZE);
    taker_assert_gets(digested, payload.bytes, SIZE);
    assert_hit(*state, 0);
    taker_free(&named);
    taker_free(&digested);
}

static void a_peek_tells_what_opening_would_find(void **state) {
    struct rig *rig = *state;
    int64_t size = 0;
    struct du_cache_options options = {.name = "asset", .version = "1", .size = SIZE};
    options.origin = rig->origin;
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_MISS);
    du_index_limit(rig->index, SIZE - 1, 0);
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_BYPASS);
    du_index_limit(rig->index, -1, 0);
    assert_int_equal(size, -1);
    struct taker *taker = open_named(rig, "asset", "1", SIZE);
    fake_wait(1);
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_COALESCED);
    options.origin = NULL; /* who only looks joins nobody */
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_MISS);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_HIT);
    assert_int_equal(size, SIZE);
    options.size = SIZE + 1;
    assert_int_equal(du_cache_peek(rig->cache, &options, &size), DU_CACHE_MISS);
    assert_int_equal(fake_started(), 1);
    taker_free(&taker);
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
        WITH_RIG(a_name_finds_the_version_and_size_it_was_stored_under),
        WITH_RIG(names_and_versions_make_keys_that_do_not_meet),
        WITH_RIG(a_digest_whose_bytes_spell_a_name_is_another_key),
        WITH_RIG(a_peek_tells_what_opening_would_find),
        WITH_RIG(two_fills_of_one_content_do_not_harm_each_others_readers),
    };
    return cmocka_run_group_tests(tests, make_payloads, free_payloads);
}
