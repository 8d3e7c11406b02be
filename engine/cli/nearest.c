#include "nearest.h"

#include <string.h>

enum { LONGEST = 63 };

static size_t least(size_t a, size_t b, size_t c) {
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Levenshtein's distance. */
static size_t distance(const char *a, const char *b) {
    size_t row[LONGEST + 1], size = strlen(b);
    for (size_t j = 0; j <= size; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < size; j++) {
            size_t above = row[j + 1];
            row[j + 1] = least(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    return row[size];
}

void du_nearest_init(struct du_nearest *nearest, const char *wanted) {
    size_t third = strlen(wanted) / 3;
    *nearest = (struct du_nearest){wanted, NULL, (third > 2 ? third : 2) + 1};
}

void du_nearest_try(struct du_nearest *nearest, const char *name) {
    if (strlen(nearest->wanted) > LONGEST || strlen(name) > LONGEST)
        return;
    size_t far = distance(nearest->wanted, name);
    if (far < nearest->distance) {
        nearest->best = name;
        nearest->distance = far;
    }
}
