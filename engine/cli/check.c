/* `dunite check` and `dunite routes`: the deployment, loaded but not served. */

#include "check.h"

#include "bundled.h"
#include "command.h"
#include "online.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

struct loading {
    struct du_arguments options;
    struct du_bytes overrides;
    struct du_check *check;
    struct du_findings findings;
    struct du_error error;
    bool json;
};

/* 0, or 1 when it is not to be served. */
static int load(struct loading *loading, bool strict) {
    du_bytes_init(&loading->overrides);
    du_arguments_overrides(&loading->options, &loading->overrides);
    const char *folder = loading->options.argument_count > 0 ? loading->options.arguments[0] : NULL;
    struct du_engine_options wanted = {
        .folder = folder != NULL ? folder : ".",
        .bundle = du_bundled_unless(folder),
        .scripts = du_arguments_text(&loading->options, "scripts"),
        .overrides = loading->overrides.data,
        .strict = strict,
    };
    enum du_error_kind kind =
        du_check_new(&loading->check, &wanted, &loading->findings, &loading->error);
    du_bytes_deinit(&loading->overrides);
    return kind == DU_OK ? 0 : 1;
}

static void count_route(void *user, const char *method, const char *pattern, const char *where,
                        const char *name) {
    (void)method, (void)pattern, (void)where, (void)name;
    ++*(int *)user;
}

/* False: no such format. */
static bool read_format(struct loading *loading) {
    const char *format = du_arguments_text(&loading->options, "format");
    if (format == NULL || strcmp(format, "text") == 0)
        return true;
    loading->json = strcmp(format, "json") == 0;
    if (!loading->json)
        fprintf(stderr, "dunite: --format is text or json, not '%s'\n", format);
    return loading->json;
}

int du_command_check(int count, char **words) {
    struct loading loading = {0};
    if (!du_arguments_parse(count, words, du_arguments_check, 0, &loading.options) ||
        !du_arguments_at_most(&loading.options, 1, "check") || !read_format(&loading))
        return 2;
    int code = load(&loading, true), routes = 0;
    bool loaded = code == 0;
    if (loaded) {
        du_check_routes(loading.check, count_route, &routes);
        du_check_free(&loading.check);
    }
    if (loaded && du_arguments_flag(&loading.options, "online"))
        code = du_online_check(&loading.options, loading.json, &loading.findings);
    if (loading.json)
        du_report_json(&loading.findings, loaded ? NULL : &loading.error);
    else if (!loaded)
        du_report(&loading.findings, &loading.error);
    if (!loading.json)
        du_report_warnings(&loading.findings);
    if (!loading.json && code == 0)
        printf("fine: %d routes\n", routes);
    du_findings_free(&loading.findings);
    return code;
}

static void print_route(void *user, const char *method, const char *pattern, const char *where,
                        const char *name) {
    (void)user;
    printf("%-6s %-55s %s%s%s\n", method, pattern, where, name == NULL ? "" : "  ",
           name == NULL ? "" : name);
}

int du_command_routes(int count, char **words) {
    struct loading loading = {0};
    if (!du_arguments_parse(count, words, du_arguments_load, 0, &loading.options) ||
        !du_arguments_at_most(&loading.options, 1, "routes"))
        return 2;
    int code = load(&loading, false);
    if (code == 0) {
        du_check_routes(loading.check, print_route, NULL);
        du_check_free(&loading.check);
    } else {
        du_report(&loading.findings, &loading.error);
    }
    du_findings_free(&loading.findings);
    return code;
}
