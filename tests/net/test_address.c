/* Addresses and ranges: what is private, and what lies in what. */

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct du_address parsed(const char *text) {
    struct du_address address;
    assert_true(du_address_parse(text, strlen(text), &address));
    return address;
}

static bool is_private(const char *text) {
    struct du_address address = parsed(text);
    return du_address_is_private(&address);
}

static bool has(const char *range, const char *text) {
    struct du_cidr cidr;
    struct du_address address = parsed(text);
    assert_int_equal(du_cidr_parse(range, &cidr, NULL), DU_OK);
    return du_cidr_has(&cidr, &address);
}

static void an_ipv4_address_is_its_mapped_ipv6_address(void **state) {
    (void)state;
    struct du_address a = parsed("10.1.2.3"), b = parsed("::ffff:10.1.2.3");
    assert_memory_equal(&a, &b, sizeof a);
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",      "10.1.2", "10.1.2.3.4", "10.1.2.256", "localhost",        "1.2.3.4 ",
        "[::1]", "::g",    "fe80::1%lo", "01.2.3.4",   "1:2:3:4:5:6:7:8:9"};
    struct du_address address;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(du_address_parse(bad[i], strlen(bad[i]), &address));
    assert_false(du_address_parse("1.2.3.4\0x", 9, &address));
}

static void the_address_of_a_socket_is_read_for_both_families(void **state) {
    (void)state;
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct du_address address, wanted = parsed("192.0.2.7");
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    assert_true(du_address_of((struct sockaddr *)&v4, &address));
    assert_memory_equal(&address, &wanted, sizeof address);
    inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
    wanted = parsed("2001:db8::7");
    assert_true(du_address_of((struct sockaddr *)&v6, &address));
    assert_memory_equal(&address, &wanted, sizeof address);
    assert_false(du_address_of(&other, &address));
}

static void what_the_public_internet_cannot_have_is_private(void **state) {
    (void)state;
    static const char *const here[] = {"0.0.0.0",
                                       "0.1.2.3",
                                       "10.0.0.1",
                                       "100.64.0.1",
                                       "100.127.255.255",
                                       "127.0.0.1",
                                       "127.255.255.254",
                                       "169.254.1.1",
                                       "172.16.0.1",
                                       "172.31.255.255",
                                       "192.0.0.8",
                                       "192.168.1.1",
                                       "198.18.0.1",
                                       "224.0.0.1",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::10.0.0.1",
                                       "fc00::1",
                                       "fdff::1",
                                       "fe80::1",
                                       "febf::1",
                                       "fec0::1",
                                       "ff02::1",
                                       "2001:db8::1",
                                       "100::1",
                                       "2001::1",
                                       "::ffff:127.0.0.1",
                                       "64:ff9b::10.0.0.1",
                                       "64:ff9b:1::1",
                                       "2002:7f00:1::"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++) {
        if (!is_private(here[i]))
            fail_msg("%s is private", here[i]);
    }
}

static void what_the_public_internet_has_is_not_private(void **state) {
    (void)state;
    static const char *const there[] = {"1.1.1.1",          "9.255.255.255",     "11.0.0.0",
                                        "100.63.255.255",   "100.128.0.0",       "126.1.1.1",
                                        "128.0.0.1",        "172.15.0.1",        "172.32.0.1",
                                        "192.169.0.1",      "198.20.0.1",        "223.255.255.255",
                                        "2606:4700::1",     "2a00:1450:4001::1", "::ffff:8.8.8.8",
                                        "64:ff9b::8.8.8.8", "2002:808:808::1",   "2001:200::1"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        if (is_private(there[i]))
            fail_msg("%s is not private", there[i]);
    }
}

static void a_range_has_its_addresses_and_no_others(void **state) {
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("172.16.0.0/12", "172.31.0.1"));
    assert_false(has("172.16.0.0/12", "172.32.0.1"));
    assert_true(has("127.0.0.1", "127.0.0.1"));
    assert_false(has("127.0.0.1", "127.0.0.2"));
    assert_true(has("0.0.0.0/0", "8.8.8.8"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("fd00::/8", "fdff::1"));
    assert_false(has("fd00::/8", "fc00::1"));
    assert_true(has("::/0", "127.0.0.1"));
    assert_true(has("::1", "::1"));
    assert_true(has("10.1.2.3/8", "10.9.9.9"));
}

static void what_is_no_range_is_refused_by_name(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "10.0.0.0/",
                                      "10.0.0.0/33",
                                      "::/129",
                                      "10/8",
                                      "10.0.0.0/8 ",
                                      "10.0.0.0/-1",
                                      "10.0.0.0/0x8",
                                      "private",
                                      "10.0.0.0/1000000000000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct du_cidr cidr;
        struct du_error error;
        assert_int_equal(du_cidr_parse(bad[i], &cidr, &error), DU_SCRIPT);
        assert_non_null(strstr(error.message, bad[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ipv4_address_is_its_mapped_ipv6_address),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(the_address_of_a_socket_is_read_for_both_families),
        cmocka_unit_test(what_the_public_internet_cannot_have_is_private),
        cmocka_unit_test(what_the_public_internet_has_is_not_private),
        cmocka_unit_test(a_range_has_its_addresses_and_no_others),
        cmocka_unit_test(what_is_no_range_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
