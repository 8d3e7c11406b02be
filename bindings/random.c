#include "random.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

bool du_random_hex(char *text, size_t count) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[DU_RANDOM_MOST];
    while (getrandom(bytes, count, 0) != (ssize_t)count)
        if (errno != EINTR)
            return false;
    for (size_t i = 0; i < count; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * count] = '\0';
    return true;
}
