#ifndef DU_FILLER_INT_H
#define DU_FILLER_INT_H

/* What filler.c (on the loop) and filler_jobs.c (in the disk lane) share. */

#include "fill_int.h"
#include "filler.h"
#include "inflow.h"

struct du_filler {
    struct du_list node; /* in its desk's list */
    struct du_desk *desk;
    struct du_inflow inflow;
    struct du_flight *flight;
    struct du_fill *fill;
    struct du_turn turn;
    bool queued; /* waits for it */

    bool working; /* the job is in the lane, or its mail under way */
    struct du_job job;
    struct du_partial *partial;
    struct du_bytes writing;
    int64_t place; /* of `writing` in the whole; not the file's end where bytes come again */
    struct du_error disk_error;
    bool no_room; /* disk_error is that the cache has no room for it */
    bool outgrew; /* that all the store is too small for it */
    bool over;    /* finished, or discarded */
};

static inline struct du_filler *du_filler_of(struct du_job *job) {
    return du_container_of(job, struct du_filler, job);
}

/* The jobs. What fails is in disk_error; write and finish need all before to have gone well. */
void du_filler_create(struct du_job *job);
void du_filler_write(struct du_job *job);
void du_filler_finish(struct du_job *job);
void du_filler_discard(struct du_job *job);

#endif
