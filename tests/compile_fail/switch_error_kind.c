/* A switch over the error kinds that names some and has no default. */
#include "error.h"

int is_ours(enum du_error_kind kind);

int is_ours(enum du_error_kind kind) {
    switch (kind) {
    case DU_OK:
        return 0;
#ifdef MENDED
#define DU_ERROR(constant, name, class, http, retry, text) case DU_##constant:
#include "error.def"
#undef DU_ERROR
        return 1;
#else
    case DU_IO:
        return 1;
#endif
    }
    return 0;
}
