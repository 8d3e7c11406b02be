#include "rig.h"

#include "lane.h"
#include "mem.h"

#include <dirent.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Conditions ----------------------------------------------------------------------------------- */

void rig_lock(void) {
    pthread_mutex_lock(&lock);
}

void rig_unlock(void) {
    pthread_mutex_unlock(&lock);
}

void rig_tell(void) {
    pthread_cond_broadcast(&changed);
}

void rig_wait(bool (*holds)(void *user), void *user) {
    rig_lock();
    while (!holds(user))
        pthread_cond_wait(&changed, &lock);
    rig_unlock();
}

void rig_gate_close(struct rig_gate *gate) {
    rig_lock();
    gate->closed = true;
    rig_unlock();
}

void rig_gate_open(struct rig_gate *gate) {
    rig_lock();
    gate->closed = false;
    rig_tell();
    rig_unlock();
}

void rig_gate_pass(struct rig_gate *gate) {
    rig_lock();
    gate->waiting++;
    rig_tell();
    while (gate->closed)
        pthread_cond_wait(&changed, &lock);
    gate->waiting--;
    rig_unlock();
}

void rig_gate_wait_for_arrival(struct rig_gate *gate, int count) {
    rig_lock();
    while (gate->waiting < count)
        pthread_cond_wait(&changed, &lock);
    rig_unlock();
}

/* Work on other threads ------------------------------------------------------------------------ */

struct call {
    struct du_mail mail;
    struct du_job job;
    void (*what)(void *user);
    void *user;
    bool done;
};

static void perform(struct call *call) {
    call->what(call->user);
    rig_lock();
    call->done = true;
    rig_tell();
    rig_unlock();
}

static bool is_done(void *call) {
    return ((struct call *)call)->done;
}

static void on_mail(struct du_mail *mail) {
    perform(du_container_of(mail, struct call, mail));
}

static void on_job(struct du_job *job) {
    perform(du_container_of(job, struct call, job));
}

void rig_run(struct rig_worker *worker, void (*what)(void *user), void *user) {
    struct call call = {.mail.deliver = on_mail, .what = what, .user = user};
    du_mailbox_post(&worker->mailbox, &call.mail);
    rig_wait(is_done, &call);
}

void rig_run_in_lane(struct rig *rig, void (*what)(void *user), void *user) {
    struct call call = {.job.work = on_job, .what = what, .user = user};
    assert_int_equal(du_lane_submit(rig->disk, &call.job), DU_OK);
    rig_wait(is_done, &call);
}

static void nothing(void *user) {
    (void)user;
}

void rig_settle(struct rig_worker *worker) {
    rig_run(worker, nothing, NULL);
}

static void run_timers(void *user) {
    du_timers_run(&((struct rig_worker *)user)->timers);
}

void rig_let_time_pass(struct rig *rig, int64_t ms) {
    rig_run_in_lane(rig, nothing, NULL);
    for (int i = 0; i < RIG_WORKERS; i++)
        rig_settle(&rig->workers[i]);
    du_clock_advance(&rig->base.clock, ms);
    for (int i = 0; i < RIG_WORKERS; i++)
        rig_run(&rig->workers[i], run_timers, &rig->workers[i]);
}

void rig_land(struct rig *rig, int worker) {
    do {
        rig_run_in_lane(rig, nothing, NULL);
        rig_settle(&rig->workers[worker]);
    } while (rig_flights(rig) > 0);
}

/* The rig -------------------------------------------------------------------------------------- */

static void *run_worker(void *user) {
    struct rig_worker *worker = user;
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void start_worker(struct rig *rig, struct rig_worker *worker) {
    assert_int_equal(uv_loop_init(&worker->loop), 0);
    assert_int_equal(du_mailbox_init(&worker->mailbox, &worker->loop), 0);
    assert_int_equal(du_timers_init(&worker->timers, &worker->loop, &rig->base.clock), 0);
    du_mailbox_expect(&worker->mailbox, 1);
    worker->client = (struct du_client *)worker;
    worker->shutting = worker->shut = false;
    assert_int_equal(pthread_create(&worker->thread, NULL, run_worker, worker), 0);
}

static void close_loop(void *user) {
    struct rig_worker *worker = user;
    du_mailbox_expect(&worker->mailbox, -1);
    du_timers_close(&worker->timers, NULL);
}

/* What is expected still comes: the loop runs until then. */
static void end_worker(struct rig_worker *worker) {
    rig_run(worker, close_loop, worker);
    pthread_join(worker->thread, NULL);
    assert_int_equal(worker->mailbox.expected, 0);
    du_mailbox_close(&worker->mailbox, NULL);
    uv_run(&worker->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&worker->loop), 0);
}

static void open_store(struct rig *rig, const char *mark) {
    struct du_error error;
    char new_mark[33];
    assert_int_equal(
        du_blobs_open(&rig->blobs, &rig->base, rig->folder, mark, false, new_mark, &error), DU_OK);
    if (mark == NULL)
        memcpy(rig->mark, new_mark, sizeof rig->mark);
    assert_int_equal(du_index_new(&rig->index, &rig->base, rig->blobs, NULL, &error), DU_OK);
    assert_int_equal(du_lane_new(&rig->disk, "disk", 1, 0), DU_OK);
    assert_int_equal(du_flight_domain_new(&rig->domain), DU_OK);
    assert_int_equal(
        du_cache_new(&rig->cache, &rig->base, rig->domain, rig->blobs, rig->index, rig->disk),
        DU_OK);
}

static void close_store(struct rig *rig) {
    du_lane_free(&rig->disk);
    du_cache_free(&rig->cache);
    du_flight_domain_free(&rig->domain);
    du_index_free(&rig->index);
    du_blobs_close(&rig->blobs);
}

struct rig *rig_new(void) {
    int64_t live = du_mem_live();
    struct rig *rig = du_calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->live = live;
    du_clock_init(&rig->base.clock);
    du_faults_init(&rig->base.faults);
    snprintf(rig->folder, sizeof rig->folder, "/tmp/dunite-flow-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    open_store(rig, NULL);
    for (int i = 0; i < RIG_WORKERS; i++)
        start_worker(rig, &rig->workers[i]);
    return rig;
}

struct shutting {
    struct rig *rig;
    struct rig_worker *worker;
};

static void note_shut(void *user) {
    rig_lock();
    ((struct rig_worker *)user)->shut = true;
    rig_tell();
    rig_unlock();
}

static void shut_down(void *user) {
    struct shutting *shutting = user;
    if (du_cache_shutdown(shutting->rig->cache, shutting->worker->client, note_shut,
                          shutting->worker) == DU_STEP_DONE)
        note_shut(shutting->worker);
}

void rig_shut(struct rig *rig, int worker) {
    struct shutting shutting = {rig, &rig->workers[worker]};
    rig->workers[worker].shutting = true;
    rig_run(&rig->workers[worker], shut_down, &shutting);
}

static bool is_shut(void *worker) {
    return ((struct rig_worker *)worker)->shut;
}

bool rig_is_shut(struct rig *rig, int worker) {
    rig_lock();
    bool shut = is_shut(&rig->workers[worker]);
    rig_unlock();
    return shut;
}

void rig_wait_shut(struct rig *rig, int worker) {
    rig_wait(is_shut, &rig->workers[worker]);
}

static void end_workers(struct rig *rig) {
    for (int i = 0; i < RIG_WORKERS; i++)
        if (!rig->workers[i].shutting)
            rig_shut(rig, i);
    for (int i = 0; i < RIG_WORKERS; i++)
        rig_wait_shut(rig, i);
    for (int i = 0; i < RIG_WORKERS; i++)
        end_worker(&rig->workers[i]);
}

void rig_restart(struct rig *rig) {
    end_workers(rig);
    close_store(rig);
    open_store(rig, rig->mark);
    for (int i = 0; i < RIG_WORKERS; i++)
        start_worker(rig, &rig->workers[i]);
}

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *where) {
    (void)file, (void)type, (void)where;
    return remove(path);
}

void rig_free(struct rig *rig) {
    int64_t live = rig->live;
    end_workers(rig);
    assert_int_equal(rig_flights(rig), 0);
    assert_int_equal(rig_partials(rig), 0);
    close_store(rig);
    assert_int_equal(nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
    du_free(rig);
    assert_int_equal(du_mem_live(), live);
}

/* Looking -------------------------------------------------------------------------------------- */

size_t rig_flights(struct rig *rig) {
    return du_single_flight_count(du_cache_flights(rig->cache));
}

int rig_partials(struct rig *rig) {
    char path[sizeof rig->folder + sizeof "/partial"];
    int count = 0;
    snprintf(path, sizeof path, "%s/partial", rig->folder);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static bool count_blob(void *user, const struct du_digest *digest, int64_t size, bool fresh) {
    (void)fresh;
    (void)digest, (void)size;
    ++*(int *)user;
    return true;
}

int rig_blobs(struct rig *rig) {
    int count = 0;
    assert_int_equal(du_blobs_each(rig->blobs, count_blob, &count, NULL), DU_OK);
    return count;
}

void rig_pattern(char *bytes, size_t size, unsigned seed) {
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)((i * 31 + (i >> 8) * 7 + (i >> 16) + seed) & 0xff);
}
