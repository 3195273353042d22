#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

static bool
read_v4(struct text text, uint8_t byte[4])
{
	for (int i = 0; i < 4; i++) {
		size_t dot = text_find(text, '.');
		struct text part = text_slice(text, 0, dot);
		uint64_t number;
		if ((dot == text.len) != (i == 3) || part.len > 3)
			return false;
		if (part.len > 1 && part.ptr[0] == '0')
			return false;
		if (!text_to_number(part, 255, &number))
			return false;
		byte[i] = (uint8_t)number;
		text = text_slice(text, dot + 1, text.len);
	}
	return true;
}

bool
ip_read(struct text text, struct ip *ret_ip)
{
	struct ip ip = {0};
	char cstr[IP_TEXT_MAX];

	if (!text_has(text, ':')) {
		if (!read_v4(text, ip.byte))
			return false;
		ip.version = 4;
		*ret_ip = ip;
		return true;
	}
	if (text.len >= sizeof cstr || text_has(text, '\0'))
		return false;
	memcpy(cstr, text.ptr, text.len);
	cstr[text.len] = '\0';
	if (inet_pton(AF_INET6, cstr, ip.byte) != 1)
		return false;
	ip.version = 6;
	*ret_ip = ip;
	return true;
}

const char *
ip_cstr(const struct ip *ip, char text[IP_TEXT_MAX])
{
	int family = ip->version == 4 ? AF_INET : AF_INET6;

	text[0] = '\0';
	if (ip->version != 0)
		(void)inet_ntop(family, ip->byte, text, IP_TEXT_MAX);
	return text;
}

void
ip_write(struct build *build, const struct ip *ip)
{
	char text[IP_TEXT_MAX];

	if (ip->version != 4) {
		build_cstr(build, ip_cstr(ip, text));
		return;
	}
	for (size_t i = 0; i < 4; i++) {
		if (i > 0)
			build_byte(build, '.');
		build_number(build, ip->byte[i]);
	}
}

struct ip
ip_unmapped(struct ip ip)
{
	static const uint8_t prefix[12] = {[10] = 0xFF, [11] = 0xFF};
	struct ip v4 = {.version = 4};

	if (ip.version != 6 || memcmp(ip.byte, prefix, sizeof prefix) != 0)
		return ip;
	memcpy(v4.byte, ip.byte + sizeof prefix, 4);
	return v4;
}

bool
ip_equal(const struct ip *a, const struct ip *b)
{
	return a->version == b->version &&
	       memcmp(a->byte, b->byte, a->version == 4 ? 4 : 16) == 0;
}

bool
ip_read_net(struct text text, struct ip *ret_net, unsigned *ret_prefix)
{
	size_t slash = text_find(text, '/');
	struct ip ip;

	if (!ip_read(text_slice(text, 0, slash), &ip))
		return false;
	struct ip net = ip_unmapped(ip);
	uint64_t bits = ip.version == 4 ? 32 : 128;
	uint64_t prefix = bits;
	if (slash < text.len &&
	    !text_to_number(
		text_slice(text, slash + 1, text.len), bits, &prefix))
		return false;
	uint64_t mapped = net.version == ip.version ? 0 : 96;
	if (prefix < mapped)
		return false;
	*ret_net = net;
	*ret_prefix = (unsigned)(prefix - mapped);
	return true;
}

bool
ip_in_net(const struct ip *ip, const struct ip *net, unsigned prefix)
{
	unsigned whole = prefix / 8;
	unsigned rest = prefix % 8;

	if (ip->version == 0 || ip->version != net->version ||
	    prefix > (ip->version == 4 ? 32U : 128U))
		return false;
	if (memcmp(ip->byte, net->byte, whole) != 0)
		return false;
	return rest == 0 ||
	       (ip->byte[whole] ^ net->byte[whole]) >> (8 - rest) == 0;
}
