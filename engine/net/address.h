#ifndef DU_ADDRESS_H
#define DU_ADDRESS_H

/* IP addresses and CIDR ranges: whom we connect to, whom we believe. Thread: any. */

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct du_address {
    unsigned char bytes[16]; /* IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) */
};

struct du_cidr {
    struct du_address address;
    unsigned bits; /* of the 128 */
};

bool du_address_parse(const char *text, size_t size, struct du_address *address);
bool du_address_of(const struct sockaddr *socket_address, struct du_address *address);
/* "10.0.0.0/8", "::1", … ; DU_SCRIPT with a message for what is none. */
enum du_error_kind du_cidr_parse(const char *text, struct du_cidr *cidr, struct du_error *error);
bool du_cidr_has(const struct du_cidr *cidr, const struct du_address *address);
/* Private, loopback, link-local, unique-local, unspecified, multicast, shared (RFC 6890), also as
 * IPv4-mapped or NAT64. */
bool du_address_is_private(const struct du_address *address);

#endif
