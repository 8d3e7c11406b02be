/* Bodies of requests: by length and in chunks, in any portions, and every malformed chunk. */

#include "framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Gives text in portions; what is body goes to *body; tells how much was taken in all. */
static size_t feed(struct du_framing *framing, const char *text, size_t portion,
                   struct du_bytes *body) {
    size_t taken = 0, size = strlen(text);
    while (taken < size && framing->state != DU_FRAMING_DONE && framing->state != DU_FRAMING_BAD) {
        struct du_slice piece;
        size_t most = size - taken < portion ? size - taken : portion;
        taken += du_framing_take(framing, text + taken, most, &piece);
        du_bytes_add(body, piece.data, piece.size);
    }
    return taken;
}

static void assert_body(const char *text, bool chunked, int64_t length, const char *wanted,
                        size_t wanted_taken) {
    for (size_t portion = 1; portion <= strlen(text); portion++) {
        struct du_framing framing;
        struct du_bytes body;
        du_bytes_init(&body);
        du_framing_init(&framing, chunked, length);
        assert_int_equal(feed(&framing, text, portion, &body), wanted_taken);
        assert_int_equal(framing.state, DU_FRAMING_DONE);
        assert_int_equal(body.size, strlen(wanted));
        if (body.size > 0)
            assert_string_equal(body.data, wanted);
        du_bytes_deinit(&body);
    }
}

static void a_body_by_length_ends_where_it_says(void **state) {
    (void)state;
    assert_body("helloGET /", false, 5, "hello", 5);
    assert_body("GET /", false, 0, "", 0);
    assert_body("GET /", false, -1, "", 0);
}

static void chunks_are_joined_and_the_rest_is_left(void **state) {
    (void)state;
    assert_body("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", true, -1, "hello world", 26);
    assert_body("0\r\n\r\nGET", true, -1, "", 5);
    assert_body("00A\r\n0123456789\r\n000\r\n\r\n", true, -1, "0123456789", 24);
    assert_body("a\r\n0123456789\r\n0\r\n\r\n", true, -1, "0123456789", 20);
}

static void extensions_and_trailers_are_dropped(void **state) {
    (void)state;
    assert_body("2;name=\"v\"; x\r\nab\r\n0;y\r\nA: b\r\nC:d\r\n\r\nGET", true, -1, "ab", 37);
}

static void a_malformed_chunk_is_bad(void **state) {
    static const char *const cases[] = {"\r\n",           "x\r\n",        "-1\r\n",
                                        "+1\r\n",         " 1\r\n",       "1 \r\n",
                                        "0x1\r\n",        ";a\r\n",       "1\n",
                                        "1;a\n",          "1\r\r",        "1\r\nab",
                                        "1\r\na\n",       "1\r\na\rb",    "1000000000000000\r\n",
                                        "0\r\n X: y\r\n", "0\r\n: y\r\n", "0\r\nX: y\n",
                                        "0\r\n\r\r",      "1;\x01\r\n",   "0\r\nX: \x7f\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t portion = 1; portion <= strlen(cases[i]); portion++) {
            struct du_framing framing;
            struct du_bytes body;
            du_bytes_init(&body);
            du_framing_init(&framing, true, -1);
            feed(&framing, cases[i], portion, &body);
            if (framing.state != DU_FRAMING_BAD)
                fail_msg("case %zu passes: %s", i, cases[i]);
            du_bytes_deinit(&body);
        }
}

static void an_endless_extension_or_trailer_is_bad(void **state) {
    (void)state;
    for (int trailer = 0; trailer < 2; trailer++) {
        struct du_framing framing;
        struct du_slice piece;
        du_framing_init(&framing, true, -1);
        du_framing_take(&framing, trailer ? "0\r\nX" : "1;x", trailer ? 4 : 3, &piece);
        for (int i = 0; i < 20000 && framing.state != DU_FRAMING_BAD; i++)
            du_framing_take(&framing, "x", 1, &piece);
        assert_int_equal(framing.state, DU_FRAMING_BAD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_body_by_length_ends_where_it_says),
                                       cmocka_unit_test(chunks_are_joined_and_the_rest_is_left),
                                       cmocka_unit_test(extensions_and_trailers_are_dropped),
                                       cmocka_unit_test(a_malformed_chunk_is_bad),
                                       cmocka_unit_test(an_endless_extension_or_trailer_is_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
