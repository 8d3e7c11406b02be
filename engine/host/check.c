#include "check.h"

#include "generation.h"
#include "mem.h"
#include "paths.h"
#include "versions.h"

#include <errno.h>
#include <sys/stat.h>

enum { CHECK_MEMORY = 1 << 30 }; /* bytes; what the deployment allows is not known yet */

struct du_check {
    struct du_base base;
    struct du_context context;
    struct du_generation generation;
    struct du_config config;
    char *data_dir;
};

/* Whatever else is wrong is told from the folder on; that it is not there needs its name. */
static enum du_error_kind check_folder(const char *folder, struct du_error *error) {
    struct stat status;
    if (stat(folder, &status) != 0)
        return du_error_errno(error, errno, "open the deployment", folder);
    if (!S_ISDIR(status.st_mode))
        return du_error_errno(error, ENOTDIR, "open the deployment", folder);
    return DU_OK;
}

enum du_error_kind du_check_new(struct du_check **out, const struct du_engine_options *options,
                                struct du_findings *findings, struct du_error *error) {
    struct du_check *check = du_calloc(1, sizeof *check);
    if (check == NULL)
        return du_error_set(error, DU_MEMORY, "checking %s", options->folder);
    du_clock_init(&check->base.clock);
    du_faults_init(&check->base.faults);
    check->context = (struct du_context){.base = &check->base,
                                         .sources = du_sources_new(),
                                         .folder = options->folder,
                                         .bundle = options->bundle,
                                         .modules = options->modules,
                                         .host = options->host,
                                         .environment = options->environment,
                                         .versions = du_versions_each};
    enum du_error_kind kind = DU_OK;
    if (check->context.sources == NULL)
        kind = du_error_set(error, DU_MEMORY, "checking %s", options->folder);
    else if (options->bundle == NULL)
        kind = check_folder(options->folder, error);
    if (kind == DU_OK)
        kind = du_generation_open(&check->generation, &check->context, options->scripts,
                                  CHECK_MEMORY, error);
    check->generation.checks = options->strict ? "check" : "serve";
    if (kind == DU_OK)
        kind = du_generation_load(&check->generation, options->overrides, findings, error);
    if (kind == DU_OK)
        kind = du_generation_config(&check->generation, &check->config, error);
    if (kind == DU_OK) {
        check->data_dir = du_path_below(options->folder, check->config.data_dir);
        if (check->data_dir == NULL)
            kind = du_error_set(error, DU_MEMORY, "checking %s", options->folder);
    }
    if (kind == DU_OK)
        *out = check;
    else
        du_check_free(&check);
    return kind;
}

void du_check_free(struct du_check **taken) {
    struct du_check *check = *taken;
    *taken = NULL;
    du_generation_close(&check->generation);
    du_sources_unref(&check->context.sources);
    du_config_deinit(&check->config);
    du_free(check->data_dir);
    du_free(check);
}

void du_check_close_scripts(struct du_check *check) {
    du_generation_close(&check->generation);
}

struct du_sources *du_check_sources(const struct du_check *check) {
    return check->context.sources;
}

const struct du_config *du_check_config(const struct du_check *check) {
    return &check->config;
}

void du_check_routes(struct du_check *check, du_check_route *each, void *user) {
    du_generation_routes(&check->generation, each, user);
}

const char *du_check_data_dir(const struct du_check *check) {
    return check->data_dir;
}
