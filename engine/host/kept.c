#include "kept.h"

#include "mem.h"

static const char *copied(const char *text, bool *failed) {
    char *copy = text != NULL ? du_strdup(text) : NULL;
    *failed |= text != NULL && copy == NULL;
    return copy;
}

static const char *const *copied_list(const char *const *list, bool *failed) {
    size_t count = 0;
    while (list != NULL && list[count] != NULL)
        count++;
    const char **copy = list != NULL ? du_calloc(count + 1, sizeof *copy) : NULL;
    *failed |= list != NULL && copy == NULL;
    for (size_t i = 0; copy != NULL && i < count && !*failed; i++)
        copy[i] = copied(list[i], failed);
    return copy;
}

enum du_error_kind du_options_keep(struct du_engine_options *kept,
                                   const struct du_engine_options *options,
                                   struct du_error *error) {
    bool failed = false;
    *kept = *options;
    kept->folder = copied(options->folder, &failed);
    kept->scripts = copied(options->scripts, &failed);
    kept->overrides = copied(options->overrides, &failed);
    kept->program = copied(options->program, &failed);
    kept->environment = copied_list(options->environment, &failed);
    return failed ? du_error_set(error, DU_MEMORY, "starting an engine") : DU_OK;
}

void du_options_forget(struct du_engine_options *kept) {
    for (size_t i = 0; kept->environment != NULL && kept->environment[i] != NULL; i++)
        du_free((char *)kept->environment[i]);
    du_free((const char **)kept->environment);
    du_free((char *)kept->folder);
    du_free((char *)kept->scripts);
    du_free((char *)kept->overrides);
    du_free((char *)kept->program);
}
