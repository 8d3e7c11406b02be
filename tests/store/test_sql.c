#include "fixture.h"
#include "sql.h"

#define INSERT "INSERT INTO words (n, word) VALUES (?, ?)"

static sqlite3 *open_words(void) {
    sqlite3 *database;
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "CREATE TABLE words (n INTEGER PRIMARY KEY, word TEXT)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return database;
}

static int statements(sqlite3 *database) {
    int count = 0;
    for (sqlite3_stmt *at = NULL; (at = sqlite3_next_stmt(database, at)) != NULL;)
        count++;
    return count;
}

static int64_t ask(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return answer;
}

static void a_text_is_prepared_once_and_the_connection_can_be_closed(void **state) {
    (void)state;
    sqlite3 *database = open_words();
    for (int i = 1; i <= 3; i++)
        assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(i), du_sql_text("x")), SQLITE_OK);
    assert_int_equal(statements(database), 1);
    assert_int_equal(DU_SQL(database, "DELETE FROM words WHERE n = ?", du_sql_integer(1)),
                     SQLITE_OK);
    assert_int_equal(statements(database), 2);
    assert_int_equal(ask(database, "SELECT count(*) FROM words"), 2);
    du_sql_forget(database);
    assert_int_equal(statements(database), 0);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void nothing_stays_bound(void **state) {
    (void)state;
    sqlite3 *database = open_words();
    assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(1), du_sql_text("x")), SQLITE_OK);
    assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(2)), SQLITE_OK);
    assert_int_equal(ask(database, "SELECT n FROM words WHERE word IS NULL"), 2);
    du_sql_forget(database);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void what_failed_runs_again_and_a_broken_text_is_an_error(void **state) {
    (void)state;
    sqlite3 *database = open_words();
    assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(1), du_sql_text("x")), SQLITE_OK);
    assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(1), du_sql_text("y")) & 0xff,
                     SQLITE_CONSTRAINT);
    assert_int_equal(DU_SQL(database, INSERT, du_sql_integer(2), du_sql_text("y")), SQLITE_OK);
    assert_int_equal(DU_SQL(database, "INSERT INTO nowhere VALUES (?)", du_sql_integer(1)),
                     SQLITE_ERROR);
    assert_int_equal(ask(database, "SELECT count(*) FROM words"), 2);
    du_sql_forget(database);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_prepared_once_and_the_connection_can_be_closed),
        cmocka_unit_test(nothing_stays_bound),
        cmocka_unit_test(what_failed_runs_again_and_a_broken_text_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
