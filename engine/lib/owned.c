#include "owned.h"

#include "mem.h"

#include <string.h>

static bool copy_scripts(struct du_owned *owned, const struct dunite_script *given) {
    size_t count = 0;
    while (given[count].name != NULL)
        count++;
    owned->scripts = du_calloc(count + 1, sizeof *owned->scripts);
    if (owned->scripts == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct du_embedded_script *script = &owned->scripts[i];
        char *text = du_malloc(given[i].size + 1);
        if (text != NULL) {
            memcpy(text, given[i].text, given[i].size);
            text[given[i].size] = '\0';
        }
        *script = (struct du_embedded_script){du_strdup(given[i].name), text, given[i].size};
        if (script->name == NULL || text == NULL)
            return false;
    }
    owned->bundle = (struct du_scripts){owned->scripts, count};
    owned->options.bundle = &owned->bundle;
    return true;
}

static bool copy_modules(struct du_owned *owned, const struct dunite_module *given) {
    size_t count = 0;
    while (given[count].name != NULL)
        count++;
    owned->modules = du_calloc(count + 1, sizeof *owned->modules);
    if (owned->modules == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        owned->modules[i] = (struct du_host_module){du_strdup(given[i].name), given[i].open};
        if (owned->modules[i].name == NULL)
            return false;
    }
    owned->options.modules = owned->modules;
    return true;
}

bool du_owned_init(struct du_owned *owned, const struct dunite_options *given) {
    memset(owned, 0, sizeof *owned);
    owned->folder = du_strdup(given->folder != NULL ? given->folder : ".");
    owned->settings = given->settings != NULL ? du_strdup(given->settings) : NULL;
    owned->options.folder = owned->folder;
    owned->options.overrides = owned->settings;
    return owned->folder != NULL && (given->settings == NULL || owned->settings != NULL) &&
           (given->scripts == NULL || copy_scripts(owned, given->scripts)) &&
           (given->modules == NULL || copy_modules(owned, given->modules));
}

void du_owned_deinit(struct du_owned *owned) {
    struct du_embedded_script *script = owned->scripts;
    for (; script != NULL && script->name != NULL; script++) {
        du_free((char *)script->name);
        du_free((char *)script->source);
    }
    struct du_host_module *module = owned->modules;
    for (; module != NULL && module->name != NULL; module++)
        du_free((char *)module->name);
    du_free(owned->scripts);
    du_free(owned->modules);
    du_free(owned->folder);
    du_free(owned->settings);
}
