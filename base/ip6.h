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

/* IPv4 in IPv6's clothes (2.5.5.2). */
static inline struct be128 ip6_mapped(struct be32 ip)
{
	return (struct be128){ .w = { 0, 0, be32(0xffff).raw, ip.raw } };
}

static inline bool ip6_is_mapped(struct be128 ip)
{
	return !ip.q[0] && ip.w[2] == be32(0xffff).raw;
}

/* The first @bits set. */
static inline struct be128 ip6_mask(u8 bits)
{
	struct be128 mask = { .q = { 0 } };

	for (u32 i = 0; i < bits; i++)
		mask.b[i / 8] |= (u8)(0x80 >> i % 8);
	return mask;
}

/* Do @ip and @prefix agree where @mask is set? */
static inline bool ip6_same_net(const struct be128 *ip,
				const struct be128 *prefix,
				const struct be128 *mask)
{
	return !(((ip->q[0] ^ prefix->q[0]) & mask->q[0]) |
		 ((ip->q[1] ^ prefix->q[1]) & mask->q[1]));
}

static inline bool ip6_in_prefix(struct be128 ip, struct ip6_prefix p)
{
	struct be128 mask = ip6_mask(p.bits);

	return ip6_same_net(&ip, &p.ip, &mask);
}

/* ff02::1:ffXX:XXXX (2.7.1). */
static inline struct be128 ip6_solicited_node(struct be128 ip)
{
	return (struct be128){ .b = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
				      0xff, ip.b[13], ip.b[14], ip.b[15] } };
}

#endif
