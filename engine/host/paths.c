#include "paths.h"

#include "bytes.h"
#include "mem.h"

char *du_path_below(const char *folder, const char *path) {
    if (path[0] == '/')
        return du_strdup(path);
    struct du_bytes whole;
    du_bytes_init(&whole);
    du_bytes_format(&whole, "%s/%s", folder, path);
    if (du_bytes_check(&whole) == DU_OK)
        return whole.data;
    du_bytes_deinit(&whole);
    return NULL;
}
