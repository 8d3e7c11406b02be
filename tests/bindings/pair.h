#ifndef DU_TEST_PAIR_H
#define DU_TEST_PAIR_H

/* One engine, two workers, two Lua states. One thread turns both loops, so each interleaving is
 * forced. */

#include "gate.h"

#include <string.h>

struct pair {
    struct engine engine;
    struct worker a, b;
};

static inline int set_up(void **state) {
    static struct pair pair;
    engine_start(&pair.engine);
    worker_start(&pair.a, &pair.engine, 0);
    worker_start(&pair.b, &pair.engine, 1);
    gate_install(&pair.a);
    gate_install(&pair.b);
    *state = &pair;
    return 0;
}

static inline int tear_down(void **state) {
    struct pair *pair = *state;
    worker_end(&pair->a);
    worker_end(&pair->b);
    engine_end(&pair->engine);
    return 0;
}

static inline void settle(struct pair *pair) {
    for (int i = 0; i < 3; i++) {
        worker_settle(&pair->a);
        worker_settle(&pair->b);
    }
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
