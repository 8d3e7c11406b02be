/* `dunite check` and `dunite routes`: the deployment, loaded but not served. */

#include "check.h"

#include "bundled.h"
#include "command.h"
#include "report.h"

#include <stdio.h>

struct loading {
    struct du_arguments options;
    struct du_bytes overrides;
    struct du_check *check;
};

/* 0, or the exit code after what is wrong has been said. */
static int load(int count, char **words, struct loading *loading) {
    if (!du_arguments_parse(count, words, du_arguments_load, 0, &loading->options))
        return 2;
    du_bytes_init(&loading->overrides);
    du_arguments_overrides(&loading->options, &loading->overrides);
    const char *folder = loading->options.argument_count > 0 ? loading->options.arguments[0] : NULL;
    struct du_engine_options wanted = {
        .folder = folder != NULL ? folder : ".",
        .bundle = du_bundled_unless(folder),
        .scripts = du_arguments_text(&loading->options, "scripts"),
        .overrides = loading->overrides.data,
    };
    struct du_findings findings = {0};
    struct du_error error = {0};
    enum du_error_kind kind = du_check_new(&loading->check, &wanted, &findings, &error);
    if (kind != DU_OK)
        du_report(&findings, &error);
    du_findings_free(&findings);
    du_bytes_deinit(&loading->overrides);
    return kind == DU_OK ? 0 : 1;
}

static void count_route(void *user, const char *method, const char *pattern, const char *where,
                        const char *name) {
    (void)method, (void)pattern, (void)where, (void)name;
    ++*(int *)user;
}

int du_command_check(int count, char **words) {
    struct loading loading = {0};
    int code = load(count, words, &loading);
    if (code != 0)
        return code;
    int routes = 0;
    du_check_routes(loading.check, count_route, &routes);
    printf("fine: %d routes\n", routes);
    du_check_free(&loading.check);
    return 0;
}

static void print_route(void *user, const char *method, const char *pattern, const char *where,
                        const char *name) {
    (void)user;
    printf("%-6s %-55s %s%s%s\n", method, pattern, where, name == NULL ? "" : "  ",
           name == NULL ? "" : name);
}

int du_command_routes(int count, char **words) {
    struct loading loading = {0};
    int code = load(count, words, &loading);
    if (code != 0)
        return code;
    du_check_routes(loading.check, print_route, NULL);
    du_check_free(&loading.check);
    return 0;
}
