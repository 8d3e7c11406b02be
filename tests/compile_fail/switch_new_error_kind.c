/* A switch that named every error kind until the table gained one. */
#include "error.h"

int is_ours(enum du_error_kind kind);

int is_ours(enum du_error_kind kind) {
    switch (kind) {
    case DU_OK:
    case DU_NOT_FOUND:
    case DU_UPSTREAM:
    case DU_TRANSPORT:
    case DU_TIMEOUT:
    case DU_INTEGRITY:
    case DU_INVALID_URL:
        return 0;
    case DU_IO:
    case DU_STORE:
    case DU_SCRIPT:
    case DU_MEMORY:
    case DU_OVERLOADED:
    case DU_WAIT_TIMEOUT:
    case DU_CANCELLED:
        return 1;
#ifdef MENDED
    case DU_TEAPOT:
        return 1;
#endif
    }
    return 0;
}
