#include "fixture.h"
#include "member_import.h"

static const char hash[] = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA";
#define BCRYPT "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"

struct store {
    struct du_ledger *journal;
    struct du_members *members;
};

static struct store open_store(struct fixture *fixture) {
    struct store store = {.journal =
                              fixture_ledger(fixture, "journal.db", DU_MEMBERS_SCHEMA, false)};
    assert_int_equal(du_members_new(&store.members, &fixture->base, store.journal, NULL), DU_OK);
    return store;
}

static void close_store(struct store *store) {
    du_members_free(&store->members);
    du_ledger_close(&store->journal);
}

static void note(void *user, enum du_error_kind result, const char *message) {
    (void)message;
    *(enum du_error_kind *)user = result;
}

struct options {
    bool skip_bad, dry_run;
};

/* What an import came to: "applied +added ~changed =unchanged !bad", then its findings. */
static const char *imported(struct store *store, struct options options, const char *csv) {
    static char told[2048];
    struct du_import import = {.skip_bad = options.skip_bad, .dry_run = options.dry_run};
    enum du_error_kind result = DU_CANCELLED;
    assert_int_equal(du_import_read(&import, csv, strlen(csv)), DU_OK);
    assert_int_equal(du_members_import(store->members, &import, note, &result, NULL), DU_OK);
    du_ledger_flush(store->journal);
    assert_int_equal(result, DU_OK);
    snprintf(told, sizeof told, "%s +%zu ~%zu =%zu !%zu\n%s", import.applied ? "yes" : "no",
             import.added, import.changed, import.unchanged, import.bad,
             import.findings.size > 0 ? import.findings.data : "");
    du_import_deinit(&import);
    return told;
}

static const char *import_all(struct store *store, const char *csv) {
    return imported(store, (struct options){0}, csv);
}

/* "email active admin hash entitlements"; "" when there is none of that id. */
static const char *member(struct store *store, const char *id) {
    static char told[512];
    struct du_member *found = du_members_find(store->members, id);
    told[0] = '\0';
    if (found == NULL)
        return told;
    int at = snprintf(told, sizeof told, "%s %d %d %.4s", found->email, found->active, found->admin,
                      found->password_hash);
    for (size_t i = 0; i < found->entitlement_count; i++)
        at += snprintf(told + at, sizeof told - (size_t)at, " %s", found->entitlements[i]);
    du_member_unref(&found);
    return told;
}

static size_t count(struct store *store) {
    struct du_member_table *table = du_members_table(store->members);
    size_t members = table->count;
    du_member_table_unref(&table);
    return members;
}

static const char three[] = "id,email,password_hash,active,admin,entitlements\n"
                            "ada,ada@example.com,\"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA\","
                            "yes,TRUE,vault tool\n"
                            "bob,bob@example.com," BCRYPT ",0,,\"vault;kit\"\n"
                            "eve,eve@example.com,,,no,\n";

static void rows_become_members_and_last(void **state) {
    struct store store = open_store(*state);
    assert_string_equal(import_all(&store, three), "yes +3 ~0 =0 !0\n");
    for (int i = 0; i < 2; i++) {
        assert_string_equal(member(&store, "ada"), "ada@example.com 1 1 $arg tool vault");
        assert_string_equal(member(&store, "bob"), "bob@example.com 0 0 $2b$ kit vault");
        assert_string_equal(member(&store, "eve"), "eve@example.com 1 0 ");
        close_store(&store);
        store = open_store(*state);
    }
    close_store(&store);
}

static void what_is_imported_twice_is_imported_once(void **state) {
    struct store store = open_store(*state);
    import_all(&store, three);
    assert_string_equal(import_all(&store, three), "yes +0 ~0 =3 !0\n");
    assert_int_equal(count(&store), 3);
    close_store(&store);
}

static void what_the_file_does_not_say_stays(void **state) {
    struct store store = open_store(*state);
    import_all(&store, three);
    assert_string_equal(import_all(&store, "id,entitlements\nada,kit\nbob,\neve,\n"),
                        "yes +0 ~2 =1 !0\n");
    assert_string_equal(member(&store, "ada"), "ada@example.com 1 1 $arg kit");
    assert_string_equal(member(&store, "bob"), "bob@example.com 0 0 $2b$");
    assert_string_equal(import_all(&store, "active,id,password_hash\n,ada,\nfalse,eve,\n"),
                        "yes +0 ~1 =1 !0\n");
    assert_string_equal(member(&store, "ada"), "ada@example.com 1 1 $arg kit");
    assert_string_equal(member(&store, "eve"), "eve@example.com 0 0 ");
    close_store(&store);
}

static const char faulty[] = "id,email,password_hash,active\n"
                             "ada,ada@example.com,,\n"
                             "a b,x@example.com,,\n"
                             "bob,bob.example.com,secret,maybe\n"
                             "eve,eve@example.com\n"
                             "\n"
                             "ada,other@example.com,,\n"
                             "fay,ADA@example.com,,\n"
                             "gus,gus@exam\"ple.com,,\n"
                             "hal,hal@example.com,$2b$31$abcdefghijklmnopqrstuujydOTSfIH/"
                             "d5oUHpsygqV5X9xJLQc6e,\n"
                             "ivy,taken@example.com,,\n"
                             ",x@example.com,,\n"
                             "joe,joe@example.com:x,,\n";

#define FINDINGS                                                                                   \
    "3\tid: found \"a b\", allowed are letters, digits, '.', '_' and '-', at most 128\n"           \
    "4\temail: found \"bob.example.com\", which is no address\n"                                   \
    "4\tpassword_hash: it is of no known sort (argon2id, bcrypt, PBKDF2), or asks too much\n"      \
    "4\tactive: found \"maybe\", allowed are true, false, yes, no, 1, 0\n"                         \
    "5\tfound 2 fields, the first line has 4\n"                                                    \
    "9\ta quote within a field: quote the whole field, and double the quote\n"                     \
    "10\tpassword_hash: it is of no known sort (argon2id, bcrypt, PBKDF2), or asks too much\n"     \
    "12\tid: is missing\n"                                                                         \
    "13\temail: found \"joe@example.com:x\", which is no address\n"                                \
    "7\tid: \"ada\" is on line 2 already\n"                                                        \
    "8\temail: \"ADA@example.com\" is on line 2 already\n"                                         \
    "11\temail: taken@example.com belongs to the member old\n"

static void add_old(struct store *store) {
    assert_string_equal(import_all(store, "id,email\nold,taken@example.com\n"),
                        "yes +1 ~0 =0 !0\n");
}

static void every_finding_is_told_and_nothing_is_changed(void **state) {
    struct store store = open_store(*state);
    add_old(&store);
    assert_string_equal(import_all(&store, faulty), "no +1 ~0 =0 !10\n" FINDINGS);
    assert_int_equal(count(&store), 1);
    close_store(&store);
}

static void bad_rows_alone_are_skipped_where_that_is_wanted(void **state) {
    struct store store = open_store(*state);
    add_old(&store);
    struct options skip = {.skip_bad = true};
    assert_string_equal(imported(&store, skip, faulty), "yes +1 ~0 =0 !10\n" FINDINGS);
    assert_int_equal(count(&store), 2);
    assert_string_equal(member(&store, "ada"), "ada@example.com 1 0 ");
    close_store(&store);
}

static void a_dry_run_tells_and_changes_nothing(void **state) {
    struct store store = open_store(*state);
    struct options dry = {.dry_run = true};
    assert_string_equal(imported(&store, dry, three), "no +3 ~0 =0 !0\n");
    assert_int_equal(count(&store), 0);
    close_store(&store);
}

static void a_new_member_needs_an_address(void **state) {
    struct store store = open_store(*state);
    assert_string_equal(import_all(&store, "id,active\nada,1\n"),
                        "no +0 ~0 =0 !1\n2\temail: is missing, and there is no member ada yet\n");
    close_store(&store);
}

static void a_header_that_is_none_is_told(void **state) {
    static const char *const told[][2] = {
        {"", "1\tthe file is empty: its first line names the columns\n"},
        {"\n\n", "1\tthe file is empty: its first line names the columns\n"},
        {"ada,ada@example.com\n",
         "1\tno such column: \"ada\" (known are id, email, password_hash, active, admin,"
         " entitlements)\n"
         "1\tno such column: \"ada@example.com\" (known are id, email, password_hash, active,"
         " admin, entitlements)\n"},
        {"id,password\n", "1\tthe column \"password\": passwords are taken as hashes only, in"
                          " \"password_hash\"\n"},
        {"id,email,id\n", "1\tthe column \"id\" is there twice\n"},
        {"\nemail\n", "2\tthere is no column \"id\" (the first line names them)\n"},
        {"id,\"email\n", "1\ta quote that is never closed\n"},
        {"id\n\xff\n", "1\tthe file is no UTF-8\n"},
    };
    struct store store = open_store(*state);
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        char wanted[512];
        snprintf(wanted, sizeof wanted, "no +0 ~0 =0 !0\n%s", told[i][1]);
        assert_string_equal(import_all(&store, told[i][0]), wanted);
    }
    struct du_import import = {0};
    assert_int_equal(du_import_read(&import, "id\n\0x\n", 6), DU_OK);
    assert_string_equal(import.findings.data, "1\tthe file has a NUL in it: it is no text\n");
    du_import_deinit(&import);
    close_store(&store);
}

static void a_member_of_the_file_becomes_one_of_the_ledger(void **state) {
    struct store store = open_store(*state);
    struct du_member_data fixed = {
        .id = "ci", .email = "ci@example.com", .password_hash = hash, .active = true};
    assert_int_equal(du_members_set_static(store.members, &fixed, 1, NULL), DU_OK);
    assert_string_equal(import_all(&store, "id,admin\nci,yes\n"), "yes +0 ~1 =0 !0\n");
    struct du_member *found = du_members_find(store.members, "ci");
    assert_true(found->admin && !found->fixed);
    assert_string_equal(found->password_hash, hash);
    du_member_unref(&found);
    close_store(&store);
}

/* Ten thousand, one statement each, in one commit. */
static void many_are_one_change(void **state) {
    enum { MANY = 10000 };
    struct store store = open_store(*state);
    struct du_bytes csv;
    du_bytes_init(&csv);
    du_bytes_text(&csv, "id,email\n");
    for (int i = 0; i < MANY; i++)
        du_bytes_format(&csv, "m%d,m%d@example.com\n", i, i);
    uint64_t commits, before, after;
    bool failing;
    du_ledger_figures(store.journal, &before, &commits, &failing);
    assert_string_equal(import_all(&store, csv.data), "yes +10000 ~0 =0 !0\n");
    du_ledger_figures(store.journal, &after, &commits, &failing);
    assert_int_equal(after - before, 2); /* one entry, so one transaction; and the flush's */
    assert_int_equal(count(&store), MANY);
    assert_string_equal(import_all(&store, csv.data), "yes +0 ~0 =10000 !0\n");
    du_bytes_deinit(&csv);
    close_store(&store);
}

static void no_memory_at_any_point_changes_nothing(void **state) {
    struct store store = open_store(*state);
    for (int nth = 0; nth < 60; nth++) {
        struct du_import import = {0};
        enum du_error_kind result = DU_CANCELLED;
        du_mem_fail_after(nth);
        enum du_error_kind kind = du_import_read(&import, three, strlen(three));
        if (kind == DU_OK)
            kind = du_members_import(store.members, &import, note, &result, NULL);
        du_mem_fail_after(-1);
        du_ledger_flush(store.journal);
        if (kind == DU_OK && result == DU_OK) {
            assert_true(nth > 5);
            assert_int_equal(count(&store), 3);
            du_import_deinit(&import);
            break;
        }
        assert_true(kind == DU_MEMORY || result == DU_MEMORY);
        assert_int_equal(count(&store), 0);
        du_import_deinit(&import);
    }
    close_store(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(rows_become_members_and_last),
        FIXTURE_TEST(what_is_imported_twice_is_imported_once),
        FIXTURE_TEST(what_the_file_does_not_say_stays),
        FIXTURE_TEST(every_finding_is_told_and_nothing_is_changed),
        FIXTURE_TEST(bad_rows_alone_are_skipped_where_that_is_wanted),
        FIXTURE_TEST(a_dry_run_tells_and_changes_nothing),
        FIXTURE_TEST(a_new_member_needs_an_address),
        FIXTURE_TEST(a_header_that_is_none_is_told),
        FIXTURE_TEST(a_member_of_the_file_becomes_one_of_the_ledger),
        FIXTURE_TEST(many_are_one_change),
        FIXTURE_TEST(no_memory_at_any_point_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
