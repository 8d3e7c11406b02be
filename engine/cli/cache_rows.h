#ifndef DU_CACHE_ROWS_H
#define DU_CACHE_ROWS_H

/* What `dunite cache` shares: the list of blobs, asked for page by page, and sizes for people. */

#include "control.h"

#include <stdint.h>

struct du_cache_row {
    char digest[80], used[40];
    int64_t size;
    struct du_slice json; /* all of it, as the engine told it */
};

struct du_cache_rows {
    struct du_cache_row *list; /* the most recently used first */
    size_t count;
    int64_t bytes;
    char **pages; /* which the slices are of */
    size_t page_count;
};

/* 0, or the exit code; what went wrong has been said. */
int du_cache_rows_load(struct du_cache_rows *rows, struct du_control *control);
void du_cache_rows_deinit(struct du_cache_rows *rows);
void du_cache_rows_json(const struct du_cache_rows *rows);
void du_cache_rows_print(const struct du_cache_rows *rows);

enum { DU_CACHE_SIZE = 24 };
/* "3.2 MiB"; returns text. */
const char *du_cache_size(int64_t bytes, char text[DU_CACHE_SIZE]);

/* `dunite cache verify`. */
int du_cache_verify(struct du_control *control, const struct du_arguments *options);

#endif
