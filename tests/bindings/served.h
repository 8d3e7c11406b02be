#ifndef DU_TEST_SERVED_H
#define DU_TEST_SERVED_H

/* What the tests of requests share: one site and one answer a program. */

#include "site.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct site site;
static struct answer answer;

static inline void serve(const char *dispatch) {
    site_start(&site, dispatch);
}

static inline int tear_down(void **state) {
    (void)state;
    site_end(&site);
    return 0;
}

#define ASSERT_SAYS(wanted)                                                                        \
    do {                                                                                           \
        if (!answer_says(&answer, wanted))                                                         \
            fail_msg("wanted %s in %s", wanted, answer.text);                                      \
    } while (0)

static inline int64_t running(void) {
    return du_limiter_running(site.engine.named.downloads, "ada");
}

static inline int64_t counted(void) {
    return du_limiter_counted(site.engine.named.downloads, "ada",
                              du_clock_wall_ms(&site.engine.base.clock));
}

#define SERVED(test) cmocka_unit_test_teardown(test, tear_down)

#endif
