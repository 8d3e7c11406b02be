/* Small bytes at hand, into the store by the disk lane. */

#include "fake_upstream.h"
#include "gates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>

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

struct storing {
    struct rig *rig;
    struct du_cache_store store;
    bool stored; /* under the rig's lock */
};

static void on_stored(struct du_cache_store *store) {
    rig_lock();
    du_container_of(store, struct storing, store)->stored = true;
    rig_tell();
    rig_unlock();
}

static void start_storing(void *user) {
    struct storing *storing = user;
    assert_int_equal(du_cache_store(storing->rig->cache, &storing->store), DU_OK);
}

static bool is_stored(void *user) {
    return ((struct storing *)user)->stored;
}

static struct du_error store(struct rig *rig, const struct du_digest *expected,
                             struct du_digest *digest) {
    struct storing storing = {.rig = rig,
                              .store = {.home = &rig->workers[0].mailbox,
                                        .stored = on_stored,
                                        .data = payload.bytes,
                                        .size = SIZE,
                                        .expected = expected}};
    rig_run(&rig->workers[0], start_storing, &storing);
    rig_wait(is_stored, &storing);
    rig_settle(&rig->workers[0]);
    *digest = storing.store.digest;
    return storing.store.error;
}

static void bytes_at_hand_are_stored_as_a_blob(void **state) {
    struct du_digest digest;
    assert_int_equal(store(*state, NULL, &digest).kind, DU_OK);
    assert_true(du_digest_equal(&digest, &payload.digest));
    assert_int_equal(store(*state, &payload.digest, &digest).kind, DU_OK);
    assert_hit(*state, 1);
}

static void bytes_with_another_digest_than_expected_are_not_stored(void **state) {
    struct du_digest digest;
    struct du_error error = store(*state, &other.digest, &digest);
    assert_int_equal(error.kind, DU_INTEGRITY);
    assert_int_equal(rig_blobs(*state), 0);
    assert_int_equal(rig_partials(*state), 0);
}

static void bytes_that_the_disk_has_no_room_for_are_not_stored(void **state) {
    static const enum du_fault faults[] = {DU_FAULT_BLOB_OPEN, DU_FAULT_BLOB_WRITE,
                                           DU_FAULT_BLOB_SYNC, DU_FAULT_BLOB_RENAME};
    struct rig *rig = *state;
    struct du_digest digest;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        du_faults_arm(&rig->base.faults, faults[i], ENOSPC, 0, 1);
        assert_int_equal(store(rig, NULL, &digest).kind, DU_IO);
        assert_int_equal(rig_blobs(rig), 0);
        assert_int_equal(rig_partials(rig), 0);
    }
    assert_int_equal(store(rig, NULL, &digest).kind, DU_OK);
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
        WITH_RIG(bytes_at_hand_are_stored_as_a_blob),
        WITH_RIG(bytes_with_another_digest_than_expected_are_not_stored),
        WITH_RIG(bytes_that_the_disk_has_no_room_for_are_not_stored),
    };
    return cmocka_run_group_tests(tests, make_payloads, free_payloads);
}
