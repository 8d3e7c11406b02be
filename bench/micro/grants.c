/* What a durable day's count costs: grants a second against commits and syncs a second, and a
 * grant's wait while a large fill runs on the same disk.
 *
 * usage: bench-grants FOLDER [GIB]     (in a folder on the disk that is to be measured) */

#include "blob.h"
#include "counts.h"
#include "figure.h"
#include "ledger.h"

#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_ONCE = 64, SUBJECTS = 1024, SYNCS = 300, GRANTS_ONE = 300 };
enum { SAMPLES = 2000, SAMPLES_MOST = 200000 };

static struct du_base base;

struct asking {
    struct du_count count;
    char subject[32];
    sem_t *answered;
};

static void die(const char *what, const struct du_error *error) {
    fprintf(stderr, "bench-grants: %s: %s\n", what, error->message);
    exit(1);
}

static struct du_counter *open_counts(const char *folder, struct du_ledger **ledger) {
    char path[512];
    struct du_error error;
    struct du_counter *counter;
    snprintf(path, sizeof path, "%s/counts.db", folder);
    if (du_ledger_open(ledger, &base, path, DU_COUNTS_SCHEMA, true, &error) != DU_OK ||
        du_counts_new(&counter, &base, *ledger, &error) != DU_OK)
        die("open", &error);
    return counter;
}

static void answered(struct du_count *count) {
    sem_post(((struct asking *)count)->answered);
}

/* Returns how many of them wait for the ledger. */
static int ask(struct du_counter *counter, struct asking *asking, int many, int first,
               const char *scope, int64_t cap, sem_t *done) {
    int waiting = 0;
    for (int i = 0; i < many; i++) {
        asking[i].answered = done;
        snprintf(asking[i].subject, sizeof asking[i].subject, "s%d", (first + i) % SUBJECTS);
        asking[i].count = (struct du_count){.scope = scope,
                                            .subject = asking[i].subject,
                                            .day = 20000,
                                            .cap = cap,
                                            .done = answered};
        waiting += counter->type->add(counter, &asking[i].count) == DU_STEP_PENDING;
    }
    return waiting;
}

/* 64 requests at a time, over many subjects, as a busy storefront has them. */
static void grants_a_second(struct du_counter *counter, struct du_ledger *ledger, const char *name,
                            const char *scope, int64_t cap, int rounds) {
    static struct asking asking[AT_ONCE];
    uint64_t entries, before, after;
    bool failing;
    char line[64];
    sem_t done;
    sem_init(&done, 0, 0);
    du_ledger_figures(ledger, &entries, &before, &failing);
    int64_t start = figure_wall_ns();
    for (int round = 0; round < rounds; round++)
        for (int i = ask(counter, asking, AT_ONCE, round * AT_ONCE, scope, cap, &done); i > 0; i--)
            sem_wait(&done);
    double seconds = (double)(figure_wall_ns() - start) / 1e9;
    du_ledger_figures(ledger, &entries, &after, &failing);
    snprintf(line, sizeof line, "grants.%s_per_s", name);
    figure(line, rounds * (double)AT_ONCE / seconds);
    snprintf(line, sizeof line, "grants.%s_commits_per_s", name);
    figure(line, (double)(after - before) / seconds);
    sem_destroy(&done);
}

/* Each waits for its own commit before the next one is asked for. */
static double one_at_a_time(struct du_counter *counter, const char *scope, int64_t cap, int many) {
    static struct asking asking[1];
    sem_t done;
    sem_init(&done, 0, 0);
    int64_t start = figure_wall_ns();
    for (int i = 0; i < many; i++)
        if (ask(counter, asking, 1, i, scope, cap, &done) > 0)
            sem_wait(&done);
    sem_destroy(&done);
    return many / ((double)(figure_wall_ns() - start) / 1e9);
}

static void syncs_a_second(const char *folder) {
    char path[512], page[4096] = {0};
    snprintf(path, sizeof path, "%s/syncs", folder);
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    int64_t start = figure_wall_ns();
    for (int i = 0; i < SYNCS; i++)
        if (write(file, page, sizeof page) != sizeof page || fdatasync(file) != 0)
            exit(1);
    figure("disk.fdatasync_per_s", SYNCS / ((double)(figure_wall_ns() - start) / 1e9));
    close(file);
    unlink(path);
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void say_waits(const char *name, int64_t *taken, int count) {
    static const struct {
        const char *name;
        double part;
    } marks[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99_9", 0.999}, {"most", 1}};
    char line[64];
    qsort(taken, (size_t)count, sizeof *taken, by_size);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        int at = (int)(marks[i].part * count);
        snprintf(line, sizeof line, "wait.%s_%s_us", name, marks[i].name);
        figure(line, (double)taken[at < count ? at : count - 1] / 1000);
    }
}

/* Waits of single grants, each of the next of so many subjects; until it is enough, where that is
 * given. */
static void waits(struct du_counter *counter, const char *name, const char *scope, int64_t cap,
                  int subjects, const atomic_bool *enough) {
    static int64_t taken[SAMPLES_MOST];
    static struct asking asking[1];
    int count = 0;
    sem_t done;
    sem_init(&done, 0, 0);
    while (enough == NULL ? count < SAMPLES : count < SAMPLES_MOST && !atomic_load(enough)) {
        int64_t start = figure_wall_ns();
        if (ask(counter, asking, 1, count % subjects, scope, cap, &done) > 0)
            sem_wait(&done);
        taken[count++] = figure_wall_ns() - start;
        usleep(500);
    }
    say_waits(name, taken, count);
    sem_destroy(&done);
}

struct filling {
    const char *folder;
    int64_t bytes;
    atomic_bool over;
};

static void *fill(void *user) {
    enum { PIECE = 1 << 18 };
    struct filling *filling = user;
    struct du_blobs *blobs;
    struct du_partial *partial;
    struct du_digest digest;
    struct du_error error;
    char mark[33], path[512];
    char *piece = calloc(1, PIECE);
    snprintf(path, sizeof path, "%s/blobs", filling->folder);
    if (du_blobs_open(&blobs, &base, path, NULL, false, mark, &error) != DU_OK ||
        du_partial_new(blobs, filling->bytes, &partial, &error) != DU_OK)
        die("fill", &error);
    for (int64_t at = 0; at < filling->bytes; at += PIECE)
        if (du_partial_write(partial, piece, PIECE, &error) != DU_OK)
            die("fill", &error);
    du_partial_verify(partial, NULL, -1, &digest, &error);
    atomic_store(&filling->over, true);
    du_partial_free(&partial);
    du_blobs_close(&blobs);
    free(piece);
    return NULL;
}

/* From its first byte to the end of its sync. */
static void waits_beside_a_fill(struct du_counter *counter, const char *folder, int64_t gib) {
    struct filling filling = {.folder = folder, .bytes = gib << 30};
    pthread_t thread;
    waits(counter, "alone_default", "alone", 6400, 1, NULL);
    waits(counter, "alone_block_1", "alone 1", 127, SUBJECTS, NULL);
    int64_t start = figure_wall_ns();
    pthread_create(&thread, NULL, fill, &filling);
    waits(counter, "beside_fill_block_1", "beside 1", 127, SUBJECTS, &filling.over);
    pthread_join(thread, NULL);
    figure("fill.seconds", (double)(figure_wall_ns() - start) / 1e9);
}

int main(int count, char **words) {
    const char *folder = count > 1 ? words[1] : ".";
    struct du_ledger *ledger;
    du_clock_init(&base.clock);
    du_faults_init(&base.faults);
    struct du_counter *counter = open_counts(folder, &ledger);
    syncs_a_second(folder);
    figure("grants.one_commit_each_per_s", one_at_a_time(counter, "single", 64, GRANTS_ONE));
    grants_a_second(counter, ledger, "block_1", "small", 64, 300);
    grants_a_second(counter, ledger, "default", "large", 6400, 3000);
    grants_a_second(counter, ledger, "unlimited", "endless", DU_UNLIMITED, 10000);
    if (count > 2)
        waits_beside_a_fill(counter, folder, atoll(words[2]));
    du_counter_free(&counter);
    du_ledger_close(&ledger);
    return 0;
}
