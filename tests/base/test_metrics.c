/* Metrics: series stay where they are, are bounded, and are written as Prometheus reads them. */

#include "metrics.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FAR_TOO_MANY = 5000, MOST_LINES = 2010 };

struct fixture {
    int64_t live;
    struct du_metrics *metrics;
    struct du_bytes text;
};

static int set_up(void **state) {
    static struct fixture fixture;
    fixture.live = du_mem_live();
    du_bytes_init(&fixture.text);
    assert_int_equal(du_metrics_new(&fixture.metrics), DU_OK);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    du_mem_fail_after(-1);
    du_bytes_deinit(&fixture->text);
    du_metrics_free(&fixture->metrics);
    assert_null(fixture->metrics);
    assert_int_equal(du_mem_live(), fixture->live);
    return 0;
}

static struct du_series *counter(struct fixture *fixture, const char *name, const char *labels) {
    return du_metrics_series(fixture->metrics, name, DU_METRIC_COUNTER, "What it counts.", labels);
}

static const char *written(struct fixture *fixture) {
    du_bytes_clear(&fixture->text);
    du_metrics_write(fixture->metrics, &fixture->text);
    du_bytes_add(&fixture->text, NULL, 0);
    assert_int_equal(du_bytes_check(&fixture->text), DU_OK);
    return fixture->text.data;
}

static void families_are_written_by_name_and_series_by_labels(void **state) {
    struct fixture *fixture = *state;
    du_series_add(counter(fixture, "dunite_b_total", "code=\"500\""), 2);
    du_series_add(counter(fixture, "dunite_b_total", "code=\"200\""), 40);
    du_series_set(du_metrics_series(fixture->metrics, "dunite_a", DU_METRIC_GAUGE, "A gauge.", ""),
                  -7);
    assert_string_equal(written(fixture), "# HELP dunite_a A gauge.\n"
                                          "# TYPE dunite_a gauge\n"
                                          "dunite_a -7\n"
                                          "# HELP dunite_b_total What it counts.\n"
                                          "# TYPE dunite_b_total counter\n"
                                          "dunite_b_total{code=\"200\"} 40\n"
                                          "dunite_b_total{code=\"500\"} 2\n");
}

static void a_series_stays_where_it_is(void **state) {
    struct fixture *fixture = *state;
    struct du_series *first = counter(fixture, "a", "n=\"0\"");
    for (int i = 1; i < 500; i++) {
        char labels[32];
        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        counter(fixture, "a", labels);
    }
    assert_ptr_equal(counter(fixture, "a", "n=\"0\""), first);
}

static void a_histogram_is_cumulative_and_its_bounds_belong_to_their_bucket(void **state) {
    struct fixture *fixture = *state;
    struct du_series *series =
        du_metrics_series(fixture->metrics, "h", DU_METRIC_HISTOGRAM, "Seconds.", "route=\"r\"");
    du_series_observe(series, 500000); /* 0.5 ms, a bound */
    du_series_observe(series, 500001);
    du_series_observe(series, (int64_t)3600 * 1000000000);
    const char *text = written(fixture);
    assert_non_null(strstr(text, "# TYPE h histogram\n"));
    assert_non_null(strstr(text, "h_bucket{route=\"r\",le=\"0.0005\"} 1\n"));
    assert_non_null(strstr(text, "h_bucket{route=\"r\",le=\"0.001\"} 2\n"));
    assert_non_null(strstr(text, "h_bucket{route=\"r\",le=\"30\"} 2\n"));
    assert_non_null(strstr(text, "h_bucket{route=\"r\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "h_count{route=\"r\"} 3\n"));
    assert_non_null(strstr(text, "h_sum{route=\"r\"} 3600.001\n"));
}

static void a_label_cannot_break_out_of_its_quotes(void **state) {
    struct fixture *fixture = *state;
    du_metrics_label(&fixture->text, "a", "x\"\\\ny", 5);
    du_metrics_label(&fixture->text, "b", "", 0);
    assert_string_equal(fixture->text.data, "a=\"x\\\"\\\\\\ny\",b=\"\"");
}

static void series_are_bounded_and_the_rest_go_to_one(void **state) {
    struct fixture *fixture = *state;
    int lines = 0;
    for (int i = 0; i < FAR_TOO_MANY; i++) {
        char labels[32];
        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        du_series_add(counter(fixture, "a", labels), 1);
    }
    const char *text = written(fixture);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_in_range(lines, 100, MOST_LINES);
    const char *other = strstr(text, "a{other=\"true\"} ");
    int counted = 0;
    assert_non_null(other);
    assert_int_equal(sscanf(other, "a{other=\"true\"} %d", &counted), 1);
    assert_int_equal(counted + lines - 3, FAR_TOO_MANY); /* HELP, TYPE and the other one */
}

struct source {
    struct du_metrics_source source;
    struct du_series *series;
    int64_t calls;
};

static void collect(struct du_metrics_source *source) {
    struct source *own = (struct source *)source;
    du_series_set(own->series, ++own->calls);
}

static void a_source_sets_its_gauges_just_before_they_are_written(void **state) {
    struct fixture *fixture = *state;
    struct source source = {
        .source.collect = collect,
        .series = du_metrics_series(fixture->metrics, "g", DU_METRIC_GAUGE, "A gauge.", ""),
    };
    du_metrics_add_source(fixture->metrics, &source.source);
    assert_non_null(strstr(written(fixture), "\ng 1\n"));
    assert_non_null(strstr(written(fixture), "\ng 2\n"));
}

static void each_failing_allocation_gives_a_series_that_nobody_sees(void **state) {
    struct fixture *fixture = *state;
    bool seen = false;
    for (int allowed = 0; !seen; allowed++) {
        du_mem_fail_after(allowed);
        struct du_series *series = counter(fixture, "a", "");
        du_mem_fail_after(-1);
        assert_non_null(series);
        du_series_add(series, 1);
        seen = strstr(written(fixture), "\na 1\n") != NULL;
        assert_true(allowed > 0 || !seen);
        assert_in_range(allowed, 0, 20);
    }
}

/* Nor does a label that there was no memory for: half of it would spoil what is written. */
static void without_memory_for_its_labels_nobody_sees_a_series(void **state) {
    struct fixture *fixture = *state;
    char value[200];
    bool labelled = false;
    memset(value, 'x', sizeof value);
    for (int allowed = 0; !labelled; allowed++) {
        struct du_bytes labels;
        du_bytes_init(&labels);
        du_mem_fail_after(allowed);
        du_metrics_label(&labels, "a", "b", 1);
        du_metrics_label(&labels, "route", value, sizeof value);
        du_mem_fail_after(-1);
        labelled = !labels.failed;
        du_series_add(counter(fixture, "a", labels.data), 1);
        assert_int_equal(strstr(written(fixture), "\na{") != NULL, labelled);
        assert_null(strstr(written(fixture), "\na "));
        du_bytes_deinit(&labels);
        assert_in_range(allowed, 0, 20);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(families_are_written_by_name_and_series_by_labels),
        CASE(a_series_stays_where_it_is),
        CASE(a_histogram_is_cumulative_and_its_bounds_belong_to_their_bucket),
        CASE(a_label_cannot_break_out_of_its_quotes),
        CASE(series_are_bounded_and_the_rest_go_to_one),
        CASE(a_source_sets_its_gauges_just_before_they_are_written),
        CASE(each_failing_allocation_gives_a_series_that_nobody_sees),
        CASE(without_memory_for_its_labels_nobody_sees_a_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
