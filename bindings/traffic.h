#ifndef DU_TRAFFIC_H
#define DU_TRAFFIC_H

/* What ended requests add to the metrics: a count, bytes and a time, by route, method and status.
 *
 * Finding a series costs more than adding to it, so those of the latest few routes are remembered.
 *
 * Thread: the worker's.
 */

#include "bytes.h"
#include "metrics.h"

enum { DU_TRAFFIC_KEPT = 8, DU_TRAFFIC_ROUTE = 80 };

struct du_traffic_series {
    char route[DU_TRAFFIC_ROUTE];
    const char *method; /* a label's value, static; NULL: none is kept here yet */
    int code;
    struct du_series *seconds, *requests, *bytes; /* the engine's */
};

/* Zeroed: nothing is remembered. */
struct du_traffic {
    struct du_traffic_series kept[DU_TRAFFIC_KEPT];
    unsigned next; /* whose place is taken next */
};

/* route: its pattern; "" where there was none. Always with the same metrics. */
void du_traffic_add(struct du_traffic *traffic, struct du_metrics *metrics, const char *route,
                    struct du_slice method, int code, int64_t took_ns, int64_t bytes);

#endif
