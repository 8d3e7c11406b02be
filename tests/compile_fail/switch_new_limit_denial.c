/* A switch that named both denials until the table gained a third. */
#include "limiter.h"

int retry_helps(enum du_limit_denial denial);

int retry_helps(enum du_limit_denial denial) {
    switch (denial) {
    case DU_DENIAL_CONCURRENCY:
        return 1;
    case DU_DENIAL_DAILY_CAP:
        return 0;
#ifdef MENDED
    case DU_DENIAL_MONTHLY_CAP:
        return 0;
#endif
    }
    return 0;
}
