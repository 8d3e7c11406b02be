/* `dunite member import`: members from a CSV file. The file goes to the engine as it is. */

#include "control.h"
#include "json.h"
#include "member.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_MOST = 32 << 20 };

/* False: what was wrong has been said. */
static bool read_all(FILE *stream, const char *name, struct du_bytes *body) {
    for (size_t got = 1; got > 0 && body->size <= FILE_MOST;) {
        char *room = du_bytes_reserve(body, BUFSIZ);
        got = room != NULL ? fread(room, 1, BUFSIZ, stream) : 0;
        du_bytes_grew(body, got);
    }
    if (ferror(stream))
        fprintf(stderr, "dunite: %s: %s\n", name, strerror(errno));
    else if (body->size > FILE_MOST)
        fprintf(stderr, "dunite: %s is over 32 MiB: import it in parts\n", name);
    else if (body->failed)
        fprintf(stderr, "dunite: out of memory for %s\n", name);
    else
        return true;
    return false;
}

static bool read_file(const char *name, struct du_bytes *body) {
    bool is_stdin = strcmp(name, "-") == 0;
    FILE *stream = is_stdin ? stdin : fopen(name, "r");
    if (stream == NULL) {
        fprintf(stderr, "dunite: %s: %s\n", name, strerror(errno));
        return false;
    }
    bool fine = read_all(stream, name, body);
    if (!is_stdin)
        fclose(stream);
    return fine;
}

static int64_t number_of(struct du_slice object, const char *key) {
    struct du_slice value;
    enum du_json_type type;
    int64_t number = 0;
    if (du_json_find(object.data, object.size, key, &value, &type))
        du_json_integer(value, &number);
    return number;
}

static bool is_true(const struct du_bytes *answer, const char *key) {
    struct du_slice value;
    enum du_json_type type;
    return du_json_find(answer->data, answer->size, key, &value, &type) && value.data[0] == 't';
}

/* "FILE:LINE: what is wrong", one a line. How many there are. */
static size_t show_findings(const char *name, const struct du_bytes *answer) {
    struct du_slice rest, finding, what;
    enum du_json_type type;
    size_t count = 0;
    if (!du_json_find(answer->data, answer->size, "findings", &rest, &type))
        return 0;
    for (; du_json_next(&rest, &finding, &type); count++) {
        struct du_bytes text;
        du_bytes_init(&text);
        if (du_json_find(finding.data, finding.size, "what", &what, &type) &&
            du_json_string(what, &text))
            fprintf(stderr, "%s:%" PRId64 ": %s\n", name, number_of(finding, "line"), text.data);
        du_bytes_deinit(&text);
    }
    return count;
}

static int show(const char *name, const struct du_bytes *answer, bool dry_run) {
    struct du_slice all = {answer->data, answer->size};
    int64_t bad = number_of(all, "bad");
    bool applied = is_true(answer, "applied");
    size_t findings = show_findings(name, answer);
    printf("%s: %" PRId64 " added, %" PRId64 " changed, %" PRId64 " unchanged, %" PRId64 " bad%s\n",
           name, number_of(all, "added"), number_of(all, "changed"), number_of(all, "unchanged"),
           bad,
           applied   ? ""
           : dry_run ? " (a dry run: nothing was changed)"
                     : "");
    if (!applied && !dry_run)
        fprintf(stderr, "dunite: nothing was imported; --skip-bad takes what is good\n");
    return applied || (dry_run && findings == 0) ? 0 : 1;
}

int du_member_import(const struct du_arguments *options) {
    const char *name = options->argument_count > 1 ? options->arguments[1] : NULL;
    bool skip_bad = du_arguments_flag(options, "skip-bad"),
         dry_run = du_arguments_flag(options, "dry-run");
    struct du_bytes body, answer;
    if (name == NULL) {
        fprintf(stderr, "dunite: member import FILE [--skip-bad] [--dry-run] (FILE may be -)\n");
        return 2;
    }
    du_bytes_init(&body);
    du_bytes_init(&answer);
    int code = 1;
    if (read_file(name, &body)) {
        char command[64];
        snprintf(command, sizeof command, "member.import?%s%s", skip_bad ? "skip_bad=1&" : "",
                 dry_run ? "dry_run=1" : "");
        if (isatty(STDERR_FILENO))
            fprintf(stderr, "importing %zu KiB …\n", (body.size + 1023) / 1024);
        code = du_control_call(options, command, &body, false, &answer);
        if (code == 0)
            code = show(name, &answer, dry_run);
    }
    du_bytes_deinit(&body);
    du_bytes_deinit(&answer);
    return code;
}
