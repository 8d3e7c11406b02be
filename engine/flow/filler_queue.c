#include "filler_int.h"

bool du_filler_any_queued(struct du_list *fillers) {
    du_list_each(node, fillers) {
        if (du_container_of(node, struct du_filler, node)->queued)
            return true;
    }
    return false;
}

/* Whether so many fills of that upstream are up, or, queued, wait for it. Those that are up stand
 * first in the list, so that counting them ends soon. */
static bool has(struct du_list *fillers, const struct du_origin *origin, bool queued, size_t most) {
    size_t count = 0;
    du_list_each(node, fillers) {
        const struct du_filler *filler = du_container_of(node, struct du_filler, node);
        count += filler->inflow.want->origin == origin && filler->queued == queued;
        if (count == most)
            return true;
    }
    return false;
}

static struct du_filler *next_in_turn(struct du_list *fillers) {
    du_list_each(node, fillers) {
        struct du_filler *filler = du_container_of(node, struct du_filler, node);
        if (filler->queued && !has(fillers, filler->inflow.want->origin, false, DU_FILLS_MOST))
            return filler;
    }
    return NULL;
}

/* One that begins may end at once, so the list is looked at anew. */
void du_filler_start_queued(struct du_list *fillers) {
    struct du_filler *filler;
    while ((filler = next_in_turn(fillers)) != NULL)
        du_filler_begin(filler);
}

void du_filler_begin_or_queue(struct du_filler *filler) {
    struct du_list *fillers = &filler->desk->fillers;
    filler->queued = true;
    if (!has(fillers, filler->inflow.want->origin, false, DU_FILLS_MOST)) {
        du_filler_begin(filler);
    } else if (has(fillers, filler->inflow.want->origin, true, DU_FILLS_QUEUED_MOST + 1)) {
        du_error_set(&filler->inflow.error, DU_OVERLOADED,
                     "too many fills of %s wait for their turn",
                     du_origin_name(filler->inflow.want->origin));
        du_filler_begin(filler);
    }
}
