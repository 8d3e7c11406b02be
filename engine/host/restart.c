#include "restart.h"

#include <stdio.h>
#include <string.h>

static void note(struct du_bytes *notes, const char *key, const char *used, const char *found) {
    used = used != NULL ? used : "the default";
    found = found != NULL ? found : "the default";
    if (strcmp(used, found) != 0)
        du_bytes_format(notes, "%s%s: found %s, but %s is in use: needs a restart",
                        notes->size > 0 ? "\n" : "", key, found, used);
}

static void join(struct du_bytes *text, const struct du_names *names) {
    for (size_t i = 0; i < names->count; i++)
        du_bytes_format(text, "%s%s", i > 0 ? ", " : "", names->list[i]);
    du_bytes_text(text, names->count == 0 ? "none" : "");
}

static void note_list(struct du_bytes *notes, const char *key, const struct du_names *used,
                      const struct du_names *found) {
    struct du_bytes before, after;
    du_bytes_init(&before);
    du_bytes_init(&after);
    join(&before, used);
    join(&after, found);
    if (!before.failed && !after.failed)
        note(notes, key, before.data, after.data);
    du_bytes_deinit(&before);
    du_bytes_deinit(&after);
}

void du_restart_notes(const struct du_config *used, const struct du_config *found,
                      struct du_bytes *notes) {
    char before[16], after[16];
    note_list(notes, "listen", &used->listen, &found->listen);
    note_list(notes, "admin_listen", &used->admin_listen, &found->admin_listen);
    note(notes, "data_dir", used->data_dir, found->data_dir);
    note(notes, "cache.dir", used->cache_dir, found->cache_dir);
    note(notes, "log.file", used->log_file, found->log_file);
    snprintf(before, sizeof before, "%u", used->workers);
    snprintf(after, sizeof after, "%u", found->workers);
    note(notes, "workers", before, after);
}
