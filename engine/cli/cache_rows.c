#include "cache_rows.h"

#include "json.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *du_cache_size(int64_t bytes, char text[DU_CACHE_SIZE]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double amount = (double)bytes;
    size_t unit = 0;
    for (; amount >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        amount /= 1024;
    snprintf(text, DU_CACHE_SIZE, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
    return text;
}

/* Loading ----------------------------------------------------------------------------------- */

static void copy_text(struct du_slice object, const char *key, char *to, size_t room) {
    struct du_slice value;
    enum du_json_type type;
    struct du_bytes text;
    du_bytes_init(&text);
    if (du_json_find(object.data, object.size, key, &value, &type) && du_json_string(value, &text))
        snprintf(to, room, "%s", text.size > 0 ? text.data : "");
    du_bytes_deinit(&text);
}

static void read_row(struct du_cache_row *row, struct du_slice object) {
    struct du_slice value;
    enum du_json_type type;
    *row = (struct du_cache_row){.json = object};
    copy_text(object, "digest", row->digest, sizeof row->digest);
    copy_text(object, "used", row->used, sizeof row->used);
    if (du_json_find(object.data, object.size, "size", &value, &type))
        du_json_integer(value, &row->size);
}

static bool add_row(struct du_cache_rows *rows, struct du_slice object) {
    if ((rows->count & (rows->count - 1)) == 0) {
        size_t room = rows->count == 0 ? 1 : 2 * rows->count;
        struct du_cache_row *list = du_realloc(rows->list, room * sizeof *list);
        if (list == NULL)
            return false;
        rows->list = list;
    }
    read_row(&rows->list[rows->count], object);
    rows->bytes += rows->list[rows->count++].size;
    return true;
}

/* Takes the page's text over. */
static bool add_page(struct du_cache_rows *rows, struct du_bytes *page) {
    char **pages = du_realloc(rows->pages, (rows->page_count + 1) * sizeof *pages);
    struct du_slice rest, object;
    enum du_json_type type;
    if (pages == NULL)
        return false;
    rows->pages = pages;
    rows->pages[rows->page_count++] = page->data;
    bool good = du_json_find(page->data, page->size, "blobs", &rest, &type);
    du_bytes_init(page);
    while (good && du_json_next(&rest, &object, &type))
        good = add_row(rows, object);
    return good;
}

/* One page; place is where it begins, then where the next one does ("": there is none). */
static int load_page(struct du_cache_rows *rows, struct du_control *control, char place[128]) {
    struct du_bytes body, answer;
    du_control_begin(&body);
    du_control_text(&body, "place", place[0] == '\0' ? NULL : place);
    du_control_end(&body);
    du_bytes_init(&answer);
    int code = du_control_ask(control, "cache.list", &body, DU_CONTROL_SECS, &answer);
    place[0] = '\0';
    if (code == 0) {
        copy_text((struct du_slice){answer.data, answer.size}, "place", place, 128);
        if (!add_page(rows, &answer)) {
            fprintf(stderr, "dunite: out of memory, or the engine's list is none\n");
            code = 1;
        }
    }
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

static int by_use(const void *left, const void *right) {
    const struct du_cache_row *a = left, *b = right;
    int order = strcmp(b->used, a->used);
    return order != 0 ? order : strcmp(a->digest, b->digest);
}

int du_cache_rows_load(struct du_cache_rows *rows, struct du_control *control) {
    char place[128] = "";
    int code;
    memset(rows, 0, sizeof *rows);
    do
        code = load_page(rows, control, place);
    while (code == 0 && place[0] != '\0');
    if (rows->count > 0)
        qsort(rows->list, rows->count, sizeof *rows->list, by_use);
    return code;
}

void du_cache_rows_deinit(struct du_cache_rows *rows) {
    for (size_t i = 0; i < rows->page_count; i++)
        du_free(rows->pages[i]);
    du_free(rows->pages);
    du_free(rows->list);
}

/* Printing ---------------------------------------------------------------------------------- */

void du_cache_rows_json(const struct du_cache_rows *rows) {
    fputs("[", stdout);
    for (size_t i = 0; i < rows->count; i++)
        printf("%s\n%.*s", i == 0 ? "" : ",", (int)rows->list[i].json.size,
               rows->list[i].json.data);
    puts("\n]");
}

/* The names, one after the other; "-" where it has none. */
static void print_names(struct du_slice row) {
    struct du_slice rest, value;
    enum du_json_type type;
    struct du_bytes names;
    du_bytes_init(&names);
    if (du_json_find(row.data, row.size, "names", &rest, &type))
        while (du_json_next(&rest, &value, &type)) {
            du_bytes_text(&names, names.size > 0 ? ", " : "");
            du_json_string(value, &names);
        }
    puts(names.size > 0 ? names.data : "-");
    du_bytes_deinit(&names);
}

void du_cache_rows_print(const struct du_cache_rows *rows) {
    char size[DU_CACHE_SIZE];
    printf("%-71s  %10s  %-20s  %s\n", "digest", "size", "last used", "names");
    for (size_t i = 0; i < rows->count; i++) {
        const struct du_cache_row *row = &rows->list[i];
        printf("%-71s  %10s  %-20s  ", row->digest, du_cache_size(row->size, size), row->used);
        print_names(row->json);
    }
    printf("%zu %s, %s\n", rows->count, rows->count == 1 ? "blob" : "blobs",
           du_cache_size(rows->bytes, size));
}
