/* What keys:verify remembers, and that it is never believed longer than the token is good. */

#include "jwt.h"
#include "keys.h"
#include "rig.h"

#include <string.h>

#define VERIFY   "native.keys:verify(token, { issuer = 'i', audience = 'a', typ = 'at+jwt' })"
#define BELIEVED "local claims = assert(" VERIFY ")\n"

struct rig {
    struct engine engine;
    struct worker worker;
};

/* With a key, and in the global `token` one that is good for five minutes. */
static int set_up(void **state) {
    static struct rig rig;
    engine_start(&rig.engine);
    worker_start(&rig.worker, &rig.engine, 0);
    worker_do(&rig.worker, "native.keys:create()\n"
                           "token = native.keys:mint({ iss = 'i', aud = 'a', sub = 'ada',\n"
                           "  exp = native.clock.wall() // 1000 + 300 }, 'at+jwt')");
    *state = &rig;
    return 0;
}

static int tear_down(void **state) {
    struct rig *rig = *state;
    worker_end(&rig->worker);
    engine_end(&rig->engine);
    return 0;
}

static void a_token_that_comes_again_is_not_read_again(void **state) {
    struct rig *rig = *state;
    worker_do(&rig->worker, BELIEVED "assert(rawequal(claims, " VERIFY "))");
}

static void what_was_wanted_belongs_to_what_is_remembered(void **state) {
    struct rig *rig = *state;
    worker_do(&rig->worker, BELIEVED
              "local function refused(wanted) assert(not native.keys:verify(token, wanted)) end\n"
              "refused { issuer = 'j', audience = 'a', typ = 'at+jwt' }\n"
              "refused { issuer = 'i', audience = 'b', typ = 'at+jwt' }\n"
              "refused { issuer = 'i', audience = 'a' }");
}

static void a_remembered_token_ends_when_it_expires(void **state) {
    struct rig *rig = *state;
    worker_do(&rig->worker, BELIEVED);
    worker_advance(&rig->worker, (300 + DU_JWT_LEEWAY_S) * 1000 - 1);
    worker_do(&rig->worker, BELIEVED);
    worker_advance(&rig->worker, 1);
    for (int i = 0; i < 2; i++)
        worker_do(&rig->worker, "local claims, reason = " VERIFY "\n"
                                "assert(not claims and reason:find 'expired', reason)");
}

static void a_remembered_token_ends_with_its_key(void **state) {
    struct rig *rig = *state;
    char kid[DU_KEY_ID], old[DU_KEY_ID];
    struct du_keys *keys = rig->engine.shared.keys;
    struct du_key_set *set = du_keys_set(keys);
    memcpy(old, set->active->kid, sizeof old);
    du_key_set_unref(&set);
    worker_do(&rig->worker, BELIEVED);
    assert_int_equal(du_keys_make(keys, kid, NULL), DU_OK);
    worker_do(&rig->worker, BELIEVED);
    assert_int_equal(du_keys_remove(keys, old, NULL), DU_OK);
    worker_do(&rig->worker, "assert(not " VERIFY ")");
}

static void what_is_remembered_is_bounded(void **state) {
    struct rig *rig = *state;
    char text[512];
    snprintf(text, sizeof text,
             BELIEVED "local wanted = { issuer = 'i', audience = 'a' }\n"
                      "for i = 1, %d do\n"
                      "  assert(native.keys:verify(native.keys:mint { iss = 'i', aud = 'a',\n"
                      "    exp = native.clock.wall() // 1000 + 60 }, wanted))\n"
                      "end\n"
                      "assert(not rawequal(claims, " VERIFY "))",
             DU_JWT_REMEMBERED);
    worker_do(&rig->worker, text);
}

#define TOKENS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TOKENS(a_token_that_comes_again_is_not_read_again),
        TOKENS(what_was_wanted_belongs_to_what_is_remembered),
        TOKENS(a_remembered_token_ends_when_it_expires),
        TOKENS(a_remembered_token_ends_with_its_key),
        TOKENS(what_is_remembered_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
