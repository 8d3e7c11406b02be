/* A switch over the denials that forgets one. */
#include "limiter.h"

int retry_helps(enum du_limit_denial denial);

int retry_helps(enum du_limit_denial denial) {
    switch (denial) {
    case DU_DENIAL_CONCURRENCY:
        return 1;
#ifdef MENDED
    case DU_DENIAL_DAILY_CAP:
        return 0;
#endif
    }
    return 0;
}
