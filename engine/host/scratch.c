#include "scratch.h"

#include "mem.h"
#include "paths.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum du_error_kind du_scratch_make(char folder[DU_SCRATCH_ROOM], struct du_error *error) {
    const char *below = getenv("TMPDIR");
    snprintf(folder, DU_SCRATCH_ROOM, "%s/dunite-XXXXXX", below == NULL ? "/tmp" : below);
    if (mkdtemp(folder) != NULL)
        return DU_OK;
    int number = errno;
    folder[0] = '\0';
    return du_error_errno(error, number, "make", below == NULL ? "/tmp" : below);
}

/* Makes the folders above the file. */
static bool make_way(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool fine = mkdir(path, 0700) == 0 || errno == EEXIST;
        *slash = '/';
        if (!fine)
            return false;
    }
    return true;
}

enum du_error_kind du_scratch_write(const char *folder, const char *path, const void *data,
                                    size_t size, struct du_error *error) {
    char *whole = du_path_below(folder, path);
    if (whole == NULL)
        return du_error_set(error, DU_MEMORY, "write %s", path);
    enum du_error_kind kind = DU_OK;
    FILE *file = make_way(whole) ? fopen(whole, "wb") : NULL;
    if (file == NULL || fwrite(data, 1, size, file) != size)
        kind = du_error_errno(error, errno, "write", whole);
    if (file != NULL && fclose(file) != 0 && kind == DU_OK)
        kind = du_error_errno(error, errno, "write", whole);
    du_free(whole);
    return kind;
}

static int remove_one(const char *path, const struct stat *about, int sort, struct FTW *where) {
    (void)about, (void)sort, (void)where;
    return remove(path);
}

void du_scratch_remove(const char *folder) {
    if (folder[0] != '\0')
        nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool du_scratch_is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}
