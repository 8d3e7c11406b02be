#include "cache_rows.h"

#include "json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* So many blobs, or bytes, are verified in one question; and how slow a disk may be for it. */
enum { ASKED_MOST = 100, BYTES_MOST = 256 << 20, SLOW_BYTES = 4 << 20 };

struct verifying {
    struct du_control *control;
    struct du_cache_rows rows;
    bool terminal;
    size_t done, wrong;
    int64_t bytes;
    int tenths; /* of the bytes, that were told in a log */
};

/* On a terminal one line that moves; in a log one line for each tenth. */
static void show(struct verifying *run) {
    char done[DU_CACHE_SIZE], all[DU_CACHE_SIZE];
    int tenths = run->rows.bytes > 0 ? (int)(run->bytes / (run->rows.bytes / 10 + 1)) : 0;
    if (!run->terminal && tenths == run->tenths)
        return;
    run->tenths = tenths;
    fprintf(stderr, "%sverified %zu of %zu blobs, %s of %s%s", run->terminal ? "\r\033[K" : "",
            run->done, run->rows.count, du_cache_size(run->bytes, done),
            du_cache_size(run->rows.bytes, all), run->terminal ? "" : "\n");
}

static void clear(const struct verifying *run) {
    if (run->terminal)
        fputs("\r\033[K", stderr);
}

static void print_text(struct du_slice object, const char *key, const char *before,
                       const char *otherwise) {
    struct du_slice value;
    enum du_json_type type;
    struct du_bytes text;
    du_bytes_init(&text);
    if (du_json_find(object.data, object.size, key, &value, &type))
        du_json_string(value, &text);
    if (text.size > 0)
        printf("%s%s", before, text.data);
    else
        fputs(otherwise, stdout);
    du_bytes_deinit(&text);
}

static void show_fault(struct verifying *run, struct du_slice fault) {
    struct du_slice verdict = {"", 0};
    enum du_json_type type;
    run->wrong++;
    clear(run);
    du_json_find(fault.data, fault.size, "verdict", &verdict, &type);
    print_text(fault, "digest", "", "");
    if (du_slice_equal(verdict, DU_SLICE("\"gone\""))) {
        puts(": its file is not there; it is fetched anew when it is asked for");
        return;
    }
    print_text(fault, "why", ": ", ": does not verify");
    print_text(fault, "place", "; served no more, its file is now ",
               "; served no more, but its file could not be moved");
    putchar('\n');
}

static void show_faults(struct verifying *run, const struct du_bytes *answer) {
    struct du_slice rest, fault;
    enum du_json_type type;
    if (du_json_find(answer->data, answer->size, "faults", &rest, &type))
        while (du_json_next(&rest, &fault, &type))
            show_fault(run, fault);
}

/* As many rows from `at` on as one question takes. */
static size_t fill_body(const struct verifying *run, struct du_bytes *body, int64_t *bytes) {
    size_t count = 0;
    struct du_bytes list;
    du_bytes_init(&list);
    du_bytes_text(&list, "[");
    *bytes = 0;
    for (size_t at = run->done; at < run->rows.count && count < ASKED_MOST && *bytes < BYTES_MOST;
         at++, count++) {
        const struct du_cache_row *row = &run->rows.list[at];
        du_bytes_format(&list, "%s\"%s\"", count > 0 ? "," : "", row->digest);
        *bytes += row->size;
    }
    du_bytes_text(&list, "]");
    du_control_begin(body);
    du_control_raw(body, "digests", list.data);
    du_control_end(body);
    du_bytes_deinit(&list);
    return count;
}

static int verify_some(struct verifying *run) {
    struct du_bytes body, answer;
    int64_t bytes;
    size_t count = fill_body(run, &body, &bytes);
    du_bytes_init(&answer);
    int code = du_control_ask(run->control, "cache.verify", &body,
                              DU_CONTROL_SECS + (int)(bytes / SLOW_BYTES), &answer);
    if (code == 0)
        show_faults(run, &answer);
    run->done += count;
    run->bytes += bytes;
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}

/* Leaves the rows that begin with one of these; each must be the beginning of one. */
static int choose(struct verifying *run, const struct du_arguments *options) {
    size_t kept = 0;
    bool found[sizeof options->arguments / sizeof *options->arguments] = {false};
    if (options->argument_count == 1)
        return 0;
    run->rows.bytes = 0;
    for (size_t at = 0; at < run->rows.count; at++) {
        const struct du_cache_row *row = &run->rows.list[at];
        bool wanted = false;
        for (size_t i = 1; i < options->argument_count; i++) {
            const char *text = options->arguments[i], *digest = row->digest;
            if (strncmp(text, "sha256:", 7) != 0)
                digest += 7;
            if (strncmp(digest, text, strlen(text)) == 0)
                wanted = found[i] = true;
        }
        if (wanted) {
            run->rows.bytes += row->size;
            run->rows.list[kept++] = *row;
        }
    }
    run->rows.count = kept;
    for (size_t i = 1; i < options->argument_count; i++)
        if (!found[i]) {
            fprintf(stderr, "dunite: no blob begins with %s\n", options->arguments[i]);
            return 1;
        }
    return 0;
}

int du_cache_verify(struct du_control *control, const struct du_arguments *options) {
    struct verifying run = {.control = control, .terminal = isatty(STDERR_FILENO)};
    char size[DU_CACHE_SIZE];
    int code = du_cache_rows_load(&run.rows, control);
    if (code == 0)
        code = choose(&run, options);
    while (code == 0 && run.done < run.rows.count) {
        code = verify_some(&run);
        show(&run);
    }
    clear(&run);
    if (code == 0)
        printf("%zu verified, %s: %zu not right\n", run.done, du_cache_size(run.bytes, size),
               run.wrong);
    du_cache_rows_deinit(&run.rows);
    return code == 0 && run.wrong > 0 ? 1 : code;
}
