/* `dunite bundle`: one program file out of this program and a deployment's scripts. */

#include "bundled.h"
#include "check.h"
#include "command.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const struct du_option du_arguments_bundle[] = {
    {"o,output", DU_OPTION_TEXT, "FILE", "the program file to write"},
    {"unchecked", DU_OPTION_FLAG, NULL,
     "bundle also what `dunite check` does not take here: its secrets may be elsewhere"},
    {"scripts", DU_OPTION_TEXT, "DIR", "look for scripts here before the built-in ones"},
    {0}};

/* --- what goes in: every .lua file of the deployment, but its specs --- */

struct gathering {
    size_t root; /* how long the folder's own path is */
    struct du_bytes *payload;
    size_t count;
    int error; /* errno of the file that could not be read, which `path` names */
    char path[4096];
};

static bool ends_in_lua(const char *name, size_t size) {
    return size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

/* Hidden folders, and that of the specs, which only `dunite spec DIR` runs. */
static bool is_left_out(const FTSENT *entry) {
    return entry->fts_level > 0 &&
           (entry->fts_name[0] == '.' ||
            (entry->fts_level == 1 && strcmp(entry->fts_name, "spec") == 0));
}

static int read_whole(const char *path, struct du_bytes *text) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 1;
    while (got > 0) {
        char *room = du_bytes_reserve(text, 64 * 1024);
        got = room == NULL ? (errno = ENOMEM, -1) : read(fd, room, 64 * 1024);
        if (got > 0)
            du_bytes_grew(text, (size_t)got);
    }
    int error = got < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return error;
}

static void add_file(struct gathering *gathering, const FTSENT *file) {
    const char *name = file->fts_path + gathering->root;
    struct du_bytes text;
    name += strspn(name, "/");
    du_bytes_init(&text);
    gathering->error = read_whole(file->fts_accpath, &text);
    if (gathering->error == 0) {
        du_bundled_add(gathering->payload, name, text.size > 0 ? text.data : "", text.size);
        printf("  %-40s %6zu bytes\n", name, text.size);
        gathering->count++;
    }
    du_bytes_deinit(&text);
}

static void gather_entry(struct gathering *gathering, FTS *walk, FTSENT *entry) {
    switch (entry->fts_info) {
    case FTS_D:
        if (is_left_out(entry))
            fts_set(walk, entry, FTS_SKIP);
        break;
    case FTS_F:
        if (!is_left_out(entry) && ends_in_lua(entry->fts_name, entry->fts_namelen))
            add_file(gathering, entry);
        break;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        gathering->error = entry->fts_errno;
        break;
    }
    if (gathering->error != 0)
        snprintf(gathering->path, sizeof gathering->path, "%s", entry->fts_path);
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* False: it was said why. */
static bool gather(const char *folder, struct du_bytes *payload) {
    struct gathering gathering = {.root = strlen(folder), .payload = payload};
    char *roots[] = {(char *)folder, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name);
    if (walk == NULL) {
        fprintf(stderr, "dunite: %s: %s\n", folder, strerror(errno));
        return false;
    }
    FTSENT *entry;
    while (gathering.error == 0 && (entry = fts_read(walk)) != NULL)
        gather_entry(&gathering, walk, entry);
    fts_close(walk);
    if (gathering.error != 0)
        fprintf(stderr, "dunite: %s: %s\n", gathering.path, strerror(gathering.error));
    else if (gathering.count == 0)
        fprintf(stderr, "dunite: there are no scripts in %s\n", folder);
    return gathering.error == 0 && gathering.count > 0;
}

/* --- writing --- */

static bool write_all(int fd, const struct du_bytes *bytes) {
    for (size_t at = 0; at < bytes->size;) {
        ssize_t put = write(fd, bytes->data + at, bytes->size - at);
        if (put < 0 && errno != EINTR)
            return false;
        at += put > 0 ? (size_t)put : 0;
    }
    return fsync(fd) == 0;
}

/* Whole or not at all: beside `path`, then in its place. A bundle that runs is not disturbed. */
static bool write_program(const char *path, const struct du_bytes *program) {
    struct du_bytes beside;
    du_bytes_init(&beside);
    du_bytes_format(&beside, "%s.XXXXXX", path);
    int fd = du_bytes_check(&beside) == DU_OK ? mkostemp(beside.data, O_CLOEXEC) : -1;
    bool fine = fd >= 0 && write_all(fd, program) && fchmod(fd, 0755) == 0;
    if (fd >= 0)
        fine = close(fd) == 0 && fine;
    fine = fine && rename(beside.data, path) == 0;
    if (!fine) {
        fprintf(stderr, "dunite: %s: %s\n", path, strerror(errno));
        if (fd >= 0)
            unlink(beside.data);
    }
    du_bytes_deinit(&beside);
    return fine;
}

static int print_library(struct dl_phdr_info *library, size_t size, void *user) {
    const char *name = strrchr(library->dlpi_name, '/');
    (void)size, (void)user;
    if (name != NULL)
        printf(" %s", name + 1);
    return 0;
}

static bool make(const char *folder, const char *path) {
    struct du_bytes program, payload;
    du_bytes_init(&program);
    du_bytes_init(&payload);
    bool fine = gather(folder, &payload);
    if (fine && (!du_bundled_program(&program) || !du_bundled_make(&program, &payload))) {
        fprintf(stderr, "dunite: this program cannot be read to be copied\n");
        fine = false;
    }
    fine = fine && write_program(path, &program);
    if (fine) {
        printf("%s: %zu KiB; it runs where these shared libraries are:\n ", path,
               program.size / 1024);
        dl_iterate_phdr(print_library, NULL);
        putchar('\n');
    }
    du_bytes_deinit(&program);
    du_bytes_deinit(&payload);
    return fine;
}

/* --- the command --- */

static bool is_fine(const char *folder, const char *scripts) {
    struct du_engine_options wanted = {.folder = folder, .scripts = scripts};
    struct du_check *check = NULL;
    struct du_findings findings = {0};
    struct du_error error = {0};
    bool fine = du_check_new(&check, &wanted, &findings, &error) == DU_OK;
    if (!fine) {
        du_report(&findings, &error);
        fprintf(stderr, "dunite: nothing was bundled; --unchecked bundles it all the same\n");
    } else {
        du_check_free(&check);
    }
    du_findings_free(&findings);
    return fine;
}

int du_command_bundle(int count, char **words) {
    struct du_arguments options;
    if (!du_arguments_parse(count, words, du_arguments_bundle, 0, &options))
        return 2;
    const char *folder = options.argument_count > 0 ? options.arguments[0] : ".";
    const char *path = du_arguments_text(&options, "output");
    if (path == NULL || options.argument_count > 1) {
        fprintf(stderr, "dunite: bundle [DIR] -o FILE\n");
        return 2;
    }
    if (!du_arguments_flag(&options, "unchecked") &&
        !is_fine(folder, du_arguments_text(&options, "scripts")))
        return 1;
    return make(folder, path) ? 0 : 1;
}
