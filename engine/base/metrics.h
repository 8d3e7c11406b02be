#ifndef DU_METRICS_H
#define DU_METRICS_H

/* Counters, gauges and histograms, and their text in Prometheus' exposition format 0.0.4.
 *
 * Invariants
 *  1. A family (a name) has one type and one help text; a series is a family with its labels.
 *  2. A series, once found, stays where it is: keep the pointer, adding to it takes no lock.
 *  3. Series are bounded per family; what is over the bound goes to a series labelled other="true".
 *
 * Thread: any.
 */

#include "bytes.h"
#include "error.h"

#include <stdatomic.h>
#include <stdint.h>

struct du_metrics;

enum du_metric_type { DU_METRIC_COUNTER, DU_METRIC_GAUGE, DU_METRIC_HISTOGRAM };

/* Upper bounds of a histogram's buckets in seconds; the last bucket has none. */
enum { DU_METRIC_BUCKETS = 12 };

struct du_series {
    atomic_int_fast64_t value;                      /* counter, gauge; histogram: how many */
    atomic_int_fast64_t nanoseconds;                /* histogram: their sum */
    atomic_int_fast64_t buckets[DU_METRIC_BUCKETS]; /* histogram: not cumulative */
};

enum du_error_kind du_metrics_new(struct du_metrics **metrics);
void du_metrics_free(struct du_metrics **metrics);

/* The series of that family and those labels (`name="value",…` as du_metrics_label builds it, "",
 * or NULL for want of memory), made if it is new. Never NULL: short of memory it is a series that
 * nobody sees. */
struct du_series *du_metrics_series(struct du_metrics *metrics, const char *family,
                                    enum du_metric_type type, const char *help, const char *labels);
/* Appends name="value" with the value escaped, and a comma before it where one is due. Without
 * memory for it labels->data is NULL from then on. */
void du_metrics_label(struct du_bytes *labels, const char *name, const char *value, size_t size);

static inline void du_series_add(struct du_series *series, int64_t amount) {
    atomic_fetch_add_explicit(&series->value, amount, memory_order_relaxed);
}
static inline void du_series_set(struct du_series *series, int64_t value) {
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}
void du_series_observe(struct du_series *series, int64_t nanoseconds);

/* Something that sets gauges just before they are written. */
struct du_metrics_source {
    void (*collect)(struct du_metrics_source *source);
    struct du_metrics_source *next; /* private */
};
void du_metrics_add_source(struct du_metrics *metrics, struct du_metrics_source *source);

/* Appends all families, sorted by name, each with HELP and TYPE. */
void du_metrics_write(struct du_metrics *metrics, struct du_bytes *text);

#endif
