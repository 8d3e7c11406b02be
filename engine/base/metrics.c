#include "metrics.h"

#include "map.h"

#include <pthread.h>
#include <string.h>

enum { SERIES_BOUND = 2000 };

static const double bounds[DU_METRIC_BUCKETS - 1] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                     0.1,    0.25,  1,      5,     30};

struct labelled {
    struct du_series series;
    UT_hash_handle hh;
    char labels[];
};

struct family {
    char *name, *help;
    enum du_metric_type type;
    struct labelled *series;
    UT_hash_handle hh;
};

struct du_metrics {
    pthread_mutex_t lock;
    struct family *families;
    struct du_metrics_source *sources;
    struct du_series unseen; /* counts what there was no memory for */
};

enum du_error_kind du_metrics_new(struct du_metrics **out) {
    struct du_metrics *metrics = *out = du_calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return DU_MEMORY;
    pthread_mutex_init(&metrics->lock, NULL);
    return DU_OK;
}

static void free_family(struct family *family) {
    struct labelled *one, *next;
    HASH_ITER(hh, family->series, one, next) {
        HASH_DEL(family->series, one);
        du_free(one);
    }
    du_free(family->name);
    du_free(family->help);
    du_free(family);
}

void du_metrics_free(struct du_metrics **taken) {
    struct du_metrics *metrics = *taken;
    *taken = NULL;
    if (metrics == NULL)
        return;
    struct family *family, *next;
    HASH_ITER(hh, metrics->families, family, next) {
        HASH_DEL(metrics->families, family);
        free_family(family);
    }
    pthread_mutex_destroy(&metrics->lock);
    du_free(metrics);
}

static struct family *family_of(struct du_metrics *metrics, const char *name,
                                enum du_metric_type type, const char *help) {
    struct family *family = NULL;
    HASH_FIND_STR(metrics->families, name, family);
    if (family != NULL)
        return family;
    family = du_calloc(1, sizeof *family);
    if (family == NULL)
        return NULL;
    family->type = type;
    family->name = du_strdup(name);
    family->help = du_strdup(help);
    if (family->name != NULL && family->help != NULL) {
        HASH_ADD_KEYPTR(hh, metrics->families, family->name, strlen(family->name), family);
        if (!du_map_failed(family))
            return family;
    }
    free_family(family);
    return NULL;
}

static struct labelled *labelled_of(struct family *family, const char *labels) {
    struct labelled *one = NULL;
    HASH_FIND_STR(family->series, labels, one);
    if (one == NULL && HASH_COUNT(family->series) >= SERIES_BOUND) {
        labels = "other=\"true\"";
        HASH_FIND_STR(family->series, labels, one);
    }
    if (one != NULL)
        return one;
    size_t size = strlen(labels);
    one = du_calloc(1, sizeof *one + size + 1);
    if (one == NULL)
        return NULL;
    memcpy(one->labels, labels, size);
    HASH_ADD_KEYPTR(hh, family->series, one->labels, size, one);
    if (!du_map_failed(one))
        return one;
    du_free(one);
    return NULL;
}

struct du_series *du_metrics_series(struct du_metrics *metrics, const char *name,
                                    enum du_metric_type type, const char *help,
                                    const char *labels) {
    if (labels == NULL)
        return &metrics->unseen;
    pthread_mutex_lock(&metrics->lock);
    struct family *family = family_of(metrics, name, type, help);
    struct labelled *one = family == NULL ? NULL : labelled_of(family, labels);
    pthread_mutex_unlock(&metrics->lock);
    return one == NULL ? &metrics->unseen : &one->series;
}

void du_metrics_label(struct du_bytes *labels, const char *name, const char *value, size_t size) {
    du_bytes_text(labels, labels->size > 0 ? "," : "");
    du_bytes_text(labels, name);
    du_bytes_text(labels, "=\"");
    size_t from = 0;
    for (size_t i = 0; i < size; i++) {
        if (value[i] != '\n' && value[i] != '"' && value[i] != '\\')
            continue;
        du_bytes_add(labels, value + from, i - from);
        du_bytes_text(labels, "\\");
        from = value[i] == '\n' ? i + 1 : i;
        du_bytes_text(labels, value[i] == '\n' ? "n" : "");
    }
    du_bytes_add(labels, value + from, size - from);
    du_bytes_text(labels, "\"");
    if (labels->failed) {
        du_bytes_deinit(labels);
        labels->failed = true;
    }
}

void du_series_observe(struct du_series *series, int64_t nanoseconds) {
    int bucket = 0;
    while (bucket < DU_METRIC_BUCKETS - 1 && (double)nanoseconds > bounds[bucket] * 1e9)
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->nanoseconds, nanoseconds, memory_order_relaxed);
    du_series_add(series, 1);
}

void du_metrics_add_source(struct du_metrics *metrics, struct du_metrics_source *source) {
    pthread_mutex_lock(&metrics->lock);
    source->next = metrics->sources;
    metrics->sources = source;
    pthread_mutex_unlock(&metrics->lock);
}

static void write_plain(const struct family *family, struct labelled *one, struct du_bytes *text) {
    long long value = (long long)atomic_load_explicit(&one->series.value, memory_order_relaxed);
    if (one->labels[0] == '\0')
        du_bytes_format(text, "%s %lld\n", family->name, value);
    else
        du_bytes_format(text, "%s{%s} %lld\n", family->name, one->labels, value);
}

static void write_histogram(const struct family *family, struct labelled *one,
                            struct du_bytes *text) {
    const char *comma = one->labels[0] == '\0' ? "" : ",";
    long long sum = 0;
    for (int i = 0; i < DU_METRIC_BUCKETS; i++) {
        sum += (long long)atomic_load_explicit(&one->series.buckets[i], memory_order_relaxed);
        du_bytes_format(text, "%s_bucket{%s%sle=\"", family->name, one->labels, comma);
        if (i < DU_METRIC_BUCKETS - 1)
            du_bytes_format(text, "%g\"} %lld\n", bounds[i], sum);
        else
            du_bytes_format(text, "+Inf\"} %lld\n", sum);
    }
    double seconds =
        (double)atomic_load_explicit(&one->series.nanoseconds, memory_order_relaxed) / 1e9;
    du_bytes_format(text, "%s_sum{%s} %.9g\n", family->name, one->labels, seconds);
    du_bytes_format(text, "%s_count{%s} %lld\n", family->name, one->labels, sum);
}

static void write_family(struct family *family, struct du_bytes *text) {
    static const char *const types[] = {"counter", "gauge", "histogram"};
    du_bytes_format(text, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                    types[family->type]);
    struct labelled *one, *next;
    HASH_ITER(hh, family->series, one, next) {
        if (family->type == DU_METRIC_HISTOGRAM)
            write_histogram(family, one, text);
        else
            write_plain(family, one, text);
    }
}

static int by_name(const struct family *a, const struct family *b) {
    return strcmp(a->name, b->name);
}

static int by_labels(const struct labelled *a, const struct labelled *b) {
    return strcmp(a->labels, b->labels);
}

void du_metrics_write(struct du_metrics *metrics, struct du_bytes *text) {
    pthread_mutex_lock(&metrics->lock);
    struct du_metrics_source *source = metrics->sources;
    pthread_mutex_unlock(&metrics->lock);
    /* Sources only ever come, in front; those behind the first do not change. */
    for (; source != NULL; source = source->next)
        source->collect(source);
    pthread_mutex_lock(&metrics->lock);
    HASH_SORT(metrics->families, by_name);
    struct family *family, *next;
    HASH_ITER(hh, metrics->families, family, next) {
        HASH_SORT(family->series, by_labels);
        write_family(family, text);
    }
    pthread_mutex_unlock(&metrics->lock);
}
