#include "csv.h"
#include "fixture.h"

/* All records as "LINE:[field][field]\n", what is wrong as "LINE!what\n". */
static char *told(const char *text) {
    static char copy[1024], out[2048];
    struct du_csv csv;
    snprintf(copy, sizeof copy, "%s", text);
    out[0] = '\0';
    du_csv_init(&csv, copy);
    for (enum du_csv_step step; (step = du_csv_next(&csv)) != DU_CSV_END;) {
        size_t at = strlen(out);
        at += (size_t)sprintf(out + at, "%zu%s", csv.record_line, step == DU_CSV_WRONG ? "!" : ":");
        if (step == DU_CSV_WRONG)
            at += (size_t)sprintf(out + at, "%s", csv.wrong);
        for (size_t i = 0; step == DU_CSV_RECORD && i < csv.count; i++)
            at += (size_t)sprintf(out + at, "[%s]", csv.fields[i]);
        sprintf(out + at, "\n");
    }
    return out;
}

static void records_of_fields_with_their_lines(void **state) {
    (void)state;
    assert_string_equal(told("a,b\n1,2\r\n\n  \n3,4"), "1:[a][b]\n2:[1][2]\n5:[3][4]\n");
    assert_string_equal(told("a,,\n,b"), "1:[a][][]\n2:[][b]\n");
    assert_string_equal(told(""), "");
    assert_string_equal(told("\n\r\n"), "");
}

static void quoted_fields_hold_anything(void **state) {
    (void)state;
    assert_string_equal(told("\"a,b\",\"say \"\"hi\"\"\"\n\"two\nlines\",x\ny\n"),
                        "1:[a,b][say \"hi\"]\n2:[two\nlines][x]\n4:[y]\n");
    assert_string_equal(told("\"\",\" a \" , b \t\r\n"), "1:[][ a ][b]\n");
}

static void a_mark_and_semicolons_as_spreadsheets_write_them(void **state) {
    (void)state;
    assert_string_equal(told("\xef\xbb\xbfid;e,mail\n"), "1:[id;e][mail]\n");
    assert_string_equal(told("\xef\xbb\xbfid;email\nada;a,b\n"), "1:[id][email]\n2:[ada][a,b]\n");
}

static void what_is_malformed_ends_with_its_line(void **state) {
    (void)state;
    assert_string_equal(told("a\"b,c\nd\n"),
                        "1!a quote within a field: quote the whole field, and double the quote\n"
                        "2:[d]\n");
    assert_string_equal(told("\"a\"b,c\nd\n"), "1!text behind a closing quote\n2:[d]\n");
    assert_string_equal(told("x\n\"a,c\nd\n"), "1:[x]\n2!a quote that is never closed\n");
    assert_string_equal(told(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\nd\n"),
                        "1!too many fields\n2:[d]\n");
}

static void a_lone_carriage_return_is_text(void **state) {
    (void)state;
    assert_string_equal(told("a\rb,c\r"), "1:[a\rb][c]\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(records_of_fields_with_their_lines),
        FIXTURE_TEST(quoted_fields_hold_anything),
        FIXTURE_TEST(a_mark_and_semicolons_as_spreadsheets_write_them),
        FIXTURE_TEST(what_is_malformed_ends_with_its_line),
        FIXTURE_TEST(a_lone_carriage_return_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
