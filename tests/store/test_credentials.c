#include "credentials.h"
#include "fixture.h"

enum { TTL_MS = 60000 };

static struct du_member member(const char *id, const char *hash) {
    return (struct du_member){.id = id, .email = "a@x", .password_hash = hash, .active = true};
}

static bool known(struct du_credentials *credentials, const struct du_member *who,
                  const char *password) {
    return du_credentials_known(credentials, who, password, strlen(password));
}

static void remember(struct du_credentials *credentials, const struct du_member *who,
                     const char *password) {
    du_credentials_remember(credentials, who, password, strlen(password));
}

static struct du_credentials *make(struct fixture *fixture, size_t most) {
    struct du_credentials *credentials;
    assert_int_equal(du_credentials_new(&credentials, &fixture->base, most, TTL_MS), DU_OK);
    return credentials;
}

static void what_was_right_is_known_for_a_while_and_no_longer(void **state) {
    struct fixture *fixture = *state;
    struct du_credentials *credentials = make(fixture, 8);
    struct du_member ada = member("ada", "$argon2id$1");
    assert_false(known(credentials, &ada, "secret"));
    remember(credentials, &ada, "secret");
    assert_true(known(credentials, &ada, "secret"));
    assert_false(known(credentials, &ada, "secre"));
    assert_false(known(credentials, &ada, "secrets"));
    du_clock_advance(&fixture->base.clock, TTL_MS - 1);
    assert_true(known(credentials, &ada, "secret"));
    du_clock_advance(&fixture->base.clock, 1);
    assert_false(known(credentials, &ada, "secret"));
    assert_int_equal(du_credentials_count(credentials), 0);
    du_credentials_free(&credentials);
}

static void asking_does_not_prolong_and_remembering_again_does(void **state) {
    struct fixture *fixture = *state;
    struct du_credentials *credentials = make(fixture, 8);
    struct du_member ada = member("ada", "$argon2id$1");
    remember(credentials, &ada, "secret");
    du_clock_advance(&fixture->base.clock, TTL_MS / 2);
    remember(credentials, &ada, "secret");
    assert_int_equal(du_credentials_count(credentials), 1);
    du_clock_advance(&fixture->base.clock, TTL_MS / 2);
    assert_true(known(credentials, &ada, "secret"));
    du_clock_advance(&fixture->base.clock, TTL_MS / 2);
    assert_false(known(credentials, &ada, "secret"));
    du_credentials_free(&credentials);
}

static void a_changed_hash_drops_what_was_known(void **state) {
    struct du_credentials *credentials = make(*state, 8);
    struct du_member before = member("ada", "$argon2id$1"), after = member("ada", "$argon2id$2");
    struct du_member bob = member("bob", "$argon2id$1");
    remember(credentials, &before, "secret");
    assert_false(known(credentials, &after, "secret"));
    assert_false(known(credentials, &bob, "secret"));
    assert_true(known(credentials, &before, "secret"));
    du_credentials_free(&credentials);
}

static void the_parts_never_run_into_each_other(void **state) {
    struct du_credentials *credentials = make(*state, 8);
    struct du_member first = member("a", "bc"), second = member("ab", "c");
    remember(credentials, &first, "d");
    assert_false(known(credentials, &second, "d"));
    du_credentials_free(&credentials);
}

static void the_oldest_goes_when_it_is_full(void **state) {
    struct du_credentials *credentials = make(*state, 2);
    struct du_member ada = member("ada", "$argon2id$1");
    remember(credentials, &ada, "one");
    remember(credentials, &ada, "two");
    remember(credentials, &ada, "three");
    assert_int_equal(du_credentials_count(credentials), 2);
    assert_false(known(credentials, &ada, "one"));
    assert_true(known(credentials, &ada, "two") && known(credentials, &ada, "three"));
    du_credentials_clear(credentials);
    assert_false(known(credentials, &ada, "two"));
    du_credentials_free(&credentials);
}

static void over_long_passwords_are_not_remembered(void **state) {
    struct du_credentials *credentials = make(*state, 2);
    struct du_member ada = member("ada", "$argon2id$1");
    static char text[5000];
    memset(text, 'a', sizeof text);
    du_credentials_remember(credentials, &ada, text, sizeof text);
    assert_false(du_credentials_known(credentials, &ada, text, sizeof text));
    assert_int_equal(du_credentials_count(credentials), 0);
    du_credentials_free(&credentials);
}

static void no_memory_means_not_remembered(void **state) {
    struct du_credentials *credentials = make(*state, 2);
    struct du_member ada = member("ada", "$argon2id$1");
    for (int64_t i = 0; i < 2; i++) {
        du_mem_fail_after(i);
        remember(credentials, &ada, "secret");
        du_mem_fail_after(-1);
        assert_false(known(credentials, &ada, "secret"));
    }
    du_credentials_free(&credentials);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_right_is_known_for_a_while_and_no_longer),
        FIXTURE_TEST(asking_does_not_prolong_and_remembering_again_does),
        FIXTURE_TEST(a_changed_hash_drops_what_was_known),
        FIXTURE_TEST(the_parts_never_run_into_each_other),
        FIXTURE_TEST(the_oldest_goes_when_it_is_full),
        FIXTURE_TEST(over_long_passwords_are_not_remembered),
        FIXTURE_TEST(no_memory_means_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
