#include "fixture.h"
#include "members.h"

#include <pthread.h>

static const char hash[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";

struct store {
    struct du_ledger *journal;
    struct du_members *members;
};

static struct store open_store(struct fixture *fixture) {
    struct store store = {.journal =
                              fixture_ledger(fixture, "journal.db", DU_MEMBERS_SCHEMA, false)};
    struct du_error error;
    if (du_members_new(&store.members, &fixture->base, store.journal, &error) != DU_OK)
        fail_msg("%s", error.message);
    return store;
}

static void close_store(struct store *store) {
    du_members_free(&store->members);
    du_ledger_close(&store->journal);
}

struct outcome {
    int calls;
    enum du_error_kind result;
    char message[224];
};

static void note(void *user, enum du_error_kind result, const char *message) {
    struct outcome *outcome = user;
    outcome->calls++;
    outcome->result = result;
    snprintf(outcome->message, sizeof outcome->message, "%s", message);
}

static struct outcome settled(struct store *store, struct outcome *outcome,
                              enum du_error_kind started) {
    assert_int_equal(started, DU_OK);
    du_ledger_flush(store->journal);
    assert_int_equal(outcome->calls, 1);
    return *outcome;
}

static struct du_member_data ada(void) {
    static const char *const entitlements[] = {"tool", "alpha", "tool"};
    return (struct du_member_data){.id = "ada",
                                   .email = "Ada@Example.com",
                                   .password_hash = hash,
                                   .active = true,
                                   .admin = true,
                                   .entitlements = entitlements,
                                   .entitlement_count = 3};
}

static struct outcome add(struct store *store, struct du_member_data data) {
    struct outcome outcome = {0};
    return settled(store, &outcome, du_members_add(store->members, &data, note, &outcome, NULL));
}

static struct du_member_data member(const char *id, const char *email) {
    return (struct du_member_data){.id = id, .email = email, .password_hash = hash, .active = true};
}

static void a_member_is_found_by_id_and_by_folded_address(void **state) {
    struct store store = open_store(*state);
    assert_int_equal(add(&store, ada()).result, DU_OK);
    assert_int_equal(add(&store, member("bob", "bob@example.com")).result, DU_OK);
    for (int i = 0; i < 2; i++) {
        struct du_member *found = du_members_find_email(store.members, "aDA@example.COM");
        assert_non_null(found);
        assert_string_equal(found->id, "ada");
        assert_string_equal(found->email, "Ada@Example.com");
        assert_string_equal(found->password_hash, hash);
        assert_true(found->active && found->admin && !found->fixed);
        assert_int_equal(found->created_ms, (int64_t)FIXTURE_WALL_S * 1000);
        assert_int_equal(found->entitlement_count, 2);
        assert_true(du_member_entitled(found, "tool") && du_member_entitled(found, "alpha"));
        assert_false(du_member_entitled(found, "too"));
        du_member_unref(&found);
        assert_null(du_members_find(store.members, "Ada"));
        assert_null(du_members_find_email(store.members, "ada@example.co"));
        close_store(&store);
        store = open_store(*state);
    }
    close_store(&store);
}

static void a_change_swaps_the_table_and_its_generation(void **state) {
    struct store store = open_store(*state);
    struct outcome password = {0}, active = {0}, entitled = {0}, removed = {0};
    static const char *const games[] = {"game"};
    add(&store, ada());
    uint64_t before = du_members_generation(store.members);
    struct du_member_table *table = du_members_table(store.members);
    settled(&store, &password,
            du_members_set_password(store.members, "ada", "$argon2id$new", note, &password, NULL));
    settled(&store, &active,
            du_members_set_active(store.members, "ada", false, note, &active, NULL));
    settled(&store, &entitled,
            du_members_set_entitlements(store.members, "ada", games, 1, note, &entitled, NULL));
    assert_true(du_members_generation(store.members) > before);
    /* Who holds the old table keeps it. */
    assert_string_equal(du_member_table_find(table, "ada")->password_hash, hash);
    du_member_table_unref(&table);
    for (int i = 0; i < 2; i++) {
        struct du_member *found = du_members_find(store.members, "ada");
        assert_string_equal(found->password_hash, "$argon2id$new");
        assert_false(found->active);
        assert_true(du_member_entitled(found, "game") && !du_member_entitled(found, "tool"));
        assert_string_equal(found->email, "Ada@Example.com");
        du_member_unref(&found);
        close_store(&store);
        store = open_store(*state);
    }
    settled(&store, &removed, du_members_remove(store.members, "ada", note, &removed, NULL));
    for (int i = 0; i < 2; i++) {
        assert_null(du_members_find(store.members, "ada"));
        close_store(&store);
        store = open_store(*state);
    }
    close_store(&store);
}

static void a_hash_is_renewed_only_while_it_is_the_old_one(void **state) {
    struct store store = open_store(*state);
    struct outcome renewed = {0}, late = {0};
    add(&store, ada());
    settled(&store, &renewed,
            du_members_rehash(store.members, "ada", hash, "$argon2id$new", note, &renewed, NULL));
    assert_int_equal(renewed.result, DU_OK);
    settled(&store, &late,
            du_members_rehash(store.members, "ada", hash, "$argon2id$late", note, &late, NULL));
    assert_int_equal(late.result, DU_NOT_FOUND);
    struct du_member *found = du_members_find(store.members, "ada");
    assert_string_equal(found->password_hash, "$argon2id$new");
    du_member_unref(&found);
    close_store(&store);
}

static void ids_and_addresses_are_unique(void **state) {
    struct store store = open_store(*state);
    add(&store, ada());
    struct outcome same_id = add(&store, member("ada", "other@example.com"));
    assert_int_equal(same_id.result, DU_STORE);
    assert_non_null(strstr(same_id.message, "ada already"));
    struct outcome same_email = add(&store, member("eve", "ADA@example.com"));
    assert_int_equal(same_email.result, DU_STORE);
    assert_non_null(strstr(same_email.message, "address of member ada"));
    struct du_member_table *table = du_members_table(store.members);
    assert_int_equal(table->count, 1);
    du_member_table_unref(&table);
    close_store(&store);
}

static void changing_nobody_is_not_found(void **state) {
    struct store store = open_store(*state);
    struct outcome outcome = {0};
    settled(&store, &outcome, du_members_remove(store.members, "nobody", note, &outcome, NULL));
    assert_int_equal(outcome.result, DU_NOT_FOUND);
    assert_string_equal(outcome.message, "there is no member nobody");
    close_store(&store);
}

static void changes_happen_in_the_order_of_the_calls(void **state) {
    struct store store = open_store(*state);
    struct outcome outcomes[5] = {{0}};
    struct du_member_data data = ada();
    assert_int_equal(du_members_add(store.members, &data, note, &outcomes[0], NULL), DU_OK);
    assert_int_equal(du_members_set_active(store.members, "ada", false, note, &outcomes[1], NULL),
                     DU_OK);
    assert_int_equal(du_members_remove(store.members, "ada", note, &outcomes[2], NULL), DU_OK);
    assert_int_equal(du_members_remove(store.members, "ada", note, &outcomes[3], NULL), DU_OK);
    assert_int_equal(du_members_add(store.members, &data, note, &outcomes[4], NULL), DU_OK);
    /* Freeing waits for them all. */
    du_members_free(&store.members);
    du_ledger_close(&store.journal);
    static const enum du_error_kind expected[] = {DU_OK, DU_OK, DU_OK, DU_NOT_FOUND, DU_OK};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(outcomes[i].calls, 1);
        assert_int_equal(outcomes[i].result, expected[i]);
    }
    store = open_store(*state);
    struct du_member *found = du_members_find(store.members, "ada");
    assert_true(found != NULL && found->active);
    du_member_unref(&found);
    close_store(&store);
}

static void a_failing_journal_changes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct store store = open_store(fixture);
    du_faults_arm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT, SQLITE_IOERR, 0, -1);
    assert_int_equal(add(&store, ada()).result, DU_STORE);
    assert_null(du_members_find(store.members, "ada"));
    du_faults_disarm(&fixture->base.faults, DU_FAULT_LEDGER_COMMIT);
    assert_int_equal(add(&store, ada()).result, DU_OK);
    struct du_member *found = du_members_find(store.members, "ada");
    assert_non_null(found);
    du_member_unref(&found);
    close_store(&store);
}

static void what_is_malformed_is_refused_at_the_call(void **state) {
    struct store store = open_store(*state);
    static const char *const control[] = {"a\nb"};
    char *many = malloc(3000);
    const char *slugs[DU_MEMBER_ENTITLEMENTS_MOST + 1];
    for (int i = 0; i <= DU_MEMBER_ENTITLEMENTS_MOST; i++) {
        slugs[i] = &many[i * 2];
        many[i * 2] = 'a';
        many[i * 2 + 1] = '\0';
    }
    struct du_member_data bad[] = {
        member("", "a@b"),         member("a b", "a@b"), member("a\n", "a@b"),
        member("a", "no address"), member("a", "noat"),  member("a", ""),
        member("a", "a@b"),        member("a", "a@b"),   member("a", "a@b"),
    };
    bad[6].password_hash = "secret";
    bad[7].entitlements = control;
    bad[7].entitlement_count = 1;
    bad[8].entitlements = slugs;
    bad[8].entitlement_count = DU_MEMBER_ENTITLEMENTS_MOST + 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_error error;
        assert_int_equal(du_members_add(store.members, &bad[i], note, NULL, &error), DU_STORE);
        assert_true(error.message[0] != '\0');
        assert_null(strstr(error.message, "secret"));
    }
    free(many);
    close_store(&store);
}

static void the_ledgers_members_win_over_the_deployments(void **state) {
    struct store store = open_store(*state);
    struct du_member_data fixed[] = {member("ada", "file@example.com"),
                                     member("bob", "BOB@example.com"),
                                     member("eve", "ada@example.com")};
    struct outcome outcome = {0};
    assert_int_equal(du_members_set_static(store.members, fixed, 3, NULL), DU_OK);
    struct du_member_table *table = du_members_table(store.members);
    assert_int_equal(table->count, 3);
    assert_true(du_member_table_find(table, "bob")->fixed);
    du_member_table_unref(&table);
    /* The ledger's takes the id of one and the address of another. */
    assert_int_equal(add(&store, ada()).result, DU_OK);
    table = du_members_table(store.members);
    assert_int_equal(table->count, 2);
    assert_string_equal(du_member_table_find(table, "ada")->email, "Ada@Example.com");
    assert_null(du_member_table_find(table, "eve"));
    assert_string_equal(du_member_table_find_email(table, "bob@EXAMPLE.com")->id, "bob");
    du_member_table_unref(&table);
    /* They come back when it goes, and none of them is changed here. */
    settled(&store, &outcome, du_members_remove(store.members, "ada", note, &outcome, NULL));
    table = du_members_table(store.members);
    assert_int_equal(table->count, 3);
    du_member_table_unref(&table);
    outcome = (struct outcome){0};
    settled(&store, &outcome,
            du_members_set_active(store.members, "bob", false, note, &outcome, NULL));
    assert_int_equal(outcome.result, DU_NOT_FOUND);
    assert_non_null(strstr(outcome.message, "deployment's file"));
    assert_int_equal(du_members_set_static(store.members, NULL, 0, NULL), DU_OK);
    assert_null(du_members_find(store.members, "bob"));
    close_store(&store);
}

static void members_of_one_file_must_not_clash(void **state) {
    struct store store = open_store(*state);
    struct du_error error;
    struct du_member_data ids[] = {member("a", "a@x"), member("a", "b@x")};
    struct du_member_data emails[] = {member("a", "A@x"), member("b", "a@X")};
    struct du_member_data malformed[] = {member("a", "a@x"), member("b", "b")};
    uint64_t before = du_members_generation(store.members);
    assert_int_equal(du_members_set_static(store.members, ids, 2, &error), DU_STORE);
    assert_non_null(strstr(error.message, "twice"));
    assert_int_equal(du_members_set_static(store.members, emails, 2, &error), DU_STORE);
    assert_non_null(strstr(error.message, "address"));
    assert_int_equal(du_members_set_static(store.members, malformed, 2, &error), DU_STORE);
    assert_int_equal(du_members_generation(store.members), before);
    close_store(&store);
}

static void no_memory_at_any_point_changes_nothing(void **state) {
    struct store store = open_store(*state);
    struct du_member_data data = ada(), fixed = member("bob", "bob@x");
    struct outcome outcome = {0};
    enum du_error_kind kind = DU_MEMORY;
    for (int64_t i = 0; kind != DU_OK; i++) {
        outcome = (struct outcome){0};
        du_mem_fail_after(i);
        kind = du_members_add(store.members, &data, note, &outcome, NULL);
        du_mem_fail_after(-1);
        assert_true(kind == DU_OK || kind == DU_MEMORY);
        if (kind == DU_OK)
            kind = settled(&store, &outcome, kind).result;
        struct du_member *found = du_members_find(store.members, "ada");
        assert_int_equal(found != NULL, kind == DU_OK);
        du_member_unref(&found);
    }
    kind = DU_MEMORY;
    for (int64_t i = 0; kind != DU_OK; i++) {
        du_mem_fail_after(i);
        kind = du_members_set_static(store.members, &fixed, 1, NULL);
        du_mem_fail_after(-1);
        assert_true(kind == DU_OK || kind == DU_MEMORY);
    }
    close_store(&store);
}

enum { THREADS = 3, ROUNDS = 40 };

static void *churn(void *user) {
    struct store *store = user;
    for (int i = 0; i < ROUNDS; i++) {
        if (du_members_set_active(store->members, "ada", i % 2 == 0, NULL, NULL, NULL) != DU_OK)
            return NULL;
        struct du_member *found = du_members_find_email(store->members, "ada@example.com");
        if (found == NULL || strcmp(found->id, "ada") != 0)
            return NULL;
        du_member_unref(&found);
    }
    return user;
}

static void threads_share_the_members(void **state) {
    struct store store = open_store(*state);
    pthread_t threads[THREADS];
    add(&store, ada());
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &store), 0);
    for (int i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_member_is_found_by_id_and_by_folded_address),
        FIXTURE_TEST(a_change_swaps_the_table_and_its_generation),
        FIXTURE_TEST(a_hash_is_renewed_only_while_it_is_the_old_one),
        FIXTURE_TEST(ids_and_addresses_are_unique),
        FIXTURE_TEST(changing_nobody_is_not_found),
        FIXTURE_TEST(changes_happen_in_the_order_of_the_calls),
        FIXTURE_TEST(a_failing_journal_changes_nothing),
        FIXTURE_TEST(what_is_malformed_is_refused_at_the_call),
        FIXTURE_TEST(the_ledgers_members_win_over_the_deployments),
        FIXTURE_TEST(members_of_one_file_must_not_clash),
        FIXTURE_TEST(no_memory_at_any_point_changes_nothing),
        FIXTURE_TEST(threads_share_the_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
