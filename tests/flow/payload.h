#ifndef DU_TEST_PAYLOAD_H
#define DU_TEST_PAYLOAD_H

/* A body to fetch, with its digest. */

#include "digest.h"
#include "rig.h"

#include <stdlib.h>

#include <cmocka.h>

struct payload {
    char *bytes;
    size_t size;
    struct du_digest digest;
};

static inline struct payload payload_of(size_t size) {
    struct payload payload = {malloc(size + 1), size, {{0}}};
    assert_non_null(payload.bytes);
    rig_pattern(payload.bytes, size, (unsigned)size);
    assert_int_equal(du_digest_of(payload.bytes, size, &payload.digest), DU_OK);
    return payload;
}

static inline void payload_free(struct payload *payload) {
    free(payload->bytes);
}

#endif
