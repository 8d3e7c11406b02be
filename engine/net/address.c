#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { V4_AT = 12, V4_BITS = 96, ALL_BITS = 128 };

static const unsigned char v4_mapped[V4_AT] = {[10] = 0xff, [11] = 0xff};

/* What nobody on the public internet has for an address (RFC 6890 and the registries it began). */
static const struct du_cidr private_ranges[] = {
#define V4(a, b, c, bits)                                                                          \
    { {{[10] = 0xff, 0xff, a, b, c}}, V4_BITS + (bits) }
    V4(0, 0, 0, 8),       /* this network */
    V4(10, 0, 0, 8),      /* private */
    V4(100, 64, 0, 10),   /* shared (RFC 6598) */
    V4(127, 0, 0, 8),     /* loopback */
    V4(169, 254, 0, 16),  /* link-local */
    V4(172, 16, 0, 12),   /* private */
    V4(192, 0, 0, 24),    /* protocol assignments */
    V4(192, 0, 2, 24),    /* documentation */
    V4(192, 168, 0, 16),  /* private */
    V4(198, 18, 0, 15),   /* benchmarking */
    V4(198, 51, 100, 24), /* documentation */
    V4(203, 0, 113, 24),  /* documentation */
    V4(224, 0, 0, 4),     /* multicast */
    V4(240, 0, 0, 4),     /* reserved, and broadcast */
#undef V4
    {{{0}}, 96},                                  /* unspecified, loopback, IPv4-compatible */
    {{{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}}, 48}, /* NAT64 of local use (RFC 8215) */
    {{{0x01}}, 64},                               /* discard */
    {{{0x20, 0x01}}, 23},                         /* protocol assignments, Teredo among them */
    {{{0x20, 0x01, 0x0d, 0xb8}}, 32},             /* documentation */
    {{{0xfc}}, 7},                                /* unique-local */
    {{{0xfe, 0x80}}, 10},                         /* link-local */
    {{{0xfe, 0xc0}}, 10},                         /* site-local */
    {{{0xff}}, 8},                                /* multicast */
};

/* Addresses that carry an IPv4 address, and where in them. */
static const struct {
    struct du_cidr range;
    size_t at;
} carriers[] = {
    {{{{0x00, 0x64, 0xff, 0x9b}}, 96}, 12}, /* NAT64 (RFC 6052) */
    {{{{0x20, 0x02}}, 16}, 2},              /* 6to4 (RFC 3056) */
};

static void set_v4(struct du_address *address, const void *four_bytes) {
    memcpy(address->bytes, v4_mapped, V4_AT);
    memcpy(address->bytes + V4_AT, four_bytes, 4);
}

static bool is_v4(const struct du_address *address) {
    return memcmp(address->bytes, v4_mapped, V4_AT) == 0;
}

bool du_address_parse(const char *text, size_t size, struct du_address *address) {
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;
    if (size >= sizeof copy || memchr(text, '\0', size) != NULL)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        set_v4(address, &v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, address->bytes) == 1;
}

bool du_address_of(const struct sockaddr *socket_address, struct du_address *address) {
    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, socket_address, sizeof v4);
        set_v4(address, &v4.sin_addr);
        return true;
    }
    if (socket_address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 v6;
    memcpy(&v6, socket_address, sizeof v6);
    memcpy(address->bytes, &v6.sin6_addr, sizeof address->bytes);
    return true;
}

/* The number of the prefix's bits in text; false unless it is 0 … most, in digits alone. */
static bool parse_bits(const char *text, unsigned most, unsigned *bits) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 3 || text[digits] != '\0')
        return false;
    *bits = (unsigned)strtoul(text, NULL, 10);
    return *bits <= most;
}

enum du_error_kind du_cidr_parse(const char *text, struct du_cidr *cidr, struct du_error *error) {
    size_t size = strcspn(text, "/");
    bool good = du_address_parse(text, size, &cidr->address);
    unsigned unsaid = good && is_v4(&cidr->address) ? V4_BITS : 0;
    unsigned bits = ALL_BITS - unsaid;
    if (good && text[size] == '/')
        good = parse_bits(text + size + 1, bits, &bits);
    if (!good)
        return du_error_set(error, DU_SCRIPT,
                            "\"%.64s\" is no address range; write one like 10.0.0.0/8 or fd00::/8",
                            text);
    cidr->bits = unsaid + bits;
    return DU_OK;
}

bool du_cidr_has(const struct du_cidr *cidr, const struct du_address *address) {
    size_t whole = cidr->bits / 8;
    unsigned rest = cidr->bits % 8;
    if (memcmp(cidr->address.bytes, address->bytes, whole) != 0)
        return false;
    unsigned char mask = (unsigned char)(0xff00u >> rest);
    return rest == 0 || ((cidr->address.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool du_address_is_private(const struct du_address *address) {
    struct du_address carried;
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        if (du_cidr_has(&carriers[i].range, address)) {
            set_v4(&carried, address->bytes + carriers[i].at);
            address = &carried;
            break;
        }
    }
    for (size_t i = 0; i < sizeof private_ranges / sizeof *private_ranges; i++) {
        if (du_cidr_has(&private_ranges[i], address))
            return true;
    }
    return false;
}
