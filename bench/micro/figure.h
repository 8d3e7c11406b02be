#ifndef BENCH_FIGURE_H
#define BENCH_FIGURE_H

/* Figures as bench/micro/run reads them: "NAME VALUE", one a line. */

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int64_t figure_clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* What this process has used of CPUs: steadier on a machine that others share than the clock. */
static inline int64_t figure_cpu_ns(void) {
    return figure_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static inline int64_t figure_wall_ns(void) {
    return figure_clock_ns(CLOCK_MONOTONIC);
}

static inline void figure(const char *name, double value) {
    printf("%s %.1f\n", name, value);
    fflush(stdout);
}

/* CPU nanoseconds for each of `times` turns since `start`. */
static inline void figure_each(const char *name, int64_t start, int64_t times) {
    figure(name, (double)(figure_cpu_ns() - start) / (double)times);
}

/* Heap in use, with what malloc itself adds to each block. */
static inline int64_t figure_heap(void) {
    return (int64_t)mallinfo2().uordblks;
}

#endif
