/* IP addresses of both families, as values. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/build.h"

struct ip {
	uint8_t version;  /* 4, 6, or 0: no address */
	uint8_t byte[16]; /* network order; the first 4 for version 4 */
};

enum { IP_TEXT_MAX = 46 };

/* Dotted quad without leading zeros, or RFC 4291 2.2 text, no brackets. */
bool ip_read(struct text text, struct ip *ret_ip) MUST_USE;
/* Canonical text: RFC 5952 for IPv6. Nothing for version 0. */
void ip_write(struct build *build, const struct ip *ip);
/* The same into a C string. */
const char *ip_cstr(const struct ip *ip, char text[IP_TEXT_MAX]);

/* ::ffff:192.0.2.1 becomes 192.0.2.1 (RFC 7208 5); all else stays. */
struct ip ip_unmapped(struct ip ip);

bool ip_equal(const struct ip *a, const struct ip *b);
/* "192.0.2.0/24", or an address, which is all its bits. Clients are looked at as
 * IPv4 where they are (ip_unmapped), so networks are, too; false for one that
 * has mapped addresses and others besides. */
bool ip_read_net(
    struct text text, struct ip *ret_net, unsigned *ret_prefix) MUST_USE;
/* Do the first PREFIX bits agree? Never across versions. */
bool ip_in_net(const struct ip *ip, const struct ip *net, unsigned prefix);

#endif
