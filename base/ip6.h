/* SPDX-License-Identifier: MIT */
/* What an IPv6 address says of itself (RFC 4291). */
#ifndef BASE_IP6_H
#define BASE_IP6_H

#include "base/be.h"

/* An address and the prefix that is on the link with it. */
struct ip6_prefix {
	struct be128 ip;
	u8 bits; /* 1 to 128 */
};

static inline bool ip6_is_zero(struct be128 ip)
{
	return !(ip.q[0] | ip.q[1]);
}

static inline bool ip6_is_link_local(struct be128 ip)
{
	return ip.b[0] == 0xfe && (ip.b[1] & 0xc0) == 0x80;
}

static inline bool ip6_is_multicast(struct be128 ip)
{
	return ip.b[0] == 0xff;
}

/* An IPv4 address in disguise (2.5.5), or loopback: not of a host on a link. */
static inline bool ip6_is_special(struct be128 ip)
{
	return !ip.q[0] && (!ip.w[2] || ip.w[2] == be32(0xffff).raw);
}

/* Do @ip and @prefix agree in their first @bits? */
static inline bool ip6_in_prefix(struct be128 ip, struct be128 prefix, u8 bits)
{
	for (u32 i = 0; i < 2; i++) {
		u32 n = bits < i * 64 ? 0 : min(bits - i * 64, 64u);

		if (n && __builtin_bswap64(ip.q[i] ^ prefix.q[i]) >> (64 - n))
			return false;
	}
	return true;
}

/* ff02::1:ffXX:XXXX (2.7.1). */
static inline struct be128 ip6_solicited_node(struct be128 ip)
{
	return (struct be128){ .b = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
				      0xff, ip.b[13], ip.b[14], ip.b[15] } };
}

#endif
