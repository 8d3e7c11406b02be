/* `dunite cache`: what is in the store of blobs, whether it is still right, and out with it. */

#include "cache_rows.h"
#include "command.h"
#include "control.h"
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "dunite: cache ls [--json] | verify [DIGEST…] | evict SIZE | rm DIGEST…";

static int ask(struct du_control *control, const char *command, const char *key, const char *value,
               struct du_bytes *answer) {
    struct du_bytes body;
    du_control_begin(&body);
    du_control_text(&body, key, value);
    du_control_end(&body);
    du_bytes_clear(answer);
    int code = du_control_ask(control, command, &body, DU_CONTROL_SECS, answer);
    du_bytes_deinit(&body);
    return code;
}

static int64_t integer_of(const struct du_bytes *answer, const char *key) {
    struct du_slice value;
    enum du_json_type type;
    int64_t integer = 0;
    if (du_json_find(answer->data, answer->size, key, &value, &type))
        du_json_integer(value, &integer);
    return integer;
}

/* ls ---------------------------------------------------------------------------------------- */

static int list(struct du_control *control, const struct du_arguments *options) {
    struct du_cache_rows rows;
    int code = du_cache_rows_load(&rows, control);
    if (code == 0 && du_arguments_flag(options, "json"))
        du_cache_rows_json(&rows);
    else if (code == 0)
        du_cache_rows_print(&rows);
    du_cache_rows_deinit(&rows);
    return code;
}

/* evict, rm --------------------------------------------------------------------------------- */

static void say_change(const char *what, const struct du_bytes *answer) {
    char gone[DU_CACHE_SIZE], left[DU_CACHE_SIZE];
    int64_t blobs = integer_of(answer, "blobs"), held = integer_of(answer, "held");
    printf("%s: %" PRId64 " %s, %s; %" PRId64 " left, %s\n", what, blobs,
           blobs == 1 ? "blob" : "blobs", du_cache_size(integer_of(answer, "bytes"), gone),
           integer_of(answer, "left_blobs"), du_cache_size(integer_of(answer, "left_bytes"), left));
    if (held > 0)
        printf("%" PRId64 " of them still read: the file goes when that ends\n", held);
}

static int evict(struct du_control *control, const struct du_arguments *options) {
    struct du_bytes answer;
    du_bytes_init(&answer);
    int code = ask(control, "cache.evict", "size", options->arguments[1], &answer);
    if (code == 0)
        say_change("evicted", &answer);
    du_bytes_deinit(&answer);
    return code;
}

/* All or none: a misspelt one is known before the first has gone. */
static int remove_all(struct du_control *control, const struct du_arguments *options) {
    static const char *const steps[] = {"cache.find", "cache.remove"};
    static const char *const keys[] = {"prefix", "digest"};
    struct du_bytes answer;
    int code = 0;
    du_bytes_init(&answer);
    for (int step = 0; code == 0 && step < 2; step++)
        for (size_t i = 1; code == 0 && i < options->argument_count; i++) {
            code = ask(control, steps[step], keys[step], options->arguments[i], &answer);
            if (code == 0 && step == 1)
                say_change(options->arguments[i], &answer);
        }
    du_bytes_deinit(&answer);
    return code;
}

/* The command ------------------------------------------------------------------------------- */

struct verb {
    const char *name;
    int (*run)(struct du_control *control, const struct du_arguments *options);
    size_t least, most; /* arguments after it */
};

static const struct verb verbs[] = {
    {"ls", list, 0, 0},
    {"verify", du_cache_verify, 0, SIZE_MAX},
    {"evict", evict, 1, 1},
    {"rm", remove_all, 1, SIZE_MAX},
};

static const struct verb *find_verb(const struct du_arguments *options) {
    for (size_t i = 0; options->argument_count > 0 && i < sizeof verbs / sizeof *verbs; i++) {
        size_t count = options->argument_count - 1;
        if (strcmp(verbs[i].name, options->arguments[0]) == 0)
            return count >= verbs[i].least && count <= verbs[i].most ? &verbs[i] : NULL;
    }
    return NULL;
}

int du_command_cache(int count, char **words) {
    struct du_arguments options;
    struct du_control *control;
    if (!du_arguments_parse(count, words, du_arguments_cache, 0, &options))
        return 2;
    const struct verb *verb = find_verb(&options);
    if (verb == NULL) {
        fprintf(stderr, "%s\n", usage);
        return 2;
    }
    int code = du_control_open(&control, &options, false);
    if (code == 0)
        code = verb->run(control, &options);
    du_control_close(&control);
    return code;
}
