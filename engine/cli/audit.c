/* `dunite audit`: who got what, read from the journal's file, whether an engine runs or not. */

#include "audit.h"

#include "bundled.h"
#include "check.h"
#include "command.h"
#include "digest.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct du_option du_arguments_audit[] = {
    {"member", DU_OPTION_TEXT, "ID", "only this member's"},
    {"app", DU_OPTION_TEXT, "SLUG", "only this application's"},
    {"digest", DU_OPTION_TEXT, "DIGEST", "only those who received it, wholly or in part"},
    {"since", DU_OPTION_TEXT, "TIME",
     "2026-01-31, 2026-01-31T12:00:00Z, or so long ago: 90s, 15m, 12h, 7d"},
    {"json", DU_OPTION_FLAG, NULL, "one JSON object a line"},
    {"dir", DU_OPTION_TEXT, "DIR", "the deployment; the current folder if not given"},
    {"scripts", DU_OPTION_TEXT, "DIR", "look for scripts here before the built-in ones"},
    {"data-dir", DU_OPTION_TEXT, "DIR", "where the store is, instead of the deployment's"},
    {0}};

/* Lines ------------------------------------------------------------------------------------- */

static void add_json(struct du_bytes *line, const char *key, const char *value) {
    if (value[0] == '\0')
        return;
    du_bytes_format(line, ",\"%s\":", key);
    du_bytes_json(line, value, strlen(value));
}

static bool is_request(const struct du_audit_row *row) {
    return strcmp(row->event, "requested") == 0;
}

static bool print_json(void *user, const struct du_audit_row *row) {
    struct du_bytes line;
    char at[DU_CLOCK_TEXT];
    (void)user;
    du_bytes_init(&line);
    du_bytes_format(&line, "{\"at\":\"%s\"", du_clock_rfc3339(row->at_ms, at));
    add_json(&line, "event", row->event);
    add_json(&line, "reason", row->reason);
    add_json(&line, "kind", row->kind);
    add_json(&line, "member", row->member);
    add_json(&line, "credential", row->credential);
    add_json(&line, "application", row->application);
    add_json(&line, "version", row->version);
    add_json(&line, "asset", row->asset);
    add_json(&line, "digest", row->digest);
    if (!is_request(row))
        du_bytes_format(&line, ",\"bytes\":%" PRId64, row->bytes);
    add_json(&line, "address", row->address);
    add_json(&line, "request_id", row->request);
    du_bytes_text(&line, "}\n");
    bool good = du_bytes_check(&line) == DU_OK && fputs(line.data, stdout) >= 0;
    du_bytes_deinit(&line);
    return good;
}

/* What strangers chose (a name in a path) must not move the cursor, or end the line. */
static void print_cell(const char *text, int width) {
    int shown = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool c1 = *at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        if (*at < ' ' || *at == 0x7f || *at == '\\' || c1)
            shown += printf("\\x%02x", *at);
        else
            shown += putchar(*at) >= 0 && (*at & 0xc0) != 0x80;
    }
    printf("%*s", shown < width ? width - shown + 2 : 2, "");
}

static bool print_text(void *user, const struct du_audit_row *row) {
    char at[DU_CLOCK_TEXT], bytes[24] = "";
    (void)user;
    if (!is_request(row))
        snprintf(bytes, sizeof bytes, "%" PRId64, row->bytes);
    print_cell(du_clock_rfc3339(row->at_ms, at), 24);
    print_cell(row->event, 15);
    print_cell(row->kind, 8);
    print_cell(row->member, 12);
    print_cell(row->application, 12);
    print_cell(row->version, 10);
    print_cell(row->asset[0] != '\0' ? row->asset : row->digest, 24);
    print_cell(bytes, 10);
    print_cell(row->address, 15);
    print_cell(row->request, 16);
    print_cell(row->reason, 0);
    return putchar('\n') >= 0;
}

static void print_columns(void) {
    static const struct {
        const char *name;
        int width;
    } columns[] = {{"at", 24},      {"event", 15},   {"kind", 8},           {"member", 12},
                   {"app", 12},     {"version", 10}, {"asset, digest", 24}, {"bytes", 10},
                   {"address", 15}, {"request", 16}, {"reason", 0}};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        print_cell(columns[i].name, columns[i].width);
    putchar('\n');
}

/* What is asked for ------------------------------------------------------------------------- */

/* "7d" and the like, in milliseconds. */
static bool parse_ago(const char *text, int64_t *ms) {
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    long count = strtol(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (end == text || count < 0 || count > 1000000 || strcmp(end, units[i].unit) != 0)
            continue;
        *ms = count * units[i].ms;
        return true;
    }
    return false;
}

static bool parse_since(const char *text, int64_t *since_ms) {
    char day[32];
    int64_t ago_ms;
    struct du_clock now;
    if (text == NULL)
        return true;
    snprintf(day, sizeof day, "%.10sT00:00:00Z", text);
    if (parse_ago(text, &ago_ms)) {
        du_clock_init(&now);
        *since_ms = du_clock_wall_ms(&now) - ago_ms;
        return true;
    }
    if (strlen(text) == strlen("2026-01-31") && du_clock_parse_rfc3339(day, since_ms))
        return true;
    if (du_clock_parse_rfc3339(text, since_ms))
        return true;
    fprintf(stderr,
            "dunite: --since: found \"%s\", allowed is a day (2026-01-31), a time"
            " (2026-01-31T12:00:00Z), or how long ago (90s, 15m, 12h, 7d)\n",
            text);
    return false;
}

static bool parse_filter(const struct du_arguments *options, struct du_audit_filter *filter) {
    struct du_digest digest;
    filter->member = du_arguments_text(options, "member");
    filter->application = du_arguments_text(options, "app");
    filter->digest = du_arguments_text(options, "digest");
    if (filter->digest != NULL &&
        !du_digest_parse(filter->digest, strlen(filter->digest), &digest)) {
        fprintf(stderr, "dunite: --digest: found \"%s\", allowed is sha256: and 64 hex digits\n",
                filter->digest);
        return false;
    }
    return parse_since(du_arguments_text(options, "since"), &filter->since_ms);
}

/* Reading ----------------------------------------------------------------------------------- */

static int read_journal(const char *data_dir, const struct du_audit_filter *filter, bool json) {
    char path[4096];
    struct du_error error;
    snprintf(path, sizeof path, "%s/journal.db", data_dir);
    if (access(path, F_OK) != 0) {
        fprintf(stderr, "dunite: %s is not there: nothing has been served from this folder yet\n",
                path);
        return 1;
    }
    if (!json)
        print_columns();
    enum du_error_kind kind =
        du_audit_read_file(path, filter, json ? print_json : print_text, NULL, &error);
    if (kind != DU_OK)
        fprintf(stderr, "dunite: %s\n", error.message);
    bool written = fflush(stdout) == 0;
    return kind == DU_OK && written ? 0 : 1;
}

int du_command_audit(int count, char **words) {
    struct du_arguments options;
    struct du_audit_filter filter = {0};
    if (!du_arguments_parse(count, words, du_arguments_audit, 0, &options) ||
        !du_arguments_at_most(&options, 0, "audit"))
        return 2;
    if (!parse_filter(&options, &filter))
        return 2;
    struct du_bytes overrides;
    du_bytes_init(&overrides);
    du_arguments_overrides(&options, &overrides);
    const char *folder = du_arguments_text(&options, "dir");
    struct du_engine_options wanted = {.folder = folder == NULL ? "." : folder,
                                       .bundle = du_bundled_unless(folder),
                                       .scripts = du_arguments_text(&options, "scripts"),
                                       .overrides = overrides.data};
    struct du_check *check = NULL;
    struct du_findings findings = {0};
    struct du_error error = {0};
    int code = 1;
    if (du_check_new(&check, &wanted, &findings, &error) != DU_OK)
        du_report(&findings, &error);
    else
        code = read_journal(du_check_data_dir(check), &filter, du_arguments_flag(&options, "json"));
    if (check != NULL)
        du_check_free(&check);
    du_findings_free(&findings);
    du_bytes_deinit(&overrides);
    return code;
}
