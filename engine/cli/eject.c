/* `dunite eject`: copies standard scripts into the deployment, to be edited there. */

#include "bytes.h"
#include "command.h"
#include "digest.h"
#include "embedded.h"
#include "mem.h"
#include "nearest.h"
#include "paths.h"
#include "scratch.h"
#include "versions.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What of the digest stands in a copy's first line; scripts/dunite/ejected.lua compares it. */
enum { STAMP_DIGITS = 12, NAME_ROOM = 128 };

static const char root[] = "dunite/", meta[] = "dunite/meta/";

/* For LuaLS: where the declarations are, and which libraries scripts do not have. */
static const char luarc[] =
    "{\n"
    "  \"runtime.version\": \"Lua 5.4\",\n"
    "  \"runtime.path\": [\"?.lua\", \"?/init.lua\"],\n"
    "  \"runtime.builtin\": { \"io\": \"disable\", \"package\": \"disable\" },\n"
    "  \"workspace.library\": [\".dunite/library\"],\n"
    "  \"workspace.checkThirdParty\": false\n"
    "}\n";

struct ejecting {
    const char *folder;
    bool force;
    size_t found, there, failed;
};

typedef void on_script(struct ejecting *ejecting, const struct du_embedded_script *script);

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static bool is_for_editors(const struct du_embedded_script *script) {
    return begins(script->name, meta);
}

/* "dunite.verticals.oci", "verticals/oci.lua" and "oci" all end up as a path without ".lua". */
static void write_stem(const char *name, char stem[NAME_ROOM]) {
    size_t size = strlen(name), at = 0;
    bool has_suffix = size > 4 && strcmp(name + size - 4, ".lua") == 0;
    size -= has_suffix ? 4 : 0;
    for (; at < size && at + 1 < NAME_ROOM; at++)
        stem[at] = name[at] == '.' ? '/' : name[at];
    stem[at] = '\0';
    if (begins(stem, root))
        memmove(stem, stem + strlen(root), at + 1 - strlen(root));
}

/* Is it the script of that stem, or a part of it? */
static bool is_of(const struct du_embedded_script *script, const char *place, const char *stem) {
    char path[2 * NAME_ROOM];
    int size = snprintf(path, sizeof path, "%s%s%s", root, place, stem);
    const char *tail = script->name + size;
    return begins(script->name, path) && (strcmp(tail, ".lua") == 0 || *tail == '/');
}

static void each_of(const char *name, struct ejecting *ejecting, on_script *act) {
    char stem[NAME_ROOM];
    write_stem(name, stem);
    for (size_t i = 0; stem[0] != '\0' && i < du_embedded_script_count; i++) {
        const struct du_embedded_script *script = &du_embedded_scripts[i];
        if (!is_for_editors(script) &&
            (is_of(script, "", stem) || is_of(script, "verticals/", stem)))
            act(ejecting, script);
    }
}

/* Copies. */

static bool is_there(const char *folder, const char *path) {
    char *whole = du_path_below(folder, path);
    bool there = whole != NULL && access(whole, F_OK) == 0;
    du_free(whole);
    return there;
}

static void refuse_if_there(struct ejecting *ejecting, const struct du_embedded_script *script) {
    ejecting->found++;
    if (ejecting->force || !is_there(ejecting->folder, script->name))
        return;
    ejecting->there++;
    fprintf(stderr, "dunite: %s/%s is there already; --force writes it anew\n", ejecting->folder,
            script->name);
}

static void write_text(struct ejecting *ejecting, const char *path, const char *text, size_t size) {
    struct du_error error;
    if (du_scratch_write(ejecting->folder, path, text, size, &error) == DU_OK) {
        printf("%s/%s\n", ejecting->folder, path);
        return;
    }
    ejecting->failed++;
    fprintf(stderr, "dunite: %s\n", error.message);
}

static void copy(struct ejecting *ejecting, const struct du_embedded_script *script) {
    char text[DU_DIGEST_TEXT];
    struct du_digest digest;
    struct du_bytes stamped;
    du_bytes_init(&stamped);
    if (du_digest_of(script->source, script->size, &digest) == DU_OK) {
        du_bytes_format(&stamped, "-- Ejected from dunite %s: %s sha256:%.*s. Yours to edit.\n",
                        du_versions_own(), script->name, STAMP_DIGITS,
                        strchr(du_digest_format(&digest, text), ':') + 1);
        du_bytes_add(&stamped, script->source, script->size);
    }
    if (stamped.size > 0 && !stamped.failed) {
        write_text(ejecting, script->name, stamped.data, stamped.size);
    } else {
        ejecting->failed++;
        fprintf(stderr, "dunite: out of memory\n");
    }
    du_bytes_deinit(&stamped);
}

static int unknown(const char *name) {
    struct du_nearest nearest;
    char stem[NAME_ROOM], known[NAME_ROOM], best[NAME_ROOM] = "";
    write_stem(name, stem);
    du_nearest_init(&nearest, stem);
    du_nearest_try(&nearest, "meta");
    for (size_t i = 0; i < du_embedded_script_count; i++) {
        const char *path = du_embedded_scripts[i].name;
        write_stem(begins(path, "dunite/verticals/") ? path + strlen("dunite/verticals/") : path,
                   known);
        size_t before = nearest.distance;
        du_nearest_try(&nearest, known);
        if (nearest.distance < before)
            memcpy(best, known, sizeof best);
    }
    fprintf(stderr, "dunite: there is no script '%s'", name);
    if (nearest.best != NULL)
        fprintf(stderr, ", did you mean '%s'?", best[0] != '\0' ? best : "meta");
    fprintf(stderr, "; `dunite eject` lists them\n");
    return 1;
}

static int eject(struct ejecting *ejecting, const char *name) {
    each_of(name, ejecting, refuse_if_there);
    if (ejecting->found == 0)
        return unknown(name);
    if (ejecting->there == 0)
        each_of(name, ejecting, copy);
    return ejecting->there + ejecting->failed > 0 ? 1 : 0;
}

/* All scripts and declarations, for an editor to read: not found by `require`. */
static int eject_meta(struct ejecting *ejecting) {
    char path[2 * NAME_ROOM];
    for (size_t i = 0; i < du_embedded_script_count; i++) {
        const struct du_embedded_script *script = &du_embedded_scripts[i];
        snprintf(path, sizeof path, ".dunite/library/%s", script->name);
        write_text(ejecting, path, script->source, script->size);
    }
    if (ejecting->force || !is_there(ejecting->folder, ".luarc.json"))
        write_text(ejecting, ".luarc.json", luarc, sizeof luarc - 1);
    else
        printf("%s/.luarc.json is there already and stays; its workspace.library must have "
               "\".dunite/library\"\n",
               ejecting->folder);
    return ejecting->failed > 0 ? 1 : 0;
}

static int list(const char *folder) {
    puts("oci, download, oidc: a vertical and its parts\n"
         "meta: declarations for an editor (.luarc.json, .dunite/library)\n"
         "or one of these, as `dunite eject router`:\n");
    for (size_t i = 0; i < du_embedded_script_count; i++) {
        const struct du_embedded_script *script = &du_embedded_scripts[i];
        if (!is_for_editors(script))
            printf("  %-44s %6zu bytes%s\n", script->name + strlen(root), script->size,
                   is_there(folder, script->name) ? "  (the deployment has its own)" : "");
    }
    return 0;
}

int du_command_eject(int count, char **words) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, du_arguments_eject, 0, &options))
        return 2;
    const char *folder = du_arguments_text(&options, "dir");
    folder = folder != NULL ? folder : ".";
    if (!du_scratch_is_folder(folder)) {
        fprintf(stderr, "dunite: %s: no such folder\n", folder);
        return 1;
    }
    int code = options.argument_count == 0 ? list(folder) : 0;
    for (size_t i = 0; i < options.argument_count; i++) {
        struct ejecting ejecting = {.folder = folder};
        ejecting.force = du_arguments_flag(&options, "force");
        bool for_editors = strcmp(options.arguments[i], "meta") == 0;
        int failed = for_editors ? eject_meta(&ejecting) : eject(&ejecting, options.arguments[i]);
        code = failed != 0 ? failed : code;
    }
    return code;
}
