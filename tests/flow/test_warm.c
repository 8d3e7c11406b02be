/* Files that are not in memory: no loop waits for them. */

#include "fake_upstream.h"
#include "warm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "payload.h"
#include "taker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SIZE = (5 << 20) / 2, PIECES = 3, PIECE = 1 << 20, STRIDE = 128 << 10 };

static struct payload payload;
static struct rig_gate lane;

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

static struct taker *open_taker(struct rig *rig) {
    struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
    taker_open(taker);
    return taker;
}

static void assert_gets(struct taker **taker) {
    taker_assert_gets(*taker, payload.bytes, SIZE);
    taker_free(taker);
}

static void fill_cache(struct rig *rig) {
    struct taker *taker = open_taker(rig);
    fake_send(fake_wait(1), payload.bytes, SIZE);
    assert_gets(&taker);
    rig_land(rig, 0);
}

/* The lane is held until its gate opens. */
static void stand(struct du_job *job) {
    (void)job;
    rig_gate_pass(&lane);
}

static void hold_lane(struct rig *rig) {
    static struct du_job job;
    job = (struct du_job){.work = stand};
    rig_gate_close(&lane);
    assert_int_equal(du_lane_submit(rig->disk, &job), DU_OK);
    rig_gate_wait_for_arrival(&lane, 1);
}

/* What is cold, by a fault ----------------------------------------------------------------------
 */

static void a_cold_blob_is_read_in_the_lane_while_its_loop_goes_on(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    hold_lane(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 0, 1);
    struct taker *cold = open_taker(rig);
    taker_wait_idle(cold);
    assert_int_equal(taker_got(cold), 0);
    assert_true(cold->waits);
    /* Another reader of the same loop has all of it meanwhile. */
    struct taker *warm = open_taker(rig);
    assert_gets(&warm);
    assert_int_equal(taker_state(cold), TAKER_READING);
    rig_gate_open(&lane);
    assert_gets(&cold);
}

static void each_piece_that_is_cold_waits_once(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 0, -1);
    struct taker *taker = open_taker(rig);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_int_equal(taker->wakes, PIECES);
    taker_free(&taker);
}

static void a_fill_is_read_ahead_too(void **state) {
    struct rig *rig = *state;
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 0, -1);
    struct taker *taker = open_taker(rig);
    struct fake_fetch *fetch = fake_wait(1);
    fake_head(fetch, 200, SIZE);
    fake_data(fetch, payload.bytes, SIZE / 2);
    taker_wait_got(taker, SIZE / 2);
    fake_data(fetch, payload.bytes + SIZE / 2, SIZE - SIZE / 2);
    fake_end(fetch, DU_OK, true);
    assert_gets(&taker);
}

static void a_reader_that_leaves_while_it_is_read_ahead_gives_all_back(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    hold_lane(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 0, 1);
    struct taker *taker = open_taker(rig);
    taker_wait_idle(taker);
    taker_free(&taker);
    du_index_drop(rig->index, &payload.digest); /* its file goes with its last pin */
    assert_int_equal(rig_blobs(rig), 1);
    rig_gate_open(&lane);
    rig_land(rig, 0);
    assert_int_equal(rig_blobs(rig), 0);
}

/* Small blobs -----------------------------------------------------------------------------------
 */

static void a_small_blob_is_given_as_bytes_once_it_is_in_memory(void **state) {
    static const struct {
        int64_t first, length;
    } ranges[] = {{0, 16 << 10}, {1000, 1}, {SIZE - 5, 5}, {0, (16 << 10) + 1}};
    struct rig *rig = *state;
    fill_cache(rig);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        for (int cold = 0; cold < 2; cold++) {
            struct taker *taker = taker_new(rig, 0, &payload.digest, SIZE);
            taker->first = ranges[i].first;
            taker->length = ranges[i].length;
            if (cold)
                du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 0, 2);
            taker_open(taker);
            taker_assert_gets(taker, payload.bytes + taker->first, (size_t)taker->length);
            assert_int_equal(taker->pieces_of_bytes, i < 3);
            assert_int_equal(taker->wakes, cold);
            taker_free(&taker);
            du_faults_disarm(&rig->base.faults, DU_FAULT_BLOB_COLD);
        }
    }
}

/* Names that are cold ---------------------------------------------------------------------------
 */

static struct taker *open_cold(struct rig *rig) {
    hold_lane(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD_OPEN, 1, 0, 1);
    struct taker *taker = open_taker(rig);
    assert_int_equal(taker_state(taker), TAKER_OPENING);
    return taker;
}

static void a_file_whose_name_is_cold_is_opened_in_the_lane(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    struct taker *cold = open_cold(rig), *warm = open_taker(rig);
    assert_gets(&warm);
    assert_int_equal(taker_state(cold), TAKER_OPENING);
    rig_gate_open(&lane);
    taker_assert_gets(cold, payload.bytes, SIZE);
    assert_int_equal(cold->status, DU_CACHE_HIT);
    taker_free(&cold);
    assert_int_equal(fake_started(), 1);
}

static void who_only_looks_waits_for_it_too(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    struct du_origin *origin = rig->origin;
    rig->origin = NULL;
    struct taker *cold = open_cold(rig);
    rig_gate_open(&lane);
    assert_gets(&cold);
    rig->origin = origin;
}

static void one_may_leave_while_it_is_opened(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    struct taker *cold = open_cold(rig);
    taker_free(&cold);
    rig_gate_open(&lane);
    rig_land(rig, 0);
}

static void one_that_turns_out_to_be_gone_is_fetched_anew(void **state) {
    struct rig *rig = *state;
    struct du_error error;
    fill_cache(rig);
    struct taker *cold = open_cold(rig);
    assert_int_equal(du_blobs_remove(rig->blobs, &payload.digest, &error), DU_OK);
    rig_gate_open(&lane);
    fake_send(fake_wait(2), payload.bytes, SIZE);
    assert_gets(&cold);
}

static void a_worker_that_ends_waits_for_it(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    struct taker *cold = open_cold(rig);
    rig_shut(rig, 0);
    assert_false(rig_is_shut(rig, 0));
    rig_gate_open(&lane);
    rig_wait_shut(rig, 0);
    assert_gets(&cold);
}

static void a_disk_that_cannot_be_read_breaks_the_reader_as_io(void **state) {
    struct rig *rig = *state;
    fill_cache(rig);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_COLD, 1, 1, -1);
    du_faults_arm(&rig->base.faults, DU_FAULT_BLOB_READ_AHEAD, EIO, 0, 1);
    struct taker *taker = open_taker(rig);
    taker_assert_breaks(taker, DU_IO);
    assert_int_equal(taker->got, PIECE);
    taker_free(&taker);
    du_faults_disarm(&rig->base.faults, DU_FAULT_BLOB_COLD);
    taker = open_taker(rig);
    assert_gets(&taker);
}

/* What is cold in truth -------------------------------------------------------------------------
 */

static int drop_from_memory(const char *path, int64_t first, int64_t length) {
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fsync(fd), 0);
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* or the kernel reads more than it is asked for */
    assert_int_equal(posix_fadvise(fd, first, length, POSIX_FADV_DONTNEED), 0);
    return fd;
}

static void path_of_blob(struct rig *rig, char path[160]) {
    char text[DU_DIGEST_TEXT];
    const char *hex = du_digest_format(&payload.digest, text) + 7;
    snprintf(path, 160, "%s/sha256/%.2s/%s", rig->folder, hex, hex);
}

static void what_the_kernel_has_dropped_is_seen_and_read_in_again(void **state) {
    struct rig *rig = *state;
    struct du_error error;
    char path[160];
    fill_cache(rig);
    path_of_blob(rig, path);
    int fd = drop_from_memory(path, 0, 0);
    int64_t warm = du_warm_until(NULL, fd, 0, SIZE);
    if (warm == SIZE) {
        print_message("the file system of %s keeps or cannot drop what it has read: skipped\n",
                      rig->folder);
        close(fd);
        skip();
    }
    assert_int_equal(warm, 0);
    assert_int_equal(du_warm_up(NULL, fd, 0, 4 * STRIDE, &error), DU_OK);
    assert_true(du_warm_until(NULL, fd, 0, 4 * STRIDE) == 4 * STRIDE);
    assert_int_equal(du_warm_up(NULL, fd, 0, SIZE, &error), DU_OK);
    assert_int_equal(du_warm_until(NULL, fd, 0, SIZE), SIZE);
    close(fd);
    close(drop_from_memory(path, 0, 0));
    struct taker *taker = open_taker(rig);
    taker_assert_gets(taker, payload.bytes, SIZE);
    assert_true(taker->wakes > 0);
    taker_free(&taker);
}

static int make_payload(void **state) {
    (void)state;
    payload = payload_of(SIZE);
    return 0;
}

static int free_payload(void **state) {
    (void)state;
    payload_free(&payload);
    return 0;
}

#define WITH_RIG(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_RIG(a_cold_blob_is_read_in_the_lane_while_its_loop_goes_on),
        WITH_RIG(each_piece_that_is_cold_waits_once),
        WITH_RIG(a_fill_is_read_ahead_too),
        WITH_RIG(a_reader_that_leaves_while_it_is_read_ahead_gives_all_back),
        WITH_RIG(a_small_blob_is_given_as_bytes_once_it_is_in_memory),
        WITH_RIG(a_file_whose_name_is_cold_is_opened_in_the_lane),
        WITH_RIG(who_only_looks_waits_for_it_too),
        WITH_RIG(one_may_leave_while_it_is_opened),
        WITH_RIG(one_that_turns_out_to_be_gone_is_fetched_anew),
        WITH_RIG(a_worker_that_ends_waits_for_it),
        WITH_RIG(a_disk_that_cannot_be_read_breaks_the_reader_as_io),
        WITH_RIG(what_the_kernel_has_dropped_is_seen_and_read_in_again),
    };
    return cmocka_run_group_tests(tests, make_payload, free_payload);
}
