#include "traffic.h"

#include <stdio.h>
#include <string.h>

/* The label's value: strangers make up methods. */
static const char *method_label(struct du_slice method) {
    static const char *const known[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (du_slice_equal(method, du_slice_of(known[i])))
            return known[i];
    return "other";
}

/* False: for want of memory it is of no use for another time. */
static bool find(struct du_traffic_series *series, struct du_metrics *metrics, const char *route) {
    struct du_bytes labels;
    char code[16];
    du_bytes_init(&labels);
    du_metrics_label(&labels, "route", route, strlen(route));
    series->seconds = du_metrics_series(metrics, "dunite_request_seconds", DU_METRIC_HISTOGRAM,
                                        "From a request's first byte to its end.", labels.data);
    du_metrics_label(&labels, "method", series->method, strlen(series->method));
    du_metrics_label(&labels, "code", code,
                     (size_t)snprintf(code, sizeof code, "%d", series->code));
    series->requests = du_metrics_series(metrics, "dunite_requests_total", DU_METRIC_COUNTER,
                                         "Requests that have ended.", labels.data);
    series->bytes = du_metrics_series(metrics, "dunite_response_bytes_total", DU_METRIC_COUNTER,
                                      "Bytes of bodies that were sent.", "");
    bool good = !labels.failed;
    du_bytes_deinit(&labels);
    return good;
}

static struct du_traffic_series *kept(struct du_traffic *traffic, const char *route,
                                      const char *method, int code) {
    for (unsigned i = 0; i < DU_TRAFFIC_KEPT; i++) {
        struct du_traffic_series *series = &traffic->kept[i];
        if (series->method == method && series->code == code && strcmp(series->route, route) == 0)
            return series;
    }
    return NULL;
}

static void keep(struct du_traffic *traffic, struct du_traffic_series *series, const char *route) {
    size_t size = strlen(route) + 1;
    if (size > sizeof series->route)
        return;
    memcpy(series->route, route, size);
    traffic->kept[traffic->next++ % DU_TRAFFIC_KEPT] = *series;
}

void du_traffic_add(struct du_traffic *traffic, struct du_metrics *metrics, const char *route,
                    struct du_slice method, int code, int64_t took_ns, int64_t bytes) {
    struct du_traffic_series found = {.method = method_label(method), .code = code};
    struct du_traffic_series *series = kept(traffic, route, found.method, code);
    if (series == NULL) {
        series = &found;
        if (find(&found, metrics, route))
            keep(traffic, &found, route);
    }
    du_series_observe(series->seconds, took_ns);
    du_series_add(series->requests, 1);
    du_series_add(series->bytes, bytes);
}
