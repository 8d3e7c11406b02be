#include "lane.h"

#include "list.h"
#include "mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

enum { NAME_SIZE = 16 }; /* what pthread_setname_np takes, with its NUL */

struct du_lane {
    pthread_mutex_t lock;
    pthread_cond_t work_or_end;
    struct du_job *first, **last;
    size_t queued, bound;
    bool ending;
    char name[NAME_SIZE];
    unsigned thread_count;
    pthread_t threads[];
};

/* The next job; NULL when the lane ends and nothing is left. */
static struct du_job *next_job(struct du_lane *lane) {
    pthread_mutex_lock(&lane->lock);
    while (lane->first == NULL && !lane->ending)
        pthread_cond_wait(&lane->work_or_end, &lane->lock);
    struct du_job *job = lane->first;
    if (job != NULL) {
        lane->queued--;
        lane->first = job->next;
        if (lane->first == NULL)
            lane->last = &lane->first;
    }
    pthread_mutex_unlock(&lane->lock);
    return job;
}

static void deliver(struct du_mail *mail) {
    struct du_job *job = du_container_of(mail, struct du_job, mail);
    job->done(job);
}

static void *run(void *argument) {
    struct du_lane *lane = argument;
    struct du_job *job;
    pthread_setname_np(pthread_self(), lane->name);
    while ((job = next_job(lane)) != NULL) {
        /* A job without done may be freed by its work. */
        struct du_mailbox *home = job->done != NULL ? job->home : NULL;
        job->mail.deliver = deliver;
        job->work(job);
        if (home != NULL)
            du_mailbox_post(home, &job->mail);
    }
    return NULL;
}

/* Threads inherit the mask of their maker, so they never see a signal unblocked. */
static bool start_threads(struct du_lane *lane, unsigned threads) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (lane->thread_count < threads &&
           pthread_create(&lane->threads[lane->thread_count], NULL, run, lane) == 0)
        lane->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return lane->thread_count == threads;
}

enum du_error_kind du_lane_new(struct du_lane **lane, const char *name, unsigned threads,
                               size_t bound) {
    struct du_lane *made = du_calloc(1, sizeof(*made) + threads * sizeof(made->threads[0]));
    if (made == NULL)
        return DU_MEMORY;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work_or_end, NULL);
    made->last = &made->first;
    made->bound = bound;
    snprintf(made->name, sizeof(made->name), "%s", name);
    if (!start_threads(made, threads)) {
        du_lane_free(&made);
        return DU_MEMORY;
    }
    *lane = made;
    return DU_OK;
}

void du_lane_free(struct du_lane **lane) {
    struct du_lane *ending = *lane;
    if (ending == NULL)
        return;
    *lane = NULL;
    pthread_mutex_lock(&ending->lock);
    ending->ending = true;
    pthread_cond_broadcast(&ending->work_or_end);
    pthread_mutex_unlock(&ending->lock);
    for (unsigned i = 0; i < ending->thread_count; i++)
        pthread_join(ending->threads[i], NULL);
    pthread_cond_destroy(&ending->work_or_end);
    pthread_mutex_destroy(&ending->lock);
    du_free(ending);
}

enum du_error_kind du_lane_submit(struct du_lane *lane, struct du_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&lane->lock);
    bool room = lane->bound == 0 || lane->queued < lane->bound;
    if (room) {
        *lane->last = job;
        lane->last = &job->next;
        lane->queued++;
        pthread_cond_signal(&lane->work_or_end);
    }
    pthread_mutex_unlock(&lane->lock);
    return room ? DU_OK : DU_OVERLOADED;
}

size_t du_lane_queued(struct du_lane *lane) {
    pthread_mutex_lock(&lane->lock);
    size_t queued = lane->queued;
    pthread_mutex_unlock(&lane->lock);
    return queued;
}
