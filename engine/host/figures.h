#ifndef DU_FIGURES_H
#define DU_FIGURES_H

/* The engine's own figures: gauges and totals that are read when somebody asks for the metrics.
 * Thread: start before requests; collecting any. */

#include "stores.h"
#include "worker.h"

struct du_figures {
    struct du_metrics_source source;
    struct du_stores *stores;
    struct du_worker **workers;
    size_t worker_count;
};

/* All that is given outlives the last request. */
void du_figures_start(struct du_figures *figures, struct du_stores *stores,
                      struct du_worker **workers, size_t worker_count);

#endif
